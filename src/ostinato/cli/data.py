"""data: public data sets by name, and the first rows of any data source."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ostinato.cli.table import aligned
from ostinato.errors import ConfigError, DataError

app = typer.Typer(name="data", help="List, fetch, check and show data sets.", no_args_is_help=True)
Names = Annotated[
    list[str] | None, typer.Argument(help="Data sets; by default all that are on this machine.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all data sets and what trains on them.

    Of each: what it holds, for which task, how many rows, the fields of a row, where it is, and the command.
    """
    from ostinato.data.catalog import catalog
    from ostinato.data.catalog.get import home

    listed: dict[str, dict[str, Any]] = {
        each.name: {
            "title": each.title,
            "task": each.task,
            "train_with": [f"ostinato train {recipe}" for recipe in each.recipes],
            "row": dict(each.row),
            "counts": {split: dict(counts) for split, counts in each.counts.items()},
            "size_bytes": each.size_bytes,
            "licence": each.licence,
            "splits": each.splits,
            "mirror_only": each.mirror_only,
            "folder": str(home(each) or "") or None,
        }
        for each in catalog
    }
    if as_json:
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    print("\n\n".join(_described(name, each) for name, each in listed.items()))
    print("\nmirror only: put the files below a folder and set OSTINATO_DATA to that folder", file=sys.stderr)


@app.command()
def get(names: Annotated[list[str], typer.Argument(help="Data sets.", show_default=False)]) -> None:
    """Fetch data sets and check their checksums.

    Prints their folders, and what their licences ask for. A download that was interrupted continues.
    """
    from ostinato.data.catalog import catalog
    from ostinato.data.catalog.get import renew, use
    from ostinato.training.progress import standard

    chosen = [catalog[name] for name in names]
    for each in chosen:
        with contextlib.closing(standard()) as progress:
            renew(each, progress.stage)
            folder = use(each, progress.say, progress.stage)
        print(folder.path)


@app.command()
def check(names: Names = None, as_json: AsJson = False) -> None:
    """Check the checksums and counts of data sets.

    Counts are compared with those that the publishers give.
    """
    from ostinato.data.catalog import catalog
    from ostinato.data.catalog.get import check, home, use
    from ostinato.training.progress import standard

    chosen = [catalog[name] for name in names] if names else [each for each in catalog if home(each)]
    if not chosen:
        raise DataError(
            "data check: no data set is on this machine; name one to fetch, or set OSTINATO_DATA to their folder"
        )
    counts: dict[str, Any] = {}
    with contextlib.closing(standard()) as progress:
        for each in chosen:
            counts[each.name] = check(each, use(each, progress.say, progress.stage), progress.stage)
    if as_json:
        keys = ("found", "source")
        table = {name: {k: dict(zip(keys, v)) for k, v in splits.items()} for name, splits in counts.items()}
        print(json.dumps(table, indent=2))
    else:
        print(aligned(["", "split", "found", ""], _cells(counts), words=range(4)))
    wrong = [f"{name} {split}" for name, splits in counts.items() for split, (a, b) in splits.items() if a != b]
    if wrong:
        raise DataError(f"data check: {', '.join(wrong)}: not the published counts; fetch the files again")
    print(f"{len(counts)} data sets, {sum(map(len, counts.values()))} splits: all as published", file=sys.stderr)


@app.command()
def show(
    source: Annotated[
        str, typer.Argument(help="A data source: jsonl, csv, tsv, parquet, lines, folder, files, catalog, …")
    ],
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the source, such as path=reviews.csv."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split to print rows of.")] = "train",
    rows: Annotated[int, typer.Option(min=1, help="Number of rows.")] = 5,
) -> None:
    """Print the first rows of a data source.

    All of the source is read, as training would, and checked. Each row is a line of JSON.
    """
    from ostinato.data import data_sources
    from ostinato.data.table.rows import to_json
    from ostinato.recipe import override
    from ostinato.registry import nearest
    from ostinato.training.progress import standard

    table = override({}, options or ())
    if "name" in table:
        raise ConfigError("--set name: the source is an argument, not an option; write ostinato data show csv")
    spec = data_sources.spec({"name": source, **table})
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(standard()) as progress:
            splits = spec.build(folder=Path(folder), progress=progress.stage).splits
        if not all(isinstance(each, Sequence) for each in splits.values()):
            raise ConfigError(f"data show: {source} is one text, not rows; open its file, or use the source lines")
        if split not in splits:
            raise ConfigError(f"--split: {source} has no split '{split}' here; {nearest(split, list(splits))}")
        for row in splits[split][:rows]:
            print(json.dumps(row._asdict(), default=to_json, ensure_ascii=False))
        for name, each in splits.items():
            skipped = getattr(each, "skipped", 0)
            left_out = f", {skipped:,} left out" if skipped else ""
            print(f"{name}: {len(each):,} rows{left_out}", file=sys.stderr)


def _described(name: str, data_set: dict[str, Any]) -> str:
    """A few lines about one data set of the list."""
    where = "here" if data_set["folder"] else "mirror only" if data_set["mirror_only"] else "to be fetched"
    size = f"{data_set['size_bytes'] / 1e6:.1f}".replace("0.0", "below 0.1")
    amounts = []
    for split, counts in data_set["counts"].items():
        # The first count is that of the rows, but of a set of several tables there is one for each.
        shown = counts if "table" in data_set["row"] else dict(list(counts.items())[:1])
        amounts.append(f"{split} {' and '.join(f'{count:,} {unit}' for unit, count in shown.items())}")
    lines = [
        f"{name}: {data_set['title']}",
        f"for {data_set['task']}; {', '.join(amounts)}",
        f"a row: {', '.join(data_set['row'])}",
        f"{where}, {size} MB, {data_set['licence']}",
        *(data_set["train_with"] or ["no recipe trains on it yet"]),
    ]
    return "\n    ".join(lines)


def _cells(counts: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, splits in counts.items():
        for number, (split, (actual, published)) in enumerate(splits.items()):
            words = ", ".join(f"{count:,} {what}" for what, count in actual.items())
            verdict = "as published" if actual == published else f"published: {published}"
            rows.append([name if number == 0 else "", split, words, verdict])
    return rows
