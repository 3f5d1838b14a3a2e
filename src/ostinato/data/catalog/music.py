"""Music as the notes that sound together."""

import json
from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import counting, one, size

SIZES = counting({"pieces": one, "steps": size("steps")})
ROW = {"steps": "list of steps in time, each the list of MIDI numbers (21 to 108) that sound, which may be empty"}
CITE = (
    "Boulanger-Lewandowski, Bengio and Vincent, Modeling Temporal Dependencies in High-Dimensional Sequences, ICML "
    "2012; Bai, Kolter and Koltun, arXiv 1803.01271, 2018 (the files)"
)


def _pieces(folder: Folder, name: str, split: str) -> Iterator[Record]:
    text = "\n".join(line for _, line in folder.lines(name))
    try:
        pieces = json.loads(text)[split]
    except (ValueError, KeyError, TypeError) as error:
        raise folder.wrong(name, 1, f"it is not an object with the pieces of {split} ({error})") from None
    for place, piece in enumerate(pieces):
        if not _is_piece(piece):
            raise folder.wrong(name, 1, f"piece {place} of {split} is not a list of lists of MIDI numbers")
        yield {"steps": piece}


def _is_piece(piece: object) -> bool:
    return isinstance(piece, list) and all(
        isinstance(step, list) and all(isinstance(pitch, int) and 21 <= pitch <= 108 for pitch in step)
        for step in piece
    )


def _jsb(folder: Folder, split: str) -> Iterator[Record]:
    return _pieces(folder, "jsb_chorales.json.gz", split)


def _piano(folder: Folder, split: str) -> Iterator[Record]:
    return _pieces(folder, "piano_midi.json.gz", split)


catalog.add(
    DataSet(
        name="jsb_chorales",
        title="JSB Chorales: 382 chorales in four parts, a step for each quarter note",
        task="modelling of music",
        licence="public domain; MIT for the files",
        attribution="J. S. Bach; files by S. Bai, J. Z. Kolter, V. Koltun",
        cite=CITE,
        row=ROW,
        files=(
            File("LICENSE-MIT", 1070, "7b9a89cb975f5891f02be043c0ca5c9b9d6c43ced216c2d508f0f7e4380a6cbd"),
            File("jsb_chorales.json.gz", 41967, "13bc4b1b7ecd5686838d7e6775658abe0a9262d7878d66692f0b9dc7597e0079"),
        ),
        counts={
            "train": {"pieces": 229, "steps": 13807},
            "valid": {"pieces": 76, "steps": 4602},
            "test": {"pieces": 77, "steps": 4725},
        },
        read=_jsb,
        count=SIZES,
    )
)

catalog.add(
    DataSet(
        name="piano_midi",
        title="Piano-midi.de: classical pieces for the piano",
        task="modelling of music",
        licence="CC BY-SA 3.0 DE; MIT for the files",
        attribution="Bernd Krueger, piano-midi.de; files by S. Bai, J. Z. Kolter, V. Koltun",
        cite=CITE,
        row=ROW,
        files=(
            File("LICENSE-MIT", 1070, "7b9a89cb975f5891f02be043c0ca5c9b9d6c43ced216c2d508f0f7e4380a6cbd"),
            File("piano_midi.json.gz", 132968, "9597f282d82f98c26075d1f654eb59d6c5b102f0e44686a885f1e3a13ce4316b"),
        ),
        counts={
            "train": {"pieces": 87, "steps": 75911},
            "valid": {"pieces": 12, "steps": 8540},
            "test": {"pieces": 25, "steps": 19036},
        },
        read=_piano,
        count=SIZES,
    )
)
