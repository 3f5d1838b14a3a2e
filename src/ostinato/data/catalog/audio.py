"""Recordings."""

import io
import lzma
import re
import tarfile
from collections.abc import Iterator
from typing import Any

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import BROKEN_ARCHIVE, counting, one, size
from ostinato.errors import DataError

RECORDINGS = "recordings.tar.xz"


def _fsdd(folder: Folder, split: str) -> Iterator[Record]:
    number = 0
    try:
        with lzma.open(folder.path / RECORDINGS) as raw, tarfile.open(fileobj=raw, mode="r|") as archive:
            for number, member in enumerate(archive, 1):
                match = re.fullmatch(r"recordings/(([0-9])_([a-z]+)_([0-9]+))\.wav", member.name)
                file = archive.extractfile(member)
                if match is None or file is None:
                    raise folder.wrong(RECORDINGS, number, f"{member.name[:80]!r} is not a recording")
                if (int(match[4]) < 5) == (split == "test"):
                    yield {
                        "name": match[1],
                        "digit": int(match[2]),
                        "speaker": match[3],
                        "index": int(match[4]),
                        **_wave(folder, number, file.read()),
                    }
    except BROKEN_ARCHIVE as error:
        raise folder.wrong(RECORDINGS, number, f"it cannot be unpacked ({error})") from None


def _wave(folder: Folder, number: int, data: bytes) -> dict[str, Any]:
    from ostinato.audio.wav import Wav  # when sounds are read: a list of all sets needs no NumPy

    try:
        sound = Wav(io.BytesIO(data), "a recording")
    except DataError as error:
        raise folder.wrong(RECORDINGS, number, str(error)) from None
    if sound.channels != 1 or sound.bits != 16:
        raise folder.wrong(RECORDINGS, number, "a recording is not of one channel of 16 bits")
    return {"rate": sound.rate, "samples": sound.stored()[:, 0]}


catalog.add(
    DataSet(
        name="fsdd",
        title="Free Spoken Digit Dataset: the ten English digits, each fifty times by six speakers",
        task="classification of sound",
        licence="CC BY-SA 4.0",
        attribution="Z. Jackson and the contributors of the Free Spoken Digit Dataset",
        cite="Jackson et al., Free Spoken Digit Dataset, Zenodo",
        row={
            "name": "of the recording: digit, speaker and index",
            "digit": "0 to 9",
            "speaker": "their name",
            "index": "0 to 49",
            "rate": "samples in a second",
            "samples": "int16 [T]",
        },
        files=(
            File("recordings.tar.xz", 13522916, "c86ee6c3a57cfb9f32f46bc24d80e5fe84b98d04bc3626291c505ec78d28c2fe"),
            File("speakers.json", 257, "83f3d9ebc19b4baa6f69d12a6f6874f71bd02f886d3ebe8f82ba79200adc01ec"),
        ),
        counts={
            "train": {
                "recordings": 2700,
                "samples": 9464394,
                "digits": 10,
                "speakers": 6,
                "rates": 1,
                "shortest recording": 1149,
                "longest recording": 18262,
            },
            "test": {
                "recordings": 300,
                "samples": 1034030,
                "digits": 10,
                "speakers": 6,
                "rates": 1,
                "shortest recording": 1148,
                "longest recording": 9178,
            },
        },
        read=_fsdd,
        count=counting(
            {"recordings": one, "samples": size("samples")},
            {
                "digits": lambda row: [row["digit"]],
                "speakers": lambda row: [row["speaker"]],
                "rates": lambda row: [row["rate"]],
            },
            {"recording": size("samples")},
        ),
        split_rule="the set's own: recordings 0 to 4 of each digit and speaker test, 5 to 49 train",
    )
)
