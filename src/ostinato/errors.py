"""Errors that a user can correct.

* OstinatoError              the command line prints one line and no traceback (unless --debug)      exit 3
  x ConfigError              a recipe or an option asks for what does not exist                      exit 2
  x DataError                an input is wrong: names file and line, or the offset                   exit 3
  x ComparisonError          two numbers that mean different things were compared                    exit 3
  x StreamError              a stream was closed, a state does not fit, a model cannot stream        exit 3
  x DivergedError            training gave NaN again after rolling back                              exit 4
  x BundleError              what was loaded does not fit what is installed, or fails its checksum   exit 5
  x ResourceError            the disk or the memory is full                                          exit 6

Each message is one sentence in three parts: where, what, what to do.
"""

from collections.abc import Sequence


class OstinatoError(Exception):
    """An error that a user can correct; the command line exits with `exit_code`."""

    exit_code = 3


class ConfigError(OstinatoError):
    """A recipe or an option asks for what does not exist; `problems` has a sentence for each problem."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]):
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(OstinatoError):
    """An input is wrong: the message names file and line, or the byte offset."""


class ComparisonError(OstinatoError):
    """Two numbers that mean different things were compared."""


class StreamError(OstinatoError):
    """A stream was used after it closed, cannot stream, or was given a state that does not fit."""


class DivergedError(OstinatoError):
    """Training gave NaN again after rolling back."""

    exit_code = 4


class BundleError(OstinatoError):
    """What was loaded does not fit what is installed, or fails its checksum."""

    exit_code = 5


class ResourceError(OstinatoError):
    """The disk or the memory is full."""

    exit_code = 6
