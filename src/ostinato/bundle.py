"""Bundle: a trained thing on disk, and back.

    config.json          model_type, architectures, ostinato_version, the resolved recipe
    model.safetensors    the weights
    tokenizer.json, …    what the task learnt (its assets)
    README.md            a model card
    ostinato.json        schema version and the sha256 of each file

No pickle, no archive, no code: a stranger's bundle may cost memory and time within limits, and nothing else.
"""

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ostinato import __version__
from ostinato.bundle_card import as_html, model_card, one_line
from ostinato.decode import Generation, generated, unknown_characters
from ostinato.errors import BundleError, ConfigError, DataError, ResourceError
from ostinato.metrics import Score
from ostinato.migrations import MIGRATIONS, Files
from ostinato.models import models
from ostinato.registry import Spec
from ostinato.scoring import TokenScorer, whole
from ostinato.tasks import Prediction, Task, tasks
from ostinato.text import Tokenizer

SCHEMA: Final = 2
MANIFEST: Final = "ostinato.json"
WEIGHTS: Final = "model.safetensors"
CONFIG_KEYS: Final = {"model_type", "architectures", "ostinato_version", "recipe"}
HEADER_BYTES: Final = 10_000_000
TENSORS: Final = 100_000

MALFORMED: Final = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading a stranger's JSON may raise."""


class Bundle:
    """A task, its model, and the recipe that made them."""

    def __init__(self, task: Task, model: nn.Module, recipe: Mapping[str, Any]):
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
            raise BundleError(f"{folder}: there is no such folder; name a bundle or a training run")
        if not (folder / MANIFEST).exists() and (folder / "checkpoints").is_dir():
            folder = _best_checkpoint(folder)
        return cls.from_files(read_folder(folder), str(folder))

    @classmethod
    def from_files(cls, files: Files, at: str) -> "Bundle":
        """The bundle in files that were read and verified; files it does not know are left alone."""
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
        model.load_state_dict(_tensors(files, model, at))
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

    def predict(self, items: Sequence[Any]) -> list[Prediction]:
        """One prediction for each item (for a language model: a text), in order."""
        return list(self._predictions(items))

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
        lm, tokenizer = self.language_model()
        generation = Generation(
            length, temperature, top_k, top_p, min_p, typical, no_repeat_ngram, beam, length_penalty, seed
        )
        unknown = unknown_characters(tokenizer, prompt)
        if unknown:
            text = f"generate: the model does not know {' '.join(unknown)!r} and reads it as unknown"
            warnings.warn(text, stacklevel=2)
        return prompt + "".join(generated(lm, tokenizer, prompt, generation))

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

    def _predictions(self, items: Sequence[Any]) -> Iterator[Prediction]:
        with torch.inference_mode():
            for batch in self.task.batches_of(items):
                yield from self.task.predict(self.model, batch)[0]


def build_model(task: Task, spec: Spec[nn.Module]) -> nn.Module:
    """The model, its size checked before anything is allocated. Raises ResourceError where memory would not hold it."""
    numbers = count_parameters(task, spec)
    needed, free = 4 * numbers, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > free:
        raise ResourceError(
            f"model: {numbers:,} parameters need {needed / 2**30:,.1f} GiB but this machine has "
            f"{free / 2**30:,.1f}; take fewer or smaller layers"
        )
    return task.model(spec)


def count_parameters(task: Task, spec: Spec[nn.Module]) -> int:
    """How many numbers the model would learn; nothing is allocated."""
    with torch.device("meta"), _Unfilled():
        return sum(math.prod(parameter.shape) for parameter in task.model(spec).parameters())


class _Unfilled(TorchFunctionMode):
    """Nothing is filled with random numbers: where only sizes count that is idle, and torch would import its whole
    compiler (seconds) to do it on the device that holds nothing."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files and their manifest so that a reader finds the old folder or the new one, whenever the power fails.

    A new folder appears by one rename. In one that exists, the manifest goes first and comes back last. Raises
    ResourceError where the disk is full, with nothing left under a final name.
    """
    whole = {**files, MANIFEST: _manifest(files)}
    scratch = path.parent / f".{path.name}.tmp-{os.getpid()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for name, data in whole.items():
            with open(scratch / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _sync(scratch)
        if path.exists():
            (path / MANIFEST).unlink(missing_ok=True)
            for name in whole:  # the manifest is the last
                os.replace(scratch / name, path / name)
            _sync(path)
            scratch.rmdir()
        else:
            os.rename(scratch, path)
        _sync(path.parent)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            needed, free = sum(map(len, whole.values())), _free(path)
            raise ResourceError(
                f"{path}: the disk is full: {needed:,} bytes are needed and {free:,} are free; make room and run again"
            ) from error
        raise


def read_folder(path: Path) -> Files:
    """Every file that the manifest names, verified. Raises BundleError saying which file and which check."""
    raw = _read(path / MANIFEST)
    try:
        manifest = json.loads(raw)
        names, schema = dict(manifest["sha256"]), int(manifest["schema"])
    except (*MALFORMED, AttributeError) as error:
        raise BundleError(f"{path / MANIFEST}: it is not a manifest ({error}); fetch the folder again") from error
    if schema > SCHEMA:  # first, for it may look otherwise
        raise BundleError(f"{path}: its schema is {schema} and this version reads up to {SCHEMA}; upgrade Ostinato")
    files: Files = {}
    for name, digest in names.items():
        if Path(name).name != name or name in ("", "..") or not name.isprintable() or "\\" in name:
            raise BundleError(f"{path / MANIFEST}: it names {name!r} outside its folder; do not trust this bundle")
        files[name] = _read(path / name)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(f"{path / name}: its sha256 is not the one in {MANIFEST}; fetch or save it again")
    if raw != _manifest(files, schema):
        raise BundleError(f"{path / MANIFEST}: it was changed after it was written; fetch or save the folder again")
    return _migrated(files, schema, path)


def _manifest(files: Mapping[str, bytes], schema: int = SCHEMA) -> bytes:
    # One canonical form, with a checksum of itself, so that no bit of it can change unseen.
    body: dict[str, Any] = {
        "schema": schema,
        "sha256": {name: hashlib.sha256(files[name]).hexdigest() for name in files},
    }
    body["self"] = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps(body, indent=2).encode()


def _migrated(files: Files, schema: int, path: Path) -> Files:
    for old in range(schema, SCHEMA):
        if old not in MIGRATIONS:
            raise BundleError(
                f"{path}: its schema {old} is no longer read; load and save it with an older Ostinato first"
            )
        try:
            files = MIGRATIONS[old](files)
        except MALFORMED as error:
            raise BundleError(f"{path}: a file of it cannot be read ({error}); fetch the bundle again") from error
    return files


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


def _best_checkpoint(run: Path) -> Path:
    """The checkpoint that a run under way would call its best, by the newest that can be read."""
    for folder in sorted((run / "checkpoints").glob("step-*"), reverse=True):
        try:
            best = json.loads(read_folder(folder)["training.json"]).get("best_checkpoint")
        except (BundleError, ValueError, KeyError):
            continue
        return run / "checkpoints" / best if best and (run / "checkpoints" / best).is_dir() else folder
    raise BundleError(f"{run}: it holds no checkpoint that can be read; train it again")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: it cannot be read ({error.strerror}); fetch or save the folder again") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
