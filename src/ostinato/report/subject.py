"""Subject: one run or bundle, with all that its folder says about it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ostinato.bundle import MANIFEST, Bundle, read_folder
from ostinato.errors import BundleError, ConfigError
from ostinato.report.history import History
from ostinato.training import checkpoint
from ostinato.training.log import FILE

State: TypeAlias = Literal["bundle", "not ended", "finished", "early", "ended"]


@dataclass(frozen=True)
class Subject:
    """`number` is its place among those beside it; `state` is `bundle` for one without a training, and `ended` where no
    checkpoint is left to say why it did.

    `unit` is what a token is, `versions` what the folder says it was made with, `warnings` what was passed over.
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

    @classmethod
    def read(cls, path: Path, name: str, number: int = 0) -> "Subject":
        """What stands in a folder. Raises BundleError where that is neither a run nor a bundle, or is damaged, and
        DataError where its log is."""
        _is_one(path)
        history = History.read(path)
        said: list[str] = []
        has_ended = (path / MANIFEST).exists()
        try:
            newest = checkpoint.newest(path, said.append)
        except BundleError as error:
            if not has_ended:
                raise
            said.append(str(error))
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
            tuple(said),
        )

    def leaves(self) -> dict[str, Any]:
        """Each value of the recipe by its whole key."""
        return dict(_leaves(self.recipe, ""))


def subjects(paths: Sequence[Path]) -> Iterator[Subject]:
    """All of them, named as shortly as tells them apart. Raises ConfigError where one is named twice."""
    whole = [path.resolve() for path in paths]
    for path, where in zip(paths, whole):
        if whole.count(where) > 1:
            raise ConfigError(f"{path}: it is named more than once; name each run once")
    last = [where.name for where in whole]
    for number, (path, where) in enumerate(zip(paths, whole)):
        yield Subject.read(path, where.name if last.count(where.name) == 1 else str(path), number)


def differences(found: Sequence[Subject]) -> dict[str, list[Any]]:
    """Each key of a recipe whose value is not the same in all, with one value a subject; None where it is not set."""
    leaves = [subject.leaves() for subject in found]
    keys = dict.fromkeys(key for each in leaves for key in each)
    values = {key: [each.get(key) for each in leaves] for key in keys}
    return {key: each for key, each in values.items() if any(value != each[0] for value in each)}


def _is_one(path: Path) -> None:
    if not path.is_dir():
        raise BundleError(f"{path}: there is no such folder; name training runs or bundles")
    if not any((path / name).exists() for name in (MANIFEST, FILE, "checkpoints")):
        inside = sorted(str(found.parent) for name in (FILE, MANIFEST) for found in path.glob(f"*/{name}"))
        listed = " ".join(dict.fromkeys(inside))
        hint = f"name those in it: {listed}" if inside else "name one that `ostinato train` wrote"
        raise BundleError(f"{path}: it is no training run and no bundle; {hint}")


def _versions(files: Mapping[str, bytes], training: Mapping[str, Any]) -> dict[str, str]:
    """Only what is written there."""
    found = {"Ostinato": str(json.loads(files["config.json"])["ostinato_version"])}
    found |= {name: str(training[name]) for name in ("torch", "threads") if name in training}
    return found


def _leaves(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
