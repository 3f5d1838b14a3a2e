"""The command line: one function a verb. Results go to stdout; progress, notes and errors to stderr."""

from ostinato.cli.app import main

__all__ = ["main"]
