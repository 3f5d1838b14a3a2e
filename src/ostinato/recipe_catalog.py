"""RecipeCatalog: the recipes and comparisons that come with the package, by name.

Each is a TOML file below `ostinato/recipes/` (recipes to train) or `ostinato/recipes/compare/` (comparisons). Its first
comment lines say what it is for, and then `# Data: …` what it reads and `# Time: …` how long it takes.
"""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ostinato.errors import ConfigError

Verb: TypeAlias = Literal["train", "compare"]

FOLDERS: Final[dict[Verb, Path]] = {
    "train": Path(__file__).with_name("recipes"),
    "compare": Path(__file__).with_name("recipes") / "compare",
}
KINDS: Final[dict[Verb, str]] = {"train": "recipe", "compare": "comparison"}
ON_A_TEXT: Final = "char-rnn"
"""The recipe that trains on any text."""


@dataclass(frozen=True)
class ShippedRecipe:
    """A recipe that comes with the package: its name, the verb that runs it, what it is for, the data that it reads,
    and about how long it takes."""

    name: str
    verb: Verb
    path: Path
    purpose: str
    data: str
    time: str

    @property
    def command(self) -> str:
        """What to type to run it."""
        return f"ostinato {self.verb} {self.name}"


def shipped(verb: Verb | None = None) -> list[ShippedRecipe]:
    """Every recipe of the package, recipes to train first, each group by name; with `verb` only those for it."""
    return [
        _read(path, each) for each in FOLDERS if verb in (None, each) for path in sorted(FOLDERS[each].glob("*.toml"))
    ]


def recipe_path(recipe: str | os.PathLike[str], verb: Verb = "train") -> Path:
    """The file of a recipe: one with a slash in it, or that ends in `.toml`, is a path; any other is a name.

    Raises ConfigError for a name that the package does not have, with the nearest one or the command to type.
    """
    given = os.fspath(recipe)
    if not isinstance(recipe, str) or os.sep in given or given.endswith(".toml"):
        return Path(given)
    names = [path.stem for path in FOLDERS[verb].glob("*.toml")]
    if given in names:
        return FOLDERS[verb] / f"{given}.toml"
    raise ConfigError(f"{given}: {_unknown(given, verb, sorted(names))}")


def text_command(path: str | os.PathLike[str]) -> str:
    """What to type to train on a text."""
    return f"ostinato train {ON_A_TEXT} --set data.text={os.fspath(path)}"


def _unknown(name: str, verb: Verb, names: list[str]) -> str:
    """Why a name is not a recipe's, and what to type."""
    kind = KINDS[verb]
    if Path(name).is_dir():
        return f"it is a folder, not a {kind}; name a {kind}'s .toml file, or one of {', '.join(names)}"
    if verb == "train" and (Path(name).is_file() or Path(name).suffix in (".txt", ".gz", ".xz")):
        return f"it is not a recipe; to train on a text, type: {text_command(name)}"
    other: Verb = "compare" if verb == "train" else "train"
    if (FOLDERS[other] / f"{name}.toml").is_file():
        return f"it is a {KINDS[other]}; type: ostinato {other} {name}"
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    nearest = f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(names)}"
    return f"there is no such {kind}; {nearest} (a file of your own ends in .toml)"


def _read(path: Path, verb: Verb) -> ShippedRecipe:
    parts: dict[str, str] = {}
    purpose: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        label, colon, text = line.removeprefix("# ").partition(": ")
        if colon and label in ("Data", "Time"):
            parts[label] = text
        elif not line.startswith("# ") or parts:
            break
        else:
            purpose.append(line.removeprefix("# "))
    return ShippedRecipe(path.stem, verb, path, " ".join(purpose), parts.get("Data", ""), parts.get("Time", ""))
