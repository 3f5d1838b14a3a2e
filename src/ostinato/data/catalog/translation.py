"""Sequences with another sequence to turn them into: translations and pronunciations."""

import re
from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import Measure, aligned, counting, hashed_split, member_lines, one

CMUDICT = "https://raw.githubusercontent.com/cmusphinx/cmudict/0f8072f814306c5ee4fbf992ed853601b12c01f9"
TATOEBA = "https://raw.githubusercontent.com/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c"
LANGUAGES = ("arm", "bul", "fre", "geo", "gre", "hin", "hun", "ice", "kor", "lit")


def _tatoeba(folder: Folder, split: str) -> Iterator[Record]:
    archive, member = "fra-eng.zip", "fra.txt"
    for number, line in member_lines(folder, archive, member):
        parts = line.split("\t")
        if len(parts) != 2:
            raise folder.wrong(f"{archive}/{member}", number, f"{line[:40]!r} is not English, a tab and French")
        if hashed_split(parts[0], 100) == split:
            yield {"english": parts[0], "french": parts[1]}


def _tanaka(folder: Folder, split: str) -> Iterator[Record]:
    english, japanese = f"{split}.en.gz", f"{split}.ja.gz"
    for number, (source, target) in aligned([folder.lines(english), folder.lines(japanese)], ""):
        if not source or not target:
            raise folder.wrong(english if target else japanese, number, "a sentence is missing")
        yield {"english": source, "japanese": target}


def _cmudict(folder: Folder, split: str) -> Iterator[Record]:
    name = "cmudict.dict.xz"
    for number, line in folder.lines(name):
        entry, *phones = line.partition(" #")[0].split(" ")  # a comment
        match = re.fullmatch(r"(.+?)(?:\(([0-9]+)\))?", entry)
        if match is None or not all(phones) or not phones:
            raise folder.wrong(name, number, f"{line[:40]!r} is not a word and its phones")
        word = match[1]
        if hashed_split(word, 20) == split:
            yield {"word": word, "variant": int(match[2] or 1), "phones": phones}


def _sigmorphon(folder: Folder, split: str) -> Iterator[Record]:
    archive = "g2p.tar.gz"
    for language in LANGUAGES:
        member = f"g2p/{split}/{language}_{split}.tsv"
        for number, line in member_lines(folder, archive, member):
            parts = line.split("\t")
            if len(parts) != 2 or not all(parts):
                raise folder.wrong(f"{archive}/{member}", number, f"{line[:40]!r} is not a word, a tab and phones")
            yield {"language": language, "word": parts[0], "phones": parts[1].split(" ")}


def _of(language: str) -> Measure:
    return lambda row: int(row["language"] == language)


catalog.add(
    DataSet(
        name="tatoeba_eng_fra",
        title="Tatoeba: short English sentences with their French translations, sorted by length",
        task="translation",
        licence="CC BY 2.0",
        attribution="tatoeba.org and www.manythings.org/anki",
        cite="Tatoeba Project; manythings.org, 2017-09-29",
        row={"english": "a sentence", "french": "the same in French; one English sentence may have several"},
        files=(
            File(
                "fra-eng.zip",
                2951390,
                "16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04",
                f"{TATOEBA}/fra-eng.zip",
            ),
        ),
        counts={
            "train": {"pairs": 140076, "english sentences": 96718},
            "dev": {"pairs": 1373, "english sentences": 966},
            "test": {"pairs": 1338, "english sentences": 975},
        },
        read=_tatoeba,
        count=counting({"pairs": one}, {"english sentences": lambda row: [row["english"]]}),
        split_rule="by the SHA-256 of the English sentence, its first 8 hexadecimal digits modulo 100: 0 test, 1 dev, "
        "else train, which keeps its translations together",
    )
)

