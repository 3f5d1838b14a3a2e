"""Plain text as a source: one file, cut into train, valid and test."""

from pathlib import Path

from ostinato.data.paths import resolve_file
from ostinato.data.splits import DataSplits, register
from ostinato.data.text_file import Errors, Text
from ostinato.errors import ConfigError, DataError
from ostinato.progress import OnProgress, silent
from ostinato.registry import Share


@register("text", example={"text": "builtin:pydoc"})
def text(
    text: str,
    valid: Share = 0.1,
    test: Share = 0.0,
    errors: Errors = "strict",
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Text]:
    """One UTF-8 text: `text` is a path, `builtin:pydoc` or `mirror:…`; .gz and .xz are decompressed into `folder`.

    Shares are of bytes: first train, then valid, then test, each boundary moved forward to the next character.
    A share of 0 leaves the split out. Raises ConfigError where nothing is left for training, DataError for a file that
    cannot be read or is too short.

    Options:
        text: the text to read: a path (.gz and .xz too), `builtin:pydoc` (Python's language reference) or `mirror:…`
            (below the folder OSTINATO_DATA).
        valid: share of the bytes that is held out as the validation split, after those for training.
        test: share of the bytes at the end that is held out as the test split (0: no such split).
        errors: what to do with bytes that are not UTF-8: stop with their place, or read U+FFFD.
    """
    if valid + test >= 1:
        raise ConfigError(
            f"source.valid, source.test: {valid:g} and {test:g} leave nothing to train on; make their sum less than 1"
        )
    path = resolve_file(text, folder, progress)
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path}: it is empty; name a file with text in it")
    shares = {"train": 1 - valid - test, "valid": valid, "test": test}
    splits, start, share_before = {}, 0, 0.0
    names = [name for name in shares if shares[name] > 0]
    for name in names:
        share_before += shares[name]
        # Rounded, or 1 − 0.1 − 0.2 would lose a byte to the way computers write fractions.
        end = size if name == names[-1] else _boundary(path, int(round(share_before * size, 6)), size)
        splits[name] = Text(path, start, end, errors)
        start = end
    for name, split in splits.items():
        if not _has_two_characters(split):
            raise DataError(
                f"{path}: its {size} bytes are too few for {' and '.join(names)} ({name} would have less than two "
                f"characters); name a longer text"
            )
    return DataSplits(splits, folder, progress)


def _boundary(path: Path, offset: int, size: int) -> int:
    """The first byte from `offset` on that does not continue a character; a character has at most three that do."""
    with path.open("rb") as file:
        file.seek(offset)
        following = file.read(3)
    for byte in following:
        if byte & 0xC0 != 0x80:
            break
        offset += 1
    return min(offset, size)


def _has_two_characters(split: Text) -> bool:
    if split.size_bytes > 8:  # more than two of the longest
        return True
    return sum(map(len, split.pieces())) >= 2
