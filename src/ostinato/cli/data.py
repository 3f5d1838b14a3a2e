"""data: the public data sets that are known by name, and the first rows of any source."""

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

app = typer.Typer(
    name="data", help="Public data sets by name; the rows of any source, checked and shown.", no_args_is_help=True
)
Names = Annotated[
    list[str] | None, typer.Argument(help="Their names; without any, all that are here.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every set: how large, under which licence, where it is."""
    from ostinato.data.catalog import catalog
    from ostinato.data.catalog.get import home

    found: dict[str, dict[str, Any]] = {
        each.name: {
            "title": each.title,
            "size_bytes": each.size_bytes,
            "licence": each.licence,
            "splits": each.splits,
            "mirror_only": each.mirror_only,
            "folder": str(home(each) or "") or None,
        }
        for each in catalog
    }
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = []
    for name, each in found.items():
        where = "here" if each["folder"] else "mirror only" if each["mirror_only"] else "to be fetched"
        rows.append([name, f"{each['size_bytes'] / 1e6:.1f} MB", where, " ".join(each["splits"]), str(each["licence"])])
    print(aligned(["", "size", "where", "splits", "licence"], rows, words=(0, 2, 3, 4)))


@app.command()
def get(names: Annotated[list[str], typer.Argument(help="Their names.", show_default=False)]) -> None:
    """Fetch sets, or go on fetching them, check every byte, and say what their licences ask for."""
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
    """Every byte and every row: checksums, and counts beside those that the source gives."""
    from ostinato.data.catalog import catalog
    from ostinato.data.catalog.get import check, home, use
    from ostinato.training.progress import standard

    chosen = [catalog[name] for name in names] if names else [each for each in catalog if home(each)]
    if not chosen:
        raise DataError("data check: no data set is here; name one to fetch, or set OSTINATO_DATA to a folder of some")
    found: dict[str, Any] = {}
    with contextlib.closing(standard()) as progress:
        for each in chosen:
            found[each.name] = check(each, use(each, progress.say, progress.stage), progress.stage)
    if as_json:
        keys = ("found", "source")
        whole = {name: {k: dict(zip(keys, v)) for k, v in splits.items()} for name, splits in found.items()}
        print(json.dumps(whole, indent=2))
    else:
        print(aligned(["", "split", "found", ""], _cells(found), words=range(4)))
    wrong = [f"{name} {split}" for name, splits in found.items() for split, (a, b) in splits.items() if a != b]
    if wrong:
        raise DataError(f"data check: {', '.join(wrong)} differ from what the source says; fetch them again")
    print(f"{len(found)} data sets, {sum(map(len, found.values()))} splits: all as their sources say", file=sys.stderr)


@app.command()
def show(
    source: Annotated[str, typer.Argument(help="Its name: jsonl, csv, tsv, parquet, lines, folder, files, catalog, …")],
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the source, such as path=reviews.csv."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split whose rows are shown.")] = "train",
    rows: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
) -> None:
    """Read a source through, as training would, and print the first rows of a split, one JSON object a line."""
    from ostinato.data import data_sources
    from ostinato.data.table.rows import to_json
    from ostinato.recipe import override
    from ostinato.registry import nearest
    from ostinato.training.progress import standard

    said = override({}, options or ())
    if "name" in said:
        raise ConfigError("--set name: the source is not set like its options; name it as in data show csv")
    spec = data_sources.spec({"name": source, **said})
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(standard()) as progress:
            splits = spec.build(folder=Path(folder), progress=progress.stage).splits
        if not all(isinstance(each, Sequence) for each in splits.values()):
            raise ConfigError(f"data show: {source} is one text, not rows; open its file, or take lines as the source")
        if split not in splits:
            raise ConfigError(f"--split: {source} has no split '{split}' here; {nearest(split, list(splits))}")
        for row in splits[split][:rows]:
            print(json.dumps(row._asdict(), default=to_json, ensure_ascii=False))
        for name, each in splits.items():
            skipped = getattr(each, "skipped", 0)
            left = f", {skipped:,} left out" if skipped else ""
            print(f"{name}: {len(each):,} rows{left}", file=sys.stderr)


def _cells(found: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, splits in found.items():
        for number, (split, (counts, wanted)) in enumerate(splits.items()):
            words = ", ".join(f"{count:,} {what}" for what, count in counts.items())
            verdict = "as its source says" if counts == wanted else f"its source says {wanted}"
            rows.append([name if number == 0 else "", split, words, verdict])
    return rows
