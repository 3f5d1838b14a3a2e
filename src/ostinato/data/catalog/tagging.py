"""Sets in which every word has a label."""

from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import aligned, counting, member_lines, one, parsed, size

WNUT = {"train": "wnut17train.conll.gz", "dev": "emerging.dev.conll.gz", "test": "emerging.test.annotated.gz"}
CONLLU = ("words", "lemmas", "upos", "xpos", "features", "heads", "relations", "enhanced", "misc")
CONLLU_ROW = {
    "words": "list of words",
    "lemmas": "list of as many lemmas",
    "upos": "list of as many universal parts of speech",
    "xpos": "the same in the treebank's own tags",
    "features": "list of as many Name=Value|… strings, _ for none",
    "heads": "list of as many numbers of the word above, from 1; 0 for the root",
    "relations": "list of as many relations to it",
    "enhanced": "list of as many head:relation|… strings",
    "misc": "list of as many strings",
    "others": "lines of multiword tokens (number 3-4) and empty nodes (8.1), each as its ten columns",
    "comments": "lines that start with #, the text and its origin",
}


def _wnut(folder: Folder, split: str) -> Iterator[Record]:
    words: list[str] = []
    tags: list[str] = []
    for number, line in folder.lines(WNUT[split]):
        if not line.strip():  # in the training file a lone tab parts the posts
            if words:
                yield {"words": words, "tags": tags}
            words, tags = [], []
            continue
        parts = line.split("\t")
        if len(parts) != 2:
            raise folder.wrong(WNUT[split], number, f"{line[:40]!r} is not a word, a tab and a tag")
        words.append(parts[0])
        tags.append(parts[1].strip())
    if words:
        yield {"words": words, "tags": tags}


def _entities(row: Record) -> int:
    return sum(tag.startswith("B-") for tag in row["tags"])


def _conllu(folder: Folder, name: str) -> Iterator[Record]:
    words: list[list[str]] = []
    others: list[list[str]] = []
    comments: list[str] = []
    number = 0
    for number, line in folder.lines(name):
        if line.startswith("#"):
            comments.append(line)
        elif line.strip():
            fields = line.split("\t")
            if len(fields) != 10:
                raise folder.wrong(name, number, f"there are {len(fields)} columns instead of 10")
            if fields[0].isdecimal():
                parsed(folder, name, number, int, fields[6])  # the head
                words.append(fields)
            else:
                others.append(fields)
        elif words or others or comments:
            yield _sentence(folder, name, number, words, others, comments)
            words, others, comments = [], [], []
    if words or others or comments:
        yield _sentence(folder, name, number, words, others, comments)


def _sentence(
    folder: Folder, name: str, end: int, words: list[list[str]], others: list[list[str]], comments: list[str]
) -> Record:
    if [word[0] for word in words] != [str(place) for place in range(1, len(words) + 1)] or not words:
        raise folder.wrong(name, end, "the words of the sentence that ends here are not numbered from 1")
    row: Record = {field: list(column) for field, column in zip(CONLLU, list(zip(*words))[1:])}
    return row | {"heads": [int(head) for head in row["heads"]], "others": others, "comments": comments}


def _ewt(folder: Folder, split: str) -> Iterator[Record]:
    return _conllu(folder, f"en_ewt-ud-{split}.conllu.xz")


def _sequoia(folder: Folder, split: str) -> Iterator[Record]:
    return _conllu(folder, f"fr_sequoia-ud-{split}.conllu.xz")


_count_sentences = counting({"sentences": one, "words": size("words")}, {"parts of speech": lambda row: row["upos"]})


def _snips(folder: Folder, split: str) -> Iterator[Record]:
    archive = "snips.tar.gz"
    names = [f"snips/{split}/{part}" for part in ("seq.in", "seq.out", "label")]
    for number, lines in aligned([member_lines(folder, archive, name) for name in names], ""):
        words, tags, intents = ([part for part in line.split(" ") if part] for line in lines)
        if not words or len(words) != len(tags) or len(intents) != 1:
            what = f"in the three files the line has {len(words)} words, {len(tags)} tags and {len(intents)} intents"
            raise folder.wrong(f"{archive}/{names[0]}", number, what)
        yield {"words": words, "tags": tags, "intent": intents[0]}


catalog.add(
    DataSet(
        name="wnut17",
        title="Emerging and rare entities (WNUT 2017): social media posts, named entities as B-, I- and O tags",
        task="tagging",
        licence="CC BY 4.0",
        attribution="L. Derczynski, E. Nichols, M. van Erp, N. Limsopatham",
        cite="Derczynski et al., Results of the WNUT2017 Shared Task on Novel and Emerging Entity Recognition, "
        "W-NUT 2017",
        row={"words": "list of words", "tags": "list of as many tags"},
        files=(
            File("emerging.dev.conll.gz", 37894, "b08c789bbd4916ca207a4add8571b11fbfda2837caa05ac8c5ed3da63ea1506e"),
            File(
                "emerging.test.annotated.gz", 64829, "4216f0072c0d23e3e20f001db8002ac2e67e5b08d651d038407f4d1d54982723"
            ),
            File("wnut17train.conll.gz", 179130, "e41db9d5f4ab35f08445fc088224671b9eb2ea6f8328179aad537cc74c994652"),
        ),
        counts={
            "train": {"posts": 3394, "words": 62730, "entities": 1975},
            "dev": {"posts": 1009, "words": 15733, "entities": 836},
            "test": {"posts": 1287, "words": 23394, "entities": 1079},
        },
        read=_wnut,
        count=counting({"posts": one, "words": size("words"), "entities": _entities}),
    )
)

