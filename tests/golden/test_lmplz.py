"""n-grams as KenLM's lmplz estimates them (github.com/kpu/kenlm, sources of its Python package 0.3.0):

in the folder lmplz,
lmplz -o 3 < text.txt > whole.arpa
lmplz -o 4 --discount_fallback --prune 0 0 1 --interpolate_unigrams 0 < text.txt > pruned.arpa
lmplz -o 2 --discount_fallback < few.txt > few.arpa
"""

from pathlib import Path

import pytest

from ostinato.lm.ngram import build

FOLDER = Path(__file__).parent / "lmplz"
WITHOUT = {"name": "modified_kneser_ney", "interpolate_unigrams": False}


def theirs(path: Path) -> dict[tuple[str, ...], tuple[float, ...]]:
    """log10 probability and back-off, where there is one, by n-gram."""
    rows = [line.split("\t") for line in path.read_text().splitlines() if "\t" in line]
    return {tuple(words.split()): tuple(map(float, (log_prob, *rest))) for log_prob, words, *rest in rows}


def ours(grams) -> dict[tuple[str, ...], tuple[float, ...]]:
    found = {}
    for n in range(1, grams.order + 1):
        words, *numbers = grams.read(n)
        columns = zip(*(each.tolist() for each in numbers if len(each)))
        found.update({tuple(grams.vocabulary[i] for i in row): each for row, each in zip(words.tolist(), columns)})
    return found


@pytest.mark.parametrize(
    ("text", "arpa", "order", "options", "fallbacks"),
    [
        ("text.txt", "whole.arpa", 3, {}, 0),
        ("text.txt", "pruned.arpa", 4, {"prune": [0, 0, 1], "smoothing": WITHOUT}, 1),
        ("few.txt", "few.arpa", 2, {}, 1),
    ],
)
def test_estimates_are_those_of_lmplz(text, arpa, order, options, fallbacks):
    found = build(FOLDER / text, order, **options)
    wanted, mine = theirs(FOLDER / arpa), ours(found.grams)
    assert mine.keys() == wanted.keys()
    for gram, numbers in wanted.items():
        assert mine[gram] == pytest.approx(numbers, abs=2e-6), gram
    assert len(found.notes) == fallbacks
