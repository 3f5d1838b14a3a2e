"""Built-in data: Python's own language reference as a text, as a table in each format, and as a folder."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ostinato.data.arrow import arrow
from ostinato.errors import DataError
from ostinato.files import replacing
from ostinato.registry import nearest

FOLDER = "pydoc"


def builtin(name: str, folder: Path) -> Path:
    """The file of a built-in, written into `folder`: the text `pydoc`, or a table of its topics such as `pydoc.csv`.

    A row has the name of the topic, its number of characters, and its text with single spaces. Raises DataError where
    there is no built-in of that name, and ConfigError for Parquet where pyarrow is not installed.
    """
    kinds: dict[str, Callable[[], bytes]] = {
        "pydoc": _text, "pydoc.jsonl": _jsonl, "pydoc.csv": _csv, "pydoc.tsv": _tsv, "pydoc.parquet": _parquet,
    }  # fmt: skip
    if name not in kinds:
        raise DataError(f"builtin:{name}: there is no such built-in text; {nearest(name, list(kinds))}")
    return _written(folder / (f"{name}.txt" if name == "pydoc" else name), kinds[name]())


def builtin_folder(name: str, folder: Path) -> Path:
    """The folder `pydoc`, written into `folder`: a text file for each topic, in the sub-folder of its first letter.

    Raises DataError where there is no built-in folder of that name.
    """
    if name.rstrip("/") != FOLDER:
        raise DataError(f"builtin:{name}: there is no such built-in folder; {nearest(name, [FOLDER])}")
    for topic, text in sorted(_topics().items()):
        _written(folder / FOLDER / topic[0].lower() / f"{topic}.txt", text.encode())
    return folder / FOLDER


def _topics() -> dict[str, str]:
    from pydoc_data.topics import topics

    return dict(topics)


def _rows() -> list[dict[str, Any]]:
    texts = {topic: " ".join(text.split()) for topic, text in sorted(_topics().items())}
    return [{"topic": topic, "characters": len(text), "text": text} for topic, text in texts.items()]


def _text() -> bytes:
    topics = _topics()
    return "\n\n".join(topics[topic] for topic in sorted(topics)).encode()


def _jsonl() -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows()).encode()


def _csv() -> bytes:
    rows, out = _rows(), io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _tsv() -> bytes:
    rows = _rows()
    return "".join("\t".join(map(str, cells)) + "\n" for cells in [list(rows[0]), *(r.values() for r in rows)]).encode()


def _parquet() -> bytes:
    library, out = arrow(), io.BytesIO()
    library.parquet.write_table(library.Table.from_pylist(_rows()), out, row_group_size=20)
    return out.getvalue()


def _written(path: Path, raw: bytes) -> Path:
    if not path.is_file() or path.read_bytes() != raw:
        with replacing(path) as file:
            file.write(raw)
    return path
