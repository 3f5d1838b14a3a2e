"""The verbs by name, and how an error ends the program: one sentence and an exit code (`ostinato.errors`)."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

import ostinato
from ostinato.cli.bench import bench
from ostinato.cli.compare import compare
from ostinato.cli.data import app as data
from ostinato.cli.evaluate import evaluate
from ostinato.cli.generate import generate
from ostinato.cli.info import info
from ostinato.cli.lm import app as lm
from ostinato.cli.predict import predict
from ostinato.cli.recipes import recipes
from ostinato.cli.report import report
from ostinato.cli.stream import stream
from ostinato.cli.tokenize import app as tokenize
from ostinato.cli.train import train
from ostinato.errors import OstinatoError
from ostinato.files import FULL_DISK_ERRNOS, full_disk

VERBS: tuple[Callable[..., None], ...] = (
    recipes, train, evaluate, generate, stream, predict, info, bench, compare, report,
)  # fmt: skip
PLANNED = (
    "serve", "export", "import", "verify", "doctor", "ctc", "embed", "chapter",
)  # fmt: skip
OWN_OPTIONS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Of `predict`: a task may have options that are known once its bundle is loaded."""
USAGE = 2
PIPE_CLOSED = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer(
    name="ostinato",
    help="Train recurrent sequence models, stream them one element at a time, and look inside.",
    epilog=f"Planned, not available yet: {', '.join(PLANNED)}.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given  # at any place
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="%(name)s: %(message)s")
    code = _run([argument for argument in given if argument != "--debug"], debug)
    sys.exit(_flushed(code))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        return int(app(arguments, prog_name="ostinato", standalone_mode=False) or 0)
    except BrokenPipeError:
        return PIPE_CLOSED
    except SystemExit as leaving:  # the parser leaves with 1 where stdout was closed
        return PIPE_CLOSED if leaving.code == 1 else int(leaving.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        return _printed("ostinato: interrupted", INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explained(error)


def _explained(error: Exception) -> int:
    """Print one sentence for each problem of an error, and return the exit code for it."""
    if isinstance(error, OstinatoError):
        return _printed(str(error), error.exit_code)
    if hasattr(error, "format_message"):  # a wrong call, reported by the parser of the command line
        context = getattr(error, "ctx", None)
        verb = context.command_path if context is not None else "ostinato"
        message = str(error.format_message()).rstrip(".")
        hint = "" if message.endswith("?") else f"; try '{verb} --help'"
        return _printed(f"{verb}: {message[:1].lower()}{message[1:]}{hint}" if message else "", USAGE)
    if isinstance(error, OSError) and error.errno in FULL_DISK_ERRNOS:
        return _explained(full_disk(error.filename or "output", error))
    if isinstance(error, OSError) and error.filename is not None:
        return _printed(f"{error.filename}: {error.strerror}; check the path and its permissions", 3)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error) or "out of memory" in str(error):
        return _printed("memory: it is full; set a smaller train.batch_size, or take a smaller model", 6)
    text = " ".join(str(error).split())
    return _printed(
        f"ostinato: unexpected {type(error).__name__}: {text}; please report it; --debug shows the traceback", 1
    )


def _printed(sentence: str, code: int) -> int:
    if sentence:
        print(sentence, file=sys.stderr)
    return code


def _flushed(code: int) -> int:
    """Write what is still buffered; that stdout was closed is not an error."""
    for channel in (sys.stdout, sys.stderr):
        try:
            channel.flush()
        except BrokenPipeError:
            code = code or PIPE_CLOSED
            os.dup2(os.open(os.devnull, os.O_WRONLY), channel.fileno())  # or Python complains as it ends
        except OSError as error:
            code = code or _explained(error)
    return code


def _version(asked: bool) -> None:
    if asked:
        print(f"ostinato {ostinato.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; allowed at any place.")
    ] = False,
) -> None:
    pass


def _planned(verb: str) -> Callable[[], Any]:
    def refuse() -> None:
        print(f"ostinato {verb}: this verb does not exist yet; 'ostinato --help' lists those that do", file=sys.stderr)
        raise typer.Exit(USAGE)

    return refuse


for _verb in VERBS:
    app.command(context_settings=OWN_OPTIONS if _verb is predict else None)(_verb)
app.add_typer(tokenize)
app.add_typer(data)
app.add_typer(lm)
for _name in PLANNED:
    app.command(
        _name,
        hidden=True,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )(_planned(_name))
