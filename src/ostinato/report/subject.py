"""Subject: one run or bundle, with everything that its folder holds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ostinato.bundle import Bundle, not_a_folder
from ostinato.bundle_folder import MANIFEST, read_folder
from ostinato.errors import BundleError, ConfigError
from ostinato.report.history import History
from ostinato.report.sample import Sample, sample
from ostinato.training import checkpoint
from ostinato.training.log import FILE

State: TypeAlias = Literal["bundle", "not ended", "finished", "early", "ended"]


@dataclass(frozen=True)
class Subject:
    """A run or a bundle. `number` is its place among those of the page; `state` is `bundle` where there is no training
    log, and `ended` where no checkpoint says why training ended.

    `unit` is what the training loss is a mean over (a character, a step), `versions` are those that the folder records,
    `warnings` name the files that could not be read and were not needed.
    """

    name: str
    number: int
    path: Path
    state: State
    history: History
    recipe: Mapping[str, Any]
    parameters: int
    unit: str
    versions: Mapping[str, str]
    warnings: tuple[str, ...]
    sample: Sample

    @classmethod
    def read(cls, path: Path, name: str, number: int = 0) -> "Subject":
        """Everything that a folder holds. Raises BundleError where it is neither a run nor a bundle, or is damaged, and
        DataError where its log is damaged."""
        _check_folder(path)
        history = History.read(path)
        warnings: list[str] = []
        has_ended = (path / MANIFEST).exists()
        try:
            newest = checkpoint.newest(path, warnings.append)
        except BundleError as error:
            if not has_ended:
                raise
            warnings.append(str(error))
            newest = None
        if not has_ended and newest is None:
            raise BundleError(f"{path}: its training has written no checkpoint yet; wait for the first one")
        files = newest.bundle if newest is not None and not has_ended else read_folder(path)
        bundle = Bundle.from_files(files, str(path))
        training = newest.training if newest is not None else {}
        state: State = "bundle" if training == {} and not (path / FILE).exists() else "ended"
        if training:
            state = training["run"]["stopped"] or "not ended"
        return cls(
            name,
            number,
            path,
            state,
            history,
            bundle.recipe,
            bundle.parameters(),
            str(getattr(bundle.task, "unit", "token")),
            _versions(files, training),
            tuple(warnings),
            sample(bundle, path if state != "bundle" else None),
        )

    def leaves(self) -> dict[str, Any]:
        """Each value of the recipe by its dotted key."""
        return dict(_leaves(self.recipe, ""))


def subjects(paths: Sequence[Path]) -> Iterator[Subject]:
    """Each folder read, by its own name, or by its path where two have the same name.

    Raises ConfigError where one is named twice, and what `Subject.read` raises.
    """
    resolved = [path.resolve() for path in paths]
    for path, folder in zip(paths, resolved):
        if resolved.count(folder) > 1:
            raise ConfigError(f"{path}: it is named more than once; name each run once")
    names = [folder.name for folder in resolved]
    for number, (path, name) in enumerate(zip(paths, names)):
        yield Subject.read(path, name if names.count(name) == 1 else str(path), number)


def differences(runs: Sequence[Subject]) -> dict[str, list[Any]]:
    """Each key of a recipe whose value is not the same in all, with one value a run; None where it is not set."""
    leaves = [subject.leaves() for subject in runs]
    keys = dict.fromkeys(key for each in leaves for key in each)
    values = {key: [each.get(key) for each in leaves] for key in keys}
    return {key: each for key, each in values.items() if any(value != each[0] for value in each)}


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise not_a_folder(path)
    if not any((path / name).exists() for name in (MANIFEST, FILE, "checkpoints")):
        inside = sorted(str(file.parent) for name in (FILE, MANIFEST) for file in path.glob(f"*/{name}"))
        listed = " ".join(dict.fromkeys(inside))
        hint = f"name those in it: {listed}" if inside else "name one that `ostinato train` wrote"
        raise BundleError(f"{path}: it is neither a training run nor a bundle; {hint}")


def _versions(files: Mapping[str, bytes], training: Mapping[str, Any]) -> dict[str, str]:
    versions = {"Ostinato": str(json.loads(files["config.json"])["ostinato_version"])}
    return versions | {name: str(training[name]) for name in ("torch", "threads") if name in training}


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