catalog.add(
    DataSet(
        name="tanaka_enja",
        title="Small parallel Tanaka corpus: English sentences with their Japanese translations, both tokenized",
        task="translation",
        licence="CC BY 2.0 FR",
        attribution="Y. Tanaka; Tatoeba Project; Y. Oda (small_parallel_enja)",
        cite="Tanaka, Compilation of a Multilingual Parallel Corpus, PACLING 2001; Oda, small_parallel_enja",
        row={"english": "words between single spaces, lower-cased", "japanese": "words between single spaces"},
        files=(
            File("dev.en.gz", 6787, "09d711e7ec8ebeded23c95e229461e31407344a59a6968be2e572fc44a125915"),
            File("dev.ja.gz", 8697, "af29ca8bfe70794db7cf3d7376b388cb359c7770d46032e14d2ea5ceb673a847"),
            File("test.en.gz", 6929, "ae589a84bcb2cecfa74d9a566325786058bb573f510a6c33ceb16248a3b31bc9"),
            File("test.ja.gz", 8722, "30ca4f6b7bf6cd611e24506bc7bf8b065ee6aaae806f1038510f969a39a0c0b0"),
            File("train.en.gz", 560267, "bad7b53b45300a0c8b1f0ed75e67b4d39b7812785e179695520640e9187bb49c"),
            File("train.ja.gz", 724572, "ec045075da7dc068d694ade5ac3e270037369d09f43cb333087837dc8eabf8f5"),
        ),
        counts={
            "train": {
                "pairs": 50000,
                "english types": 6634,
                "japanese types": 8774,
                "shortest english": 4,
                "longest english": 16,
                "shortest japanese": 4,
                "longest japanese": 16,
            },
            "dev": {
                "pairs": 500,
                "english types": 816,
                "japanese types": 894,
                "shortest english": 4,
                "longest english": 16,
                "shortest japanese": 4,
                "longest japanese": 16,
            },
            "test": {
                "pairs": 500,
                "english types": 839,
                "japanese types": 884,
                "shortest english": 4,
                "longest english": 16,
                "shortest japanese": 4,
                "longest japanese": 16,
            },
        },
        read=_tanaka,
        count=counting(
            {"pairs": one},
            {
                "english types": lambda row: row["english"].split(" "),
                "japanese types": lambda row: row["japanese"].split(" "),
            },
            {
                "english": lambda row: len(row["english"].split(" ")),
                "japanese": lambda row: len(row["japanese"].split(" ")),
            },
        ),
    )
)

catalog.add(
    DataSet(
        name="cmudict",
        title="CMU Pronouncing Dictionary: English words with their phones, the vowels with their stress",
        task="pronunciation",
        licence="BSD-style, of two clauses",
        attribution="Carnegie Mellon University",
        cite="Carnegie Mellon University, The CMU Pronouncing Dictionary",
        row={
            "word": "without the (2) of a second pronunciation",
            "variant": "1 for the first pronunciation, 2 for the second, …",
            "phones": "list of phones; 0, 1 or 2 after a vowel is its stress",
        },
        files=(
            File(
                "LICENSE",
                1754,
                "bd4ce8e44170a5f9f481310ca85c51de3c4f851a65e679b40e603b143bd3542a",
                f"{CMUDICT}/LICENSE",
            ),
            File("cmudict.dict.xz", 752516, "e54008ba3ada5c540c2827d22db576a2dca88edb1d376a3a9b11ec389a1b51a6"),
            File(
                "cmudict.phones",
                382,
                "ffb588a5e55684723582c7256e1d2f9fadb130011392d9e59237c76e34c2cfd6",
                f"{CMUDICT}/cmudict.phones",
            ),
            File(
                "cmudict.symbols",
                281,
                "408ccaae803641c6d7b626b6299949320c2dbca96b2220fd3fb17887b023b027",
                f"{CMUDICT}/cmudict.symbols",
            ),
        ),
        counts={
            "train": {"entries": 121467, "alternatives": 8155, "phones": 39, "stress marks": 3},
            "dev": {"entries": 6777, "alternatives": 480, "phones": 39, "stress marks": 3},
            "test": {"entries": 6922, "alternatives": 479, "phones": 39, "stress marks": 3},
        },
        read=_cmudict,
        count=counting(
            {"entries": one, "alternatives": lambda row: int(row["variant"] > 1)},
            {
                "phones": lambda row: [phone.rstrip("012") for phone in row["phones"]],
                "stress marks": lambda row: [phone[-1] for phone in row["phones"] if phone[-1] in "012"],
            },
        ),
        split_rule="by the SHA-256 of the word, its first 8 hexadecimal digits modulo 20: 0 test, 1 dev, else train, "
        "which keeps its pronunciations together",
    )
)

catalog.add(
    DataSet(
        name="sigmorphon2020_g2p",
        title="Pronunciations from Wiktionary in ten languages (SIGMORPHON 2020, task 1)",
        task="pronunciation",
        licence="CC BY-SA 4.0; CC BY-SA 3.0 for text from before 2023",
        attribution="Wiktionary contributors",
        cite="Gorman et al., The SIGMORPHON 2020 Shared Task on Multilingual Grapheme-to-Phoneme Conversion, "
        "SIGMORPHON 2020",
        row={"language": f"one of {', '.join(LANGUAGES)}", "word": "as it is written", "phones": "list of phones"},
        files=(File("g2p.tar.gz", 398065, "684f2a7c0a7a9c20b126d9c2e926933dce5be0278eaf2bb725bafc2b060fcbf3"),),
        counts={
            split: {"words": 10 * words} | dict.fromkeys(LANGUAGES, words) | {"languages": 10}
            for split, words in {"train": 3600, "dev": 450, "test": 450}.items()
        },
        read=_sigmorphon,
        count=counting(
            {"words": one} | {language: _of(language) for language in LANGUAGES},
            {"languages": lambda row: [row["language"]]},
        ),
    )
)
