"""Running text, for language models."""

import io
from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import counting, one, whole

SHAKESPEARE = {"train": (0, 9), "valid": (9, 10)}
WAR_AND_PEACE = {"train": (0, 8), "valid": (8, 9), "test": (9, 10)}


def _tenths(folder: Folder, name: str, first: int, last: int) -> Iterator[Record]:
    """The lines between two tenths of a file, with their ends, so that all rows together are the file again."""
    data = whole(folder, name)
    start, end = _boundary(data, first), _boundary(data, last)
    for number, raw in enumerate(io.BytesIO(data[start:end]), data.count(b"\n", 0, start) + 1):
        try:
            yield {"text": raw.decode()}
        except UnicodeDecodeError as error:
            raise folder.wrong(name, number, f"byte {error.start} is not UTF-8") from None


def _boundary(data: bytes, tenths: int) -> int:
    offset = len(data) * tenths // 10
    while offset < len(data) and data[offset] & 0xC0 == 0x80:  # inside a character
        offset += 1
    return offset


def _shakespeare(folder: Folder, split: str) -> Iterator[Record]:
    return _tenths(folder, "input.txt.gz", *SHAKESPEARE[split])


def _war_and_peace(folder: Folder, split: str) -> Iterator[Record]:
    return _tenths(folder, "warpeace_input.txt.gz", *WAR_AND_PEACE[split])


def _wikitext(folder: Folder, split: str) -> Iterator[Record]:
    for _, line in folder.lines(f"wiki.{split}.tokens.xz"):
        yield {"text": line}


def _tokens(row: Record) -> list[str]:
    return [*(token for token in row["text"].split(" ") if token), "<eos>"]


def _line_ends(row: Record) -> int:
    return int(row["text"].count("\n"))


catalog.add(
    DataSet(
        name="tinyshakespeare",
        title="Tiny Shakespeare: speeches from the plays, for models of characters",
        task="language modelling by the character",
        recipes=("tiny-shakespeare",),
        licence="public domain; MIT for the repository",
        attribution="William Shakespeare; selected by A. Karpathy",
        cite="Karpathy, The Unreasonable Effectiveness of Recurrent Neural Networks, 2015",
        row={"text": "a line with its end; the split cuts a line in two, whose parts are a row each"},
        files=(File("input.txt.gz", 433884, "13125fe8f49092165d7d489e3944db52d1ba546e64a60080cc9523bcd0c5e46a"),),
        counts={
            "train": {"characters": 1003854, "lines": 35525, "words": 182499, "distinct characters": 65},
            "valid": {"characters": 111540, "lines": 4475, "words": 20153, "distinct characters": 61},
        },
        read=_shakespeare,
        count=counting(
            {
                "characters": lambda row: len(row["text"]),
                "lines": _line_ends,
                "words": lambda row: len(row["text"].split()),
            },
            {"distinct characters": lambda row: row["text"]},
        ),
        split_rule="the first 90 % of the characters train, the last 10 % validate",
    )
)

catalog.add(
    DataSet(
        name="war_and_peace",
        title="War and Peace in English: the text of published results for models of characters",
        task="language modelling by the character",
        recipes=("war-and-peace-gru", "war-and-peace-lstm", "war-and-peace-rnn"),
        licence="public domain",
        attribution="L. Tolstoy; translated by L. and A. Maude",
        cite="Karpathy, Johnson and Fei-Fei, Visualizing and Understanding Recurrent Networks, ICLR 2016 workshop",
        row={"text": "a line with its end; each split cuts a line in two, whose parts are a row each"},
        files=(
            File("warpeace_input.txt.gz", 1199659, "6efac33051109f9fc16f852c60e33d4df9d0f008382f664daea749c454d07393"),
        ),
        counts={
            "train": {"bytes": 2606596, "lines": 49821, "distinct bytes": 85},
            "valid": {"bytes": 325825, "lines": 6168, "distinct bytes": 77},
            "test": {"bytes": 325825, "lines": 6025, "distinct bytes": 76},
        },
        read=_war_and_peace,
        count=counting(
            {"bytes": lambda row: len(row["text"].encode()), "lines": _line_ends},
            {"distinct bytes": lambda row: row["text"].encode()},
        ),
        split_rule="by bytes: the first 80 % train, the next 10 % validate, the last 10 % test",
    )
)

catalog.add(
    DataSet(
        name="wikitext2",
        title="WikiText-2: good and featured Wikipedia articles in English, for models of words",
        task="language modelling by the word",
        recipes=("wikitext2-words-lstm",),
        licence="CC BY-SA 3.0",
        attribution="Wikipedia contributors; S. Merity, C. Xiong, J. Bradbury, R. Socher",
        cite="Merity et al., Pointer Sentinel Mixture Models, ICLR 2017",
        row={"text": "a line without its end: words between spaces, rare ones as <unk>; blank lines are rows too"},
        files=(
            File("wiki.test.tokens.xz", 335764, "368c561ea5ee496f371cd1086520dc54c22f17f0d6bf0ceb3d25a0a000ec4632"),
            File("wiki.train.tokens.xz", 2738636, "30805131d8387133370c5b91438ea3d791feaf5ed427f34dab5ad016688019d5"),
            File("wiki.valid.tokens.xz", 305832, "abef5d52146e55534f5bf3dbd976091780771a25be5553aaea57bf834146708c"),
        ),
        counts={
            "train": {"tokens": 2088628, "lines": 36718, "vocabulary": 33278},
            "valid": {"tokens": 217646, "lines": 3760, "vocabulary": 13777},
            "test": {"tokens": 245569, "lines": 4358, "vocabulary": 14143},
        },
        read=_wikitext,
        count=counting({"tokens": lambda row: len(_tokens(row)), "lines": one}, {"vocabulary": _tokens}),
    )
)
