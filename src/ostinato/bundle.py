"""Bundle: a trained thing on disk, and back.

    config.json          model_type, architectures, ostinato_version, the resolved recipe
    model.safetensors    the weights
    tokenizer.json, …    what the task learnt (its assets)
    README.md            a model card
    ostinato.json        schema version and the sha256 of each file

No pickle, no archive, no code: a stranger's bundle may cost memory and time within limits, and nothing else.
"""

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ostinato.bundle_card import as_html, model_card, one_line
from ostinato.bundle_folder import MALFORMED, MANIFEST, read_folder, write_folder
from ostinato.decode import Generation, unknown_characters
from ostinato.errors import BundleError, ConfigError, DataError
from ostinato.metrics import Score
from ostinato.migrations import Files
from ostinato.models import models
from ostinato.registry import check_call
from ostinato.scoring import TokenScorer, whole
from ostinato.tasks import GenerativeTask, Prediction, Task, tasks
from ostinato.tasks.building import build_model
from ostinato.text import Tokenizer
from ostinato.version import __version__

if TYPE_CHECKING:
    from ostinato.stream import LiveStream

WEIGHTS: Final = "model.safetensors"
CONFIG_KEYS: Final = {"model_type", "architectures", "ostinato_version", "recipe"}
HEADER_BYTES: Final = 10_000_000
TENSORS: Final = 100_000


class Bundle:
    """A task, its model, and the recipe that made them."""

    def __init__(self, task: Task[Any, Any], model: nn.Module, recipe: Mapping[str, Any]):
        self.task, self.model, self.recipe = task, model.eval(), dict(recipe)

    def __repr__(self) -> str:
        return one_line(self.recipe, self.parameters())

    def _repr_html_(self) -> str:
        return as_html(self.recipe, type(self.model).__name__, self.parameters())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Bundle":
        """A bundle's folder, or a run's (its bundle if training has ended, else its best checkpoint so far).

        Raises BundleError for what is damaged, unknown or of another version.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise not_a_folder(folder)
        if not (folder / MANIFEST).exists() and (folder / "checkpoints").is_dir():
            folder = _best_checkpoint(folder)
        return cls.from_files(read_folder(folder), str(folder))

    @classmethod
    def from_files(cls, files: Files, at: str) -> "Bundle":
        """The bundle of files that were read and verified; other files are ignored. Raises BundleError where they do
        not make one."""
        config = _config(files, at)
        table = config["recipe"]
        try:
            task = tasks.build(table["task"], at="task")
            task.restore(
                {name: data.decode() for name, data in files.items() if not name.startswith(("model.", "training."))}
            )
            model = build_model(task, models.spec(table["model"], "model"))
        except (ConfigError, DataError, KeyError, UnicodeDecodeError) as error:
            raise BundleError(
                f"{at}: its recipe does not fit this version of Ostinato ({error}); install the one that made it"
            ) from error
        load_weights(files, model, at)
        return cls(task, model, table)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the folder atomically; what else stands in it stays. Raises ResourceError where the disk is full."""
        write_folder(Path(path), self.files())

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str]) -> "Bundle":
        """`load`, under the name that users of the hub type."""
        return cls.load(path)

    def save_pretrained(self, path: str | os.PathLike[str]) -> None:
        """`save`, under the name that users of the hub type."""
        self.save(path)

    def files(self) -> Files:
        """Every file of the bundle but the manifest."""
        config = {
            "model_type": self.recipe["model"]["name"],
            "architectures": [type(self.model).__name__],
            "ostinato_version": __version__,
            "recipe": self.recipe,
        }
        weights = {name: tensor.detach().contiguous() for name, tensor in self.model.state_dict().items()}
        return {
            "config.json": json.dumps(config, indent=2).encode(),
            WEIGHTS: safetensors.torch.save(weights),
            **{name: text.encode() for name, text in self.task.assets().items()},
            "README.md": model_card(self.recipe, type(self.model).__name__, self.parameters()).encode(),
        }

    def predict(self, items: Iterable[Any], **options: Any) -> list[Prediction]:
        """One prediction for each item (for a language model: a text), in order; a single text is one item.

        The options are those of the task's `predict_options`. Raises ConfigError for an item or an option that does not
        fit.
        """
        return list(self.predictions(items, **options))

    def predictions(self, items: Iterable[Any], **options: Any) -> Iterator[Prediction]:
        """As `predict`, one after another, for items without end. Raises ConfigError as `predict` does."""
        constructor = self.task.predict_options
        checked, problems = check_call(constructor, options, "predict", "predict")
        if problems:
            raise ConfigError(problems)
        return self._predictions([items] if isinstance(items, str) else items, constructor(**checked))

    def stream(self) -> "LiveStream":
        """One live input. Raises StreamError if the model cannot answer before the end."""
        from ostinato.stream import LiveStream, Streamer

        return LiveStream(Streamer(self.task, self.model))

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        typical: float | None = None,
        no_repeat_ngram: int | None = None,
        beam: int | None = None,
        length_penalty: float | None = None,
        seed: int = 0,
    ) -> str:
        """The prompt and the model's continuation of it, of at most `length` tokens; the options are those of
        `decode.Generation`.

        Warns where the prompt has characters that the model does not know. Raises ConfigError where the model does not
        model text, or an option is out of range or without effect.
        """
        generation = Generation(
            length, temperature, top_k, top_p, min_p, typical, no_repeat_ngram, beam, length_penalty, seed
        )
        pieces = self.continuation(prompt, generation)
        unknown = unknown_characters(self.tokenizer, prompt)
        if unknown:
            text = f"generate: the model does not know {' '.join(unknown)!r} and reads it as unknown"
            warnings.warn(text, stacklevel=2)
        return prompt + "".join(pieces)

    def continuation(self, prompt: Any, generation: Generation) -> Iterator[Any]:
        """What the model writes after the prompt, piece by piece. Raises ConfigError where the task generates
        nothing."""
        if not isinstance(self.task, GenerativeTask):
            name = self.recipe["task"]["name"]
            raise ConfigError(f"bundle: its task is '{name}', which generates nothing; use predict")
        ids = self.task.read_prompt(prompt)
        return self.task.write(self.task.generate(self.model, ids, generation), ids)

    def score(self, text: str) -> dict[str, Score]:
        """What a text costs under the model, by the metric's name: `bits_per_character`, `nats_per_character`,
        `bits_per_byte` and `perplexity`, each a Score with `value`, `unit` and `interval`.

        The text is read from its beginning to its end with the state carried. Raises ConfigError where the model does
        not model text, DataError for a text that is empty or not Unicode.
        """
        lm, tokenizer = self.language_model()
        with tempfile.TemporaryDirectory(prefix="ostinato-") as folder:
            path = Path(folder, "text")
            try:
                path.write_bytes(text.encode())
            except UnicodeEncodeError as error:
                raise DataError(f"score: character {error.start} of the text is a lone surrogate; remove it") from error
            scores = TokenScorer(path, tokenizer, lm).read(whole(path)).scores()
        return {score.name: score for score in scores}

    def language_model(self) -> tuple[Any, Tokenizer]:
        """The model as an `ostinato.lm.LanguageModel` over the ids of the tokenizer. Raises ConfigError where the task
        does not model text."""
        if not hasattr(self.model, "log_probs"):
            name = self.recipe["task"]["name"]
            raise ConfigError(f"bundle: its task is '{name}', which does not model text; use predict")
        return self.model, self.tokenizer

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into ids and back. Raises ConfigError where the task reads no text."""
        tokenizer: Tokenizer | None = getattr(self.task, "tokenizer", None)
        if tokenizer is None:
            name = self.recipe["task"]["name"]
            raise ConfigError(f"bundle: its task is '{name}', which has no tokenizer; use predict")
        return tokenizer

    def parameters(self) -> int:
        """How many numbers the model learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def _predictions(self, items: Iterable[Any], options: Any) -> Iterator[Prediction]:
        with torch.inference_mode():
            yield from self.task.predictions(self.model, items, options)


