"""Sequences with a label: comments, genes, and proteins with a label for each residue."""

from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import Measure, aligned, arff, counting, hashed_split, one, parsed, size

STRUCTURES = {"coil": "_", "helix": "h", "sheet": "e"}


def _goemotions(folder: Folder, split: str) -> Iterator[Record]:
    kinds = ("original", "group")
    names = [f"{kind}.{split}.tsv.xz" for kind in kinds]
    labels = [[line for _, line in folder.lines(f"{kind}.labels.txt")] for kind in kinds]
    for number, lines in aligned([folder.lines(name) for name in names], ""):
        (text, emotions, comment), other = (_three(folder, name, number, line) for name, line in zip(names, lines))
        if other[::2] != (text, comment):
            raise folder.wrong(names[1], number, f"it is not the comment {comment}, as in {names[0]}")
        yield {
            "text": text,
            "emotions": _named(folder, names[0], number, emotions, labels[0]),
            "groups": _named(folder, names[1], number, other[1], labels[1]),
            "id": comment,
        }


def _three(folder: Folder, name: str, number: int, line: str) -> tuple[str, str, str]:
    parts = line.split("\t")
    if len(parts) != 3:
        raise folder.wrong(name, number, f"{line[:40]!r} is not a comment, its labels and its id between tabs")
    return parts[0], parts[1], parts[2]


def _named(folder: Folder, name: str, number: int, places: str, labels: list[str]) -> list[str]:
    classes = [parsed(folder, name, number, int, place) for place in places.split(",")]
    if not all(0 <= place < len(labels) for place in classes):
        raise folder.wrong(name, number, f"there are {len(labels)} labels, from 0, and not {places}")
    return [labels[place] for place in classes]


def _splice(folder: Folder, split: str) -> Iterator[Record]:
    name = "splice.arff.gz"
    for number, (instance, *bases, label) in arff(folder, name, 62):
        if label not in ("N", "IE", "EI") or any(len(base) != 1 for base in bases):
            raise folder.wrong(name, number, "it is not a name, 60 letters and one of N, IE, EI")
        if hashed_split(instance, 10) == split:
            yield {"name": instance, "sequence": "".join(bases), "label": label}


def _proteins(folder: Folder, split: str) -> Iterator[Record]:
    name = f"protein-secondary-structure.{split}.gz"
    residues: list[str] = []
    labels: list[str] = []
    for number, line in folder.lines(name):
        parts = line.split()
        if parts in (["<>"], ["<end>"], ["end"]):  # not every protein has an end before the next one starts
            if residues:
                yield {"residues": "".join(residues), "labels": "".join(labels)}
            residues, labels = [], []
            continue
        if list(map(len, parts)) != [1, 1] or parts[1] not in STRUCTURES.values():
            raise folder.wrong(name, number, f"{line[:40]!r} is not a residue, a space and one of _, h, e")
        residues.append(parts[0])
        labels.append(parts[1])
    if residues:
        yield {"residues": "".join(residues), "labels": "".join(labels)}


def _labelled(label: str) -> Measure:
    return lambda row: int(row["label"] == label)


def _structure(letter: str) -> Measure:
    return lambda row: row["labels"].count(letter)


