"""Lines of text as a source: every line an example, with one column, `text`."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ostinato.data.splits import DataSplits, register
from ostinato.data.table.columns import BadRows, Columns, FieldError
from ostinato.data.table.line_file import Format, LineFile, Span, lines, not_utf8, strip_line_end, utf8_file
from ostinato.data.table.rows import Fields, Rows
from ostinato.data.table.splitting import Split, read_splits
from ostinato.progress import OnProgress, silent

TEXT: Columns = {"text": "text"}


@register("lines", example={"path": "builtin:pydoc.tsv"})
def text_lines(
    path: str,
    valid: Split = 0.1,
    test: Split = 0.0,
    bad_rows: BadRows = "refuse",
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Rows]:
    r"""Every line of a UTF-8 text, without its \n or \r\n, as the column `text`.

    `path` is a file as in `resolve_file`; .gz and .xz are decompressed into `folder`. `valid` and `test` are files, or
    shares of the lines of `path` (`split_by_hash`, by `seed`). `bad_rows` is "refuse" or "skip". Raises DataError with
    file and line for a line that is empty or not UTF-8.

    Options:
        path: the file to read: a path, `builtin:…` (comes with Python) or `mirror:…` (below the folder OSTINATO_DATA).
        valid: the validation split: a file, or the share of the lines of `path` that becomes it.
        test: the test split: a file, or the share of the lines of `path` that becomes it (0: no such split).
        bad_rows: what to do with a row that cannot be read: stop with its place, or leave it out and count it.
        seed: decides which rows are held out where a split is a share.
    """

    def read(name: str, folder: Path) -> Rows:
        return LineFile(utf8_file(name, folder, progress), PlainLines(name, TEXT), folder, bad_rows, progress)

    return DataSplits(read_splits(read, path, valid, test, seed, folder), folder, progress)


class PlainLines(Format):
    """A row is a line."""

    def spans(self, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
        """The lines."""
        return lines(file)

    def fields(self, raw: bytes) -> Fields:
        """The line as `text`. Raises FieldError where it is empty or not UTF-8."""
        raw = strip_line_end(raw)
        if not raw:
            raise FieldError(None, "it is empty", "delete the line")
        try:
            return {"text": raw.decode()}
        except UnicodeDecodeError as error:
            raise not_utf8(raw, None, error) from None