def _config(files: Files, at: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(files["config.json"])
        odd = sorted(set(config) ^ CONFIG_KEYS)
        if not odd and not isinstance(config["recipe"], dict):
            raise TypeError("its recipe is no table")
    except MALFORMED as error:
        raise BundleError(f"{at}/config.json: it cannot be read ({error}); fetch the bundle again") from error
    if odd:
        raise BundleError(f"{at}/config.json: {', '.join(odd)} is missing or unknown; it is of another version")
    return config


def load_weights(files: Files, model: nn.Module, at: str) -> None:
    """Put the weights in a bundle's files into the model, in place. Raises BundleError where they are not this
    model's."""
    model.load_state_dict(_tensors(files, model, at))


def _tensors(files: Files, model: nn.Module, at: str) -> dict[str, Tensor]:
    data = files.get(WEIGHTS, b"")
    header = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header > min(HEADER_BYTES, len(data) - 8) or data[8 : 8 + header].count(b'"dtype"') > TENSORS:
        raise BundleError(f"{at}/{WEIGHTS}: its header is not that of a model's weights; fetch the bundle again")
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise BundleError(f"{at}/{WEIGHTS}: it cannot be read ({error}); fetch the bundle again") from error
    expected = model.state_dict()
    for name in sorted(set(tensors) ^ set(expected)):
        there = "has no" if name in expected else "has an unexpected"
        raise BundleError(f"{at}/{WEIGHTS}: it {there} tensor '{name}'; it is of another model")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise BundleError(
                f"{at}/{WEIGHTS}: '{name}' is {tensor.dtype} {list(tensor.shape)} where the recipe makes "
                f"{expected[name].dtype} {list(expected[name].shape)}; it is of another model"
            )
    return tensors


def not_a_folder(path: Path) -> BundleError:
    """The sentence for a `path` that should be the folder of a bundle or a run: a file, or nothing at all."""
    if path.exists():
        return BundleError(f"{path}: it is a file; name the folder of a bundle or a run (n-grams: `ostinato lm`)")
    return BundleError(f"{path}: there is no such folder; name a bundle or a training run")


def _best_checkpoint(run: Path) -> Path:
    """The checkpoint that a run under way would call its best, by the newest that can be read."""
    for folder in sorted((run / "checkpoints").glob("step-*"), reverse=True):
        try:
            best = json.loads(read_folder(folder)["training.json"]).get("best_checkpoint")
        except (BundleError, ValueError, KeyError):
            continue
        return run / "checkpoints" / best if best and (run / "checkpoints" / best).is_dir() else folder
    raise BundleError(f"{run}: it holds no checkpoint that can be read; train it again")