catalog.add(
    DataSet(
        name="ud_english_ewt",
        title="English Web Treebank of Universal Dependencies 2.16: parts of speech, features, dependencies",
        task="tagging",
        licence="CC BY-SA 4.0",
        attribution="N. Silveira and the contributors of UD_English-EWT",
        cite="Silveira et al., A Gold Standard Dependency Corpus for English, LREC 2014; Universal Dependencies 2.16",
        row=CONLLU_ROW,
        files=(
            File("LICENSE.txt.gz", 6159, "8a6fdc8c5692047e16063ff877068fe2960d20de2ead9f1aed5086e9d444fccd"),
            File("en_ewt-ud-dev.conllu.xz", 221152, "d1f268760e85964e41ab080918da8fb7d1349bbd7f8ee1359f1d1d371ed18179"),
            File(
                "en_ewt-ud-test.conllu.xz", 219988, "567ee1f64be1f2acdc439bba8ccc49a2ac415cca9fead4de04f57578d044efdf"
            ),
            File(
                "en_ewt-ud-train.conllu.xz", 1491448, "f78d31a1903b33056c9dad7f6a471925e6afd36053a30458aea9b38daa5697b5"
            ),
        ),
        counts={
            "train": {"sentences": 12544, "words": 204577, "parts of speech": 17},
            "dev": {"sentences": 2001, "words": 25147, "parts of speech": 17},
            "test": {"sentences": 2077, "words": 25094, "parts of speech": 17},
        },
        read=_ewt,
        count=_count_sentences,
    )
)

catalog.add(
    DataSet(
        name="ud_french_sequoia",
        title="French Sequoia treebank of Universal Dependencies 2.16: parts of speech, features, dependencies",
        task="tagging",
        licence="LGPL-LR",
        attribution="M. Candito, D. Seddah and the contributors of UD_French-Sequoia",
        cite="Candito and Seddah, Le corpus Sequoia, TALN 2012; Universal Dependencies 2.16",
        row=CONLLU_ROW,
        files=(
            File("LICENSE.txt.gz", 5089, "16e63eabd592f69fa9b39b9a139c96282276a7b33f2b76923ddef093fa058297"),
            File(
                "fr_sequoia-ud-dev.conllu.xz", 83732, "f86c9bccf61b3ed8d49e07a5eb2ce5aa287c8d85e771fffa1826b334e5e7abdf"
            ),
            File(
                "fr_sequoia-ud-test.conllu.xz",
                84836,
                "8ca279e745bda19fdcaec607c61f4ac6cfa695d10c723edbe09463ac428c1be4",
            ),
            File(
                "fr_sequoia-ud-train.conllu.xz",
                349960,
                "57de47d424f2e5529f6336ea37c0e120702e42c327e0848ed63e91994f4e14b1",
            ),
        ),
        counts={
            "train": {"sentences": 2231, "words": 50502, "parts of speech": 16},
            "dev": {"sentences": 412, "words": 9999, "parts of speech": 15},
            "test": {"sentences": 456, "words": 10044, "parts of speech": 15},
        },
        read=_sequoia,
        count=_count_sentences,
    )
)

catalog.add(
    DataSet(
        name="snips",
        title="Snips: requests to a voice assistant, each with its intent and its slots as B-, I- and O tags",
        task="classification and tagging",
        licence="CC0 1.0",
        attribution="A. Coucke et al. (Snips); split and tokenized by C.-W. Goo et al.",
        cite="Coucke et al., Snips Voice Platform, 2018; Goo et al., Slot-Gated Modeling for Joint Slot Filling and "
        "Intent Prediction, NAACL 2018",
        row={"words": "list of words", "tags": "list of as many tags", "intent": "what is asked for"},
        files=(
            File("LICENSE-CC0.txt.gz", 2560, "0f373d306412ec7c3c1dfde3c098210db095c1af7d33b9fc6f0f33e57f768381"),
            File("snips.tar.gz", 307923, "25edf376aa23b4a824bd58c31e228a5d34ea087e1b502ee354da1a38d7d11b77"),
        ),
        counts={
            "train": {"utterances": 13084, "intents": 7, "labels": 72, "slot types": 39},
            "valid": {"utterances": 700, "intents": 7, "labels": 70, "slot types": 39},
            "test": {"utterances": 700, "intents": 7, "labels": 70, "slot types": 39},
        },
        read=_snips,
        count=counting(
            {"utterances": one},
            {
                "intents": lambda row: [row["intent"]],
                "labels": lambda row: row["tags"],
                "slot types": lambda row: [tag[2:] for tag in row["tags"] if tag != "O"],
            },
        ),
    )
)
