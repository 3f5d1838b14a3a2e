"""A record of the MIT-BIH Arrhythmia Database in the WFDB format of PhysioNet: its header, samples and annotations."""

from collections.abc import Iterator
from typing import Any

from ostinato.data.catalog.base import Folder
from ostinato.data.catalog.reading import parsed, whole

BEATS = {1: "N", 5: "V", 8: "A"}
"""Types of annotations that are beats, with their symbols."""

RHYTHM, SKIP, NUMBER, SUBTYPE, CHANNEL, AUX = 28, 59, 60, 61, 62, 63
"""Types of words that are no beats: the start of a rhythm, a time of 32 bits, and what may follow an annotation, of
which only AUX, its text, is read."""


def header(folder: Folder) -> tuple[int, list[str]]:
    """Samples in a second, and the names of the leads."""
    name = "100.hea"
    lines = [(number, line.split()) for number, line in folder.lines(name) if line.strip() and line[0] != "#"]
    if [fields[:2] for _, fields in lines] != [["100", "2"], ["100.dat", "212"], ["100.dat", "212"]]:
        raise folder.wrong(name, 1, "it does not describe record 100 with two leads in format 212")
    number, fields = lines[0]
    if len(fields) != 4 or fields[3] != "650000":
        raise folder.wrong(name, number, "it does not announce 650000 samples")
    return parsed(folder, name, number, int, fields[2]), [fields[-1] for _, fields in lines[1:]]


def samples(folder: Folder) -> Any:
    """int16 [T 2]. Format 212 has two samples in three bytes: the first and the last byte are their lower 8 bits, and
    of the byte between them the lower half belongs to the first sample and the upper to the second."""
    import numpy

    name = "100.dat.gz"
    data = whole(folder, name)
    if len(data) != 650_000 * 3:
        raise folder.wrong(name, 1, f"there are {len(data)} bytes instead of 1950000")
    low, middle, high = numpy.frombuffer(data, numpy.uint8).astype(numpy.int16).reshape(-1, 3).T
    values = numpy.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], 1)
    return values - ((values & 0x800) << 1)  # the twelfth bit is the sign


def annotations(folder: Folder) -> Iterator[tuple[int, int, str]]:
    """Sample, type and text of each annotation: words of 16 bits, the type in the upper 6, the samples since the last
    annotation in the lower 10; words that tell more of an annotation follow it."""
    name = "100.atr"
    data = whole(folder, name)
    at, sample = 0, 0
    while data[at : at + 2] != b"\0\0":
        if at + 2 > len(data):
            raise folder.wrong(name, 1, "it ends in the middle of an annotation")
        word = int.from_bytes(data[at : at + 2], "little")
        kind, value = word >> 10, word & 0x3FF
        at += 2
        if kind == SKIP:  # the upper half of the time comes first
            low, high = (int.from_bytes(data[at + half : at + half + 2], "little") for half in (2, 0))
            sample, at = sample + (high << 16 | low), at + 4
        elif kind in BEATS or kind == RHYTHM:
            sample += value
            text = b""
            following = int.from_bytes(data[at : at + 2], "little")
            if following >> 10 == AUX:
                text = data[at + 2 : at + 2 + (following & 0x3FF)]
            yield sample, kind, text.rstrip(b"\0").decode("latin-1")
        elif kind == AUX:
            at += value + value % 2
        elif kind not in (NUMBER, SUBTYPE, CHANNEL):
            raise folder.wrong(name, 1, f"byte {at - 2}: annotations of type {kind} are not expected")
