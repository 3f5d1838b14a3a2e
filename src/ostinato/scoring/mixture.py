"""A mixture on disk: a small JSON file that names its models and their weights.

    {"mixture": "linear", "models": [{"path": "a.ngram", "sha256": "…", "weight": 0.9}, {"cache": 500, "weight": 0.1}]}

Paths are from the file's own folder on; the sha256 of a run or a bundle is that of its manifest.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from ostinato.data.text_file import Text
from ostinato.errors import BundleError, ConfigError
from ostinato.files import replacing
from ostinato.progress import OnProgress, silent
from ostinato.scoring.base import TextScorer, TokenScorer, lines
from ostinato.scoring.token_scores import TokenScores, mixed

MixtureKind: TypeAlias = Literal["linear", "log-linear"]

KINDS: tuple[MixtureKind, ...] = ("linear", "log-linear")
LARGEST_BYTES = 1 << 20
MANIFEST = "ostinato.json"
ROWS = 32


class CacheScorer(TokenScorer):
    """A unigram cache over another model's tokens. Raises ConfigError where that model scores lines on their own."""

    def __init__(self, length: int, of: TextScorer):
        if of.tokenizer is None:
            raise ConfigError(
                f"cache: {of.path} is of lines, and each begins anew, so that nothing would be remembered; use models "
                "of a tokenizer's tokens"
            )
        super().__init__(Path(f"cache of {length}"), of.tokenizer)
        self._length, self._of = length, of

    @cached_property
    def lm(self) -> Any:
        """The `ostinato.lm.Cache`."""
        from ostinato.lm.cache import Cache

        return Cache(self._length, size=self._of.lm.size, eos=self._of.lm.eos)


class MixtureScorer(TokenScorer):
    """Several text models as one; see `ostinato.lm.Mixture`. Raises ConfigError where their tokens differ."""

    def __init__(
        self, path: Path, models: Sequence[TextScorer], weights: Sequence[float], kind: MixtureKind = "linear"
    ):
        first = models[0]
        for other in models[1:]:
            if other.identity != first.identity:
                raise ConfigError(
                    f"{path}: {first.path} and {other.path} are not of the same tokens; build them with the same "
                    "tokenizer (--unit), or words of one --vocabulary"
                )
        for each in models:
            if not each.distribution:
                raise ConfigError(
                    f"{path}: the scores of {each.path} are no distribution, and a mixture is of probabilities; "
                    "build it with another smoothing"
                )
        super().__init__(path, first.tokenizer)  # type: ignore[arg-type]
        self.models, self.weights, self.kind = list(models), list(weights), kind

    @property
    def files(self) -> list[Path]:
        """Its own, and those of its models."""
        return [self.path, *(path for each in self.models for path in each.files)]

    @property
    def words(self) -> list[str]:
        """Those of its models."""
        return self.models[0].words

    @cached_property
    def lm(self) -> Any:
        """The `ostinato.lm.Mixture`."""
        from ostinato.lm.mixture import Mixture

        return Mixture([each.lm for each in self.models], self.weights, self.kind)

    def read(self, text: Text, progress: OnProgress = silent, probabilities: bool = True) -> TokenScores:
        """A linear one from what each of its models reads, so that no more is computed than that."""
        if self.kind == "linear":
            scores = [each.read(text, progress) for each in self.models]
            return mixed(scores, np.array(self.weights) / sum(self.weights))
        if self.tokenizer is not None:
            return super().read(text, progress, probabilities)
        return self.models[0].read(text, progress).paying(self._by_lines(text, progress))

    def _by_lines(self, text: Text, progress: OnProgress) -> Any:
        import torch

        from ostinato.padded import Padded

        numbers = {word.encode("utf-8", "surrogateescape"): n for n, word in enumerate(self.words)}
        unknown, end = numbers[b"<unk>"], numbers.pop(b"</s>")
        for name in (b"<unk>", b"<s>"):
            numbers.pop(name, None)
        rows = [torch.tensor([*(numbers.get(w, unknown) for w in line.split()), end]) for line in lines(text)]
        parts = []
        with torch.inference_mode():
            for first in range(0, len(rows), ROWS):
                batch = Padded.of(rows[first : first + ROWS])
                log_probs, _ = self.lm.token_log_probs(batch, self.lm.start(torch.arange(batch.batch)))
                parts.append(log_probs.double()[batch.mask].numpy())
                progress(f"score {text.path.name}", first, len(rows))
        return np.concatenate(parts)


def open_mixture(
    path: Path, open_model: Callable[[Path, OnProgress], TextScorer], progress: OnProgress = silent
) -> MixtureScorer:
    """The mixture in a file; `open_model` opens its parts. Raises BundleError for a file that is no mixture, or a model
    of it that is not the one it was made of."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        table = json.loads(path.read_bytes())
        kind, parts = table["mixture"], [_checked(part) for part in table["models"]]
        if kind not in KINDS or set(table) != {"mixture", "models"} or not any("path" in part for part in parts):
            raise ValueError("it needs a kind, linear or log-linear, and models")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{path}: it is not a mixture ({error!s}); write it again with ostinato lm mix") from error
    models: list[TextScorer | int] = []
    for part in parts:
        if "cache" in part:
            models.append(part["cache"])
            continue
        where = path.parent / part["path"]
        if sha256_of(where) != part["sha256"]:
            raise BundleError(f"{where}: it is not the model that {path} mixes (its sha256 differs); mix again")
        models.append(open_model(where, progress))
    return MixtureScorer(path, with_caches(models), [part["weight"] for part in parts], kind)


def save_mixture(
    path: Path, models: Sequence[Path | int], weights: Sequence[float], kind: MixtureKind = "linear"
) -> None:
    """Models are paths, or the lengths of caches."""
    parts: list[dict[str, Any]] = []
    for model, weight in zip(models, weights):
        if isinstance(model, int):
            parts.append({"cache": model, "weight": weight})
        else:
            name = Path(os.path.relpath(model, path.parent)).as_posix()
            parts.append({"path": name, "sha256": sha256_of(model), "weight": weight})
    with replacing(path) as file:
        file.write((json.dumps({"mixture": kind, "models": parts}, indent=2) + "\n").encode())


def with_caches(models: Sequence[TextScorer | int]) -> list[TextScorer]:
    """Each number as a cache of that length over the tokens of the first model."""
    first = next(each for each in models if isinstance(each, TextScorer))
    return [each if isinstance(each, TextScorer) else CacheScorer(each, first) for each in models]


def sha256_of(path: Path) -> str:
    """Of a file, or of a folder's manifest. Raises BundleError where it cannot be read."""
    name = path / MANIFEST if path.is_dir() else path
    try:
        with name.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        hint = "train the run to its end" if path.is_dir() else "put it back, or mix again"
        raise BundleError(f"{name}: it cannot be read ({error.strerror}); {hint}") from error


def _checked(part: Mapping[str, Any]) -> Mapping[str, Any]:
    weight = part["weight"]
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight < float("inf"):
        raise ValueError(f"{weight!r} is no weight")
    if set(part) == {"cache", "weight"} and isinstance(part["cache"], int) and 0 < part["cache"] < 1 << 20:
        return part
    if set(part) == {"path", "sha256", "weight"} and isinstance(part["path"], str) and "\0" not in part["path"]:
        return part
    raise ValueError("a model of it is neither a path with its sha256 nor a cache")