catalog.add(
    DataSet(
        name="goemotions",
        title="GoEmotions: Reddit comments in English, unmoderated, with 27 emotions or none, and four groups of them",
        task="classification with several labels",
        licence="CC BY 4.0",
        attribution="D. Demszky et al., Google Research",
        cite="Demszky et al., GoEmotions: A Dataset of Fine-Grained Emotions, ACL 2020",
        row={
            "text": "the comment; names are masked",
            "emotions": "list of one or more of 27 emotions and neutral",
            "groups": "list of one or more of positive, negative, ambiguous and neutral",
            "id": "the comment's id",
        },
        files=(
            File("group.dev.tsv.xz", 171712, "b993fe153e6f58c0a147678e5da1ee35c4cd2138fbf5ae7d3d8e0a657b5b6940"),
            File("group.labels.txt", 35, "0ec3143304b499eb63a1b60f8843e2b48c4fbaee6dd04f50fc8f4771f86c0e71"),
            File("group.test.tsv.xz", 170600, "a1ace76aa73de83bb8666c6faddcdc7f784cb60ecb9a99ad988d204039373c85"),
            File("group.train.tsv.xz", 1246884, "f931ede9205dd21e93ce98c60f048ec94d86bcd528e005edd3521eceb1df7136"),
            File("original.dev.tsv.xz", 174832, "aab4229017087f69f1ae1fb064be337b8901bd04e2d1ed960d85b67178e28f7d"),
            File("original.labels.txt", 248, "45c3ef86782d2a4d7fedcd6d8c111aa0d0e94720689bd164fac94fefb4495a89"),
            File("original.test.tsv.xz", 173628, "a2f4037f7858d34bc6a19b80db602883be9e215cd0ad7be91403db7770924e93"),
            File("original.train.tsv.xz", 1269856, "1280d7dac331e96e9fa97336d086b3c05b59353706d663e9f6f3f41878f4f612"),
        ),
        counts={
            "train": {"comments": 43410, "several emotions": 7102, "several groups": 3380, "emotions": 28, "groups": 4},
            "dev": {"comments": 5426, "several emotions": 878, "several groups": 420, "emotions": 28, "groups": 4},
            "test": {"comments": 5427, "several emotions": 837, "several groups": 400, "emotions": 28, "groups": 4},
        },
        read=_goemotions,
        count=counting(
            {
                "comments": one,
                "several emotions": lambda row: int(len(row["emotions"]) > 1),
                "several groups": lambda row: int(len(row["groups"]) > 1),
            },
            {"emotions": lambda row: row["emotions"], "groups": lambda row: row["groups"]},
        ),
    )
)

catalog.add(
    DataSet(
        name="splice_dna",
        title="Splice junctions in primate DNA: 60 nucleotides, with an exon's end, its start or neither in the middle",
        task="classification",
        licence="CC BY 4.0",
        attribution="G. Towell, M. Noordewier, J. Shavlik; GenBank 64.1; UCI Machine Learning Repository",
        cite="Noordewier, Towell and Shavlik, Training Knowledge-Based Neural Networks to Recognize Genes in DNA "
        "Sequences, NIPS 3, 1991",
        row={
            "name": "the instance's name",
            "sequence": "60 letters A, C, G, T, a few of them D, N, S or R where the nucleotide is uncertain",
            "label": "EI (exon to intron), IE (intron to exon) or N (neither)",
        },
        files=(File("splice.arff.gz", 100016, "b4a594596fc9cbf239419923d16f1d5e53fc4b4c23e8e9b81a3c182ddbd201e3"),),
        counts={
            "train": {"sequences": 2564, "N": 1329, "IE": 627, "EI": 608},
            "dev": {"sequences": 303, "N": 160, "IE": 69, "EI": 74},
            "test": {"sequences": 323, "N": 166, "IE": 72, "EI": 85},
        },
        read=_splice,
        count=counting({"sequences": one, "N": _labelled("N"), "IE": _labelled("IE"), "EI": _labelled("EI")}),
        split_rule="by the SHA-256 of the name, its first 8 hexadecimal digits modulo 10: 0 test, 1 dev, else train; a "
        "few sequences occur under several names, and so in several splits",
    )
)

catalog.add(
    DataSet(
        name="protein_secondary_structure",
        title="Secondary structure of globular proteins: a label for each residue",
        task="tagging",
        licence="CC BY 4.0",
        attribution="N. Qian, T. Sejnowski; UCI Machine Learning Repository",
        cite="Qian and Sejnowski, Predicting the Secondary Structure of Globular Proteins Using Neural Network Models, "
        "Journal of Molecular Biology 202, 1988",
        row={"residues": "letters of amino acids", "labels": "as many of h (helix), e (sheet) and _ (coil)"},
        files=(
            File(
                "protein-secondary-structure.test.gz",
                3571,
                "080ca55fa0d6bb17355a7d84c45d08ca878fb4fd5c9005cfe93b6ca737297d5a",
            ),
            File(
                "protein-secondary-structure.train.gz",
                16153,
                "5ba6dfaba37fb547d4c82ccc7646f58c276a326e77ddddab1067ea0863318584",
            ),
        ),
        counts={
            "train": {"proteins": 111, "residues": 18105, "coil": 9868, "helix": 4601, "sheet": 3636},
            "test": {"proteins": 17, "residues": 3520, "coil": 1923, "helix": 849, "sheet": 748},
        },
        read=_proteins,
        count=counting(
            {"proteins": one, "residues": size("residues")}
            | {structure: _structure(letter) for structure, letter in STRUCTURES.items()}
        ),
    )
)
