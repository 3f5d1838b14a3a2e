"""Pictures."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import Measure, arff, counting, one, parsed

CAPTIONS = "captions.jsonl.xz"
FIELDS = ("i", "hexcode", "group", "subgroup", "caption", "tags", "base", "author", "split", "split_base")
DIGITS = {"pendigits": (16, 7494), "optdigits": (64, 3823)}
"""Of each table, its values in a row and its training rows."""


def _openmoji(folder: Folder, split: str) -> Iterator[Record]:
    pictures = _images(folder)
    number = 0
    for number, line in folder.lines(CAPTIONS):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise folder.wrong(CAPTIONS, number, f"it is not JSON ({error})") from None
        if not isinstance(row, dict) or set(row) != set(FIELDS) or row["i"] != number - 1 or number > len(pictures):
            raise folder.wrong(CAPTIONS, number, f"it does not describe picture {number - 1} of {len(pictures)}")
        if row["split"] == split:
            yield row | {"image": pictures[number - 1]}
    if number != len(pictures):
        raise folder.wrong(CAPTIONS, number, f"there are {number} captions for {len(pictures)} pictures")


def _images(folder: Folder) -> Any:
    import numpy

    name = "images48.npz"
    try:
        with folder.open(name) as file, numpy.load(file) as arrays:
            images = arrays["images"]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise folder.wrong(name, 1, f"it cannot be read ({error})") from None
    if images.shape[1:] != (48, 48, 3) or images.dtype != numpy.uint8:
        raise folder.wrong(name, 1, f"the pictures are {images.dtype} {list(images.shape)}")
    return images


def _digits(folder: Folder, split: str) -> Iterator[Record]:
    for name, (width, training) in DIGITS.items():
        file = f"{name}.arff.gz"
        for place, (number, fields) in enumerate(arff(folder, file, width + 1)):
            if (place < training) == (split == "train"):
                values = [parsed(folder, file, number, int, field) for field in fields]
                yield {"table": name, "values": values[:-1], "digit": values[-1]}


def _equal(field: str, value: str) -> Measure:
    return lambda row: int(row[field] == value)


catalog.add(
    DataSet(
        name="openmoji_captions",
        title="OpenMoji: small pictures with their names",
        task="captioning of pictures",
        licence="CC BY-SA 4.0",
        attribution="OpenMoji, the open-source emoji and icon project; each picture's author is in its row",
        cite="OpenMoji 17.0.0, HfG Schwäbisch Gmünd",
        row={
            "image": "uint8 [48 48 3], red, green and blue on white",
            "i": "its number, from 0",
            "hexcode": "its code points",
            "group": "such as people-body",
            "subgroup": "such as person-role",
            "caption": "what it shows",
            "tags": "other words for it, between commas",
            "base": "its code points without the skin tone",
            "author": "who drew it",
            "split": "train, dev or test, by picture",
            "split_base": "the same by base: all its skin tones are together, which is harder",
        },
        files=(
            File("captions.jsonl.xz", 71556, "65426ec815e7d2ef61070333e80a5cf29e12ac49814723147b7ec414b9b5c3dd"),
            File("images48.npz", 3219509, "eeabbeb460ce9179b73e2e1ff3379b9fef8de3513418756b23449efde637b541"),
        ),
        counts={
            "train": {
                "pictures": 3549,
                "words": 15108,
                "people": 2174,
                "flags": 250,
                "base train": 3181,
                "base dev": 167,
                "base test": 201,
                "captions": 3549,
            },
            "dev": {
                "pictures": 205,
                "words": 849,
                "people": 118,
                "flags": 12,
                "base train": 188,
                "base dev": 7,
                "base test": 10,
                "captions": 205,
            },
            "test": {
                "pictures": 199,
                "words": 842,
                "people": 126,
                "flags": 8,
                "base train": 181,
                "base dev": 6,
                "base test": 12,
                "captions": 199,
            },
        },
        read=_openmoji,
        count=counting(
            {
                "pictures": one,
                "words": lambda row: len(row["caption"].split()),
                "people": _equal("group", "people-body"),
                "flags": _equal("group", "flags"),
                "base train": _equal("split_base", "train"),
                "base dev": _equal("split_base", "dev"),
                "base test": _equal("split_base", "test"),
            },
            {"captions": lambda row: [row["caption"]]},
        ),
        split_rule="the file's field split, by picture; its field split_base divides them by base picture",
    )
)

catalog.add(
    DataSet(
        name="uci_digits",
        title="Handwritten digits: pen trajectories of eight points, and pictures of 8 x 8 pixels",
        task="classification",
        licence="CC BY 4.0",
        attribution="E. Alpaydin, F. Alimoglu, C. Kaynak; UCI Machine Learning Repository",
        cite="Alimoglu and Alpaydin, 1996-97 (pen); Alpaydin and Kaynak, Kybernetika 34, 1998 (optical)",
        row={
            "table": "pendigits or optdigits, one after the other",
            "values": "pendigits: x and y of 8 points in turn, 0 to 100; optdigits: 64 pixels by rows, 0 to 16",
            "digit": "0 to 9",
        },
        files=(
            File("optdigits.arff.gz", 167580, "6ab6cf07c58a6dccedf20bd3d942c20571a413fd9434d6183cfef258fbc4a25a"),
            File("pendigits.arff.gz", 200206, "1ff8cdcb5fb035aa2fc2cd806c8edb4d9a74ce857fc0c3e07e258d30a81ad369"),
        ),
        counts={
            "train": {"pendigits": 7494, "optdigits": 3823},
            "test": {"pendigits": 3498, "optdigits": 1797},
        },
        read=_digits,
        count=counting({name: _equal("table", name) for name in DIGITS}),
        split_rule="by row, the sets' own, with other writers in the test: the first 7494 rows of pendigits and the "
        "first 3823 of optdigits train, the others test",
    )
)
