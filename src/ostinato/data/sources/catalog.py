"""A set of the catalog as a source: its official splits, its rows as its files have them."""

from pathlib import Path

from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import Columns
from ostinato.data.table.in_memory import InMemoryRows
from ostinato.data.table.rows import Rows
from ostinato.data.table.splitting import split_by_hash
from ostinato.errors import ConfigError
from ostinato.progress import OnProgress, silent
from ostinato.registry import Share

NONE: Columns = {}
NAMES = {"dev": "valid"}
"""Other names of the split that is evaluated during training."""


@register("catalog", example={"set": "protein_secondary_structure"})
def catalog(
    set: str,
    columns: Columns = NONE,
    valid: Share = 0.0,
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    """Every split of a public data set (`ostinato data list`); what the set calls `dev` is called `valid`.

    `valid` is the share of `train` that becomes `valid` (`split_by_hash`, by `seed`) where the set has no such split.
    `columns` says which fields are taken and what they must be; without it, all are taken as they are. The rows are in
    memory. Raises ConfigError where there is no such set, DataError where it cannot be fetched.

    Options:
        set: the data set's name, as `ostinato data list` has it.
        columns: the fields to take, each with its type; empty takes all.
        valid: share of the training rows that becomes the validation split, where the set has none.
        seed: decides which rows are held out by `valid`.
    """
    from ostinato.data.catalog import catalog as sets
    from ostinato.data.catalog.get import use

    data_set = sets[set]
    own = {NAMES.get(split, split): split for split in data_set.splits}
    if valid and "valid" in own:
        raise ConfigError(f"source.valid: {set} already has a split '{own['valid']}'; leave data.valid out")
    files, splits = use(data_set, progress=progress), {}
    for number, (name, split) in enumerate(own.items()):
        progress(f"read {set}", number, len(own))
        splits[name] = _rows(list(data_set.rows(files, split)), columns, f"{set}.{split}")
    progress(f"read {set}", len(own), len(own))
    rest = {name: rows for name, rows in splits.items() if name != "train"}
    return DataSplits(split_by_hash(splits["train"], {"valid": valid}, seed) | rest, folder, progress)


def _rows(rows: list[dict[str, object]], columns: Columns, name: str) -> Rows:
    return InMemoryRows(rows, columns, name)
