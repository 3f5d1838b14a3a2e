"""Opened: the text model behind a path."""

from pathlib import Path

from ostinato.data.origin import checked
from ostinato.data.sources import Progress, quiet
from ostinato.textmodel.base import TextModel
from ostinato.textmodel.ngrams import open_ngram


def opened(path: Path, progress: Progress = quiet) -> TextModel:
    """A run, a bundle, an n-gram file or a mixture. Raises DataError or BundleError where it is none of these."""
    if path.is_dir():
        from ostinato.textmodel.run import Run

        return Run(path)
    with checked(path).open("rb") as file:
        first = file.read(1)
    if first == b"{":
        from ostinato.textmodel.mixture import open_mixture

        return open_mixture(path, progress)
    return open_ngram(path, progress)
