"""A trained run, or a bundle, as a text model."""

from pathlib import Path

from ostinato.bundle import Bundle
from ostinato.errors import ConfigError
from ostinato.textmodel.base import OfTokens


class Run(OfTokens):
    """The network of a run whose task is to model language."""

    def __init__(self, path: Path):
        bundle = Bundle.load(path)
        tokenizer = getattr(bundle.task, "tokenizer", None)
        if tokenizer is None or not hasattr(bundle.model, "log_probs"):
            name = bundle.recipe["task"]["name"]
            raise ConfigError(f"{path}: its task is '{name}', which models no text; name a run of a language model")
        super().__init__(path, tokenizer, bundle.model)
