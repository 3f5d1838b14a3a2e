"""open_scorer: the TextScorer behind a path, whatever is there."""

from pathlib import Path

from ostinato.data.paths import readable_file
from ostinato.errors import ConfigError
from ostinato.progress import OnProgress, silent
from ostinato.scoring.base import TextScorer, TokenScorer
from ostinato.scoring.mixture import open_mixture
from ostinato.scoring.ngrams import open_ngram


def open_scorer(path: Path, progress: OnProgress = silent) -> TextScorer:
    """A run, a bundle, an n-gram file or a mixture. Raises DataError or BundleError where it is none of these."""
    if path.is_dir():
        return open_run(path)
    with readable_file(path).open("rb") as file:
        first = file.read(1)
    return open_mixture(path, open_scorer, progress) if first == b"{" else open_ngram(path, progress)


def open_run(path: Path) -> TokenScorer:
    """The network of a run or bundle. Raises ConfigError where its task does not model language."""
    from ostinato.bundle import Bundle  # here, because it imports torch

    bundle = Bundle.load(path)
    tokenizer = getattr(bundle.task, "tokenizer", None)
    if tokenizer is None or not hasattr(bundle.model, "log_probs"):
        name = bundle.recipe["task"]["name"]
        raise ConfigError(f"{path}: its task is '{name}', which does not model text; name a run of a language model")
    return TokenScorer(path, tokenizer, bundle.model)
