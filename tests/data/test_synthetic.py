"""Laws of every synthetic problem, and what each defines, checked against another way of working it out."""

import math
import operator
import re

import numpy as np
import pytest

from ostinato.data.splits import data_sources
from ostinato.data.synthetic import Generated, problems
from ostinato.data.synthetic.dates import DIGITS
from ostinato.data.synthetic.grammar import GRAPH, REBER
from ostinato.errors import ConfigError

each = pytest.mark.parametrize("name", problems.names())


def drawn(name: str, count=200, seed=1, split=0, **more) -> Generated:
    return Generated(problems.build({**problems.example(name), **more}), count, seed, split, name)


@each
def test_what_is_drawn_fits_what_is_said(name):
    examples = drawn(name)
    problem = examples.problem
    for example in examples:
        steps = len(example.inputs)
        assert example.targets.shape == example.scored.shape == (steps,)
        assert example.scored.any()
        if problem.symbols is None:
            assert example.inputs.shape == (steps, problem.features)
            assert example.inputs.dtype == np.float32
        else:
            assert problem.features is None
            assert example.inputs.shape == (steps,)
            assert 0 <= example.inputs.min() <= example.inputs.max() < problem.symbols
        if problem.classes is None:
            assert example.targets.dtype == np.float32
        else:
            wanted = example.targets[example.scored]
            assert 0 <= wanted.min() <= wanted.max() < problem.classes


@each
def test_an_example_is_its_seed_split_and_number(name):
    first, again = drawn(name), drawn(name)
    assert all(np.array_equal(a, b) for a, b in zip(first[17][:3], again[17][:3]))
    assert first[17].key == f"{name}:17" == first[-183].key
    assert first[3:5][1].key == f"{name}:4"
    others = [drawn(name, seed=2), drawn(name, split=1)]
    for other in others:
        assert any(not np.array_equal(first[i].inputs, other[i].inputs) for i in range(20))
    with pytest.raises(IndexError, match="no example 200 of 200"):
        first[200]


@each
def test_chance_is_what_a_constant_answer_costs(name):
    examples = drawn(name, 3000)
    wanted = np.concatenate([example.targets[example.scored] for example in examples])
    if examples.problem.classes is None:
        assert np.mean((wanted - 1) ** 2) == pytest.approx(examples.problem.chance, rel=0.1)
    elif name not in ("copy", "dyck", "dates", "parity"):  # where answers are not even
        share = np.bincount(wanted, minlength=examples.problem.classes) / len(wanted)
        assert -(share * np.log(np.maximum(share, 1e-9))).sum() == pytest.approx(examples.problem.chance, abs=0.05)


def test_copy_is_the_papers():
    example = drawn("copy", lag=100)[0]
    word = example.inputs[:10]
    assert len(example.inputs) == 120
    assert (example.inputs[10:109] == 8).all()
    assert (example.inputs[109], *example.inputs[110:]) == (9, *[8] * 10)
    assert (example.targets[:110] == 8).all()
    assert example.targets[110:].tolist() == word.tolist()
    assert drawn("copy", lag=500).problem.chance == pytest.approx(0.0400, abs=1e-4)  # 10 ln 8 / 520


def test_selective_copy_keeps_the_order():
    for example in drawn("selective_copy", steps=30, length=5):
        seen = example.inputs[:30]
        assert seen[seen != 14].tolist() == example.targets[30:].tolist()
        assert example.scored.tolist() == [False] * 30 + [True] * 5
    with pytest.raises(ConfigError, match="do not fit"):
        drawn("selective_copy", steps=3, length=4)


def test_reverse():
    for example in drawn("reverse", 20, length=6):
        assert example.inputs[:6].tolist() == example.targets[6:].tolist()[::-1]


def test_delayed_recall_is_told_by_the_first_step_alone():
    for example in drawn("delayed_recall", 50, lag=9):
        assert len(example.inputs) == 11
        assert example.targets[-1] == example.inputs[0] < 8
        assert all(8 <= symbol < 16 for symbol in example.inputs[1:-1])
        assert example.inputs[-1] == 16


def test_adding():
    for example in drawn("adding", 50, steps=20):
        values, marks = example.inputs.T
        assert marks.sum() == 2
        assert marks[:10].sum() == 1
        assert example.targets[-1] == pytest.approx((values * marks).sum())


def test_parity():
    for example in drawn("parity", 50, answer="each"):
        assert example.targets.tolist() == [sum(example.inputs[: i + 1].tolist()) % 2 for i in range(6)]


def test_modular_arithmetic_from_left_to_right():
    for example in drawn("modular_arithmetic", 50, operations=6):
        value, *rest = example.inputs.tolist()
        for sign, digit in zip(rest[::2], rest[1::2]):  # in whole numbers, the modulus taken once
            value = (operator.add, operator.sub, operator.mul)[sign - 5](value, digit)
        assert example.targets[-1] == value % 5


def test_permutations_compose():
    examples = drawn("permutations", 20, steps=7, elements=4)
    all_ = examples.problem.all
    for example in examples:
        things = list(range(4))
        for step, permutation in enumerate(all_[example.inputs].tolist()):
            things = [permutation[thing] for thing in things]
            assert all_[example.targets[step]].tolist() == things


def test_reber_strings_are_of_the_grammar():
    found = set()
    for example in drawn("reber", 300):
        first, outer, *inner = [REBER[i] for i in example.inputs.tolist()]
        assert (first, inner[0], inner[-1]) == ("B", "B", "E")
        assert example.targets[-1] == "TP".index(outer)
        place = 0
        for letter in inner[1:]:
            place = dict(GRAPH[place])[letter]
        assert place == 7
        found.add("".join(inner))
    assert all(re.fullmatch(r"B(TS*X|P(T*V(PX)?)).*E", each) for each in found)
    assert len(found) > 30


def test_dyck_answers_what_must_close():
    for example in drawn("dyck", 50, steps=30):
        text = "".join("([)]"[i] for i in example.inputs.tolist())
        for step in range(30):
            rest = text[: step + 1]
            while (shorter := rest.replace("()", "").replace("[]", "")) != rest:
                rest = shorter
            assert example.targets[step] == ("", "(", "[").index(rest[-1:])
            assert len(rest) <= 8


def test_agreement_is_the_first_nouns():
    examples = drawn("agreement", 300, depth=2)
    words = examples.problem.words
    plurals = {"cats", "dogs", "doctors", "children", "farmers", "singers", "kings", "wolves"}
    told_by_the_last = 0
    for example in examples:
        sentence = [words[i] for i in example.inputs.tolist()]
        nouns = [word for word in sentence if word in plurals or word + "s" in plurals or word in ("child", "wolf")]
        assert sentence[0] == "the"
        assert sentence.count("that") == 2
        assert example.targets[-1] == (nouns[0] in plurals)
        told_by_the_last += example.targets[-1] == (nouns[-1] in plurals)
    assert 100 < told_by_the_last < 200


@pytest.mark.parametrize("name", ["order", "reversed_sound"])
def test_pairs_are_the_same_without_their_order(name):
    examples = drawn(name, 400)
    for i in range(0, 400, 2):
        first, second = examples[i], examples[i + 1]
        assert sorted(first.inputs.ravel().tolist()) == sorted(second.inputs.ravel().tolist())
        assert {int(first.targets[-1]), int(second.targets[-1])} == {0, 1}


def test_order_is_who_does_it():
    examples = drawn("order", pairs_of=1000)
    words = examples.problem.words
    for example in examples:
        sentence = [words[i] for i in example.inputs.tolist()]
        assert example.targets[-1] == (sentence[1] < sentence[4])
    assert len({tuple(sorted(example.inputs.tolist())) for example in drawn("order", 8000, pairs_of=1000)}) > 900


def test_moving_digits_move_as_they_say():
    for example in drawn("moving_digits", 100, steps=4, side=12):
        frames = example.inputs.reshape(4, 12, 12)
        assert set(np.unique(frames)) == {0.0, 1.0}
        centres = [np.argwhere(frame).mean(0) for frame in frames[-2:]]
        down, right = centres[1] - centres[0]
        assert example.targets[-1] == (down > 0) * 2 + (right > 0)
        assert (abs(down), abs(right)) == pytest.approx((1, 1))
    with pytest.raises(ConfigError, match="does not move"):
        drawn("moving_digits", side=6)


def test_dates_say_their_date():
    examples = drawn("dates", 300)
    for example in examples:
        said = "".join(examples.problem.characters[i] for i in example.inputs[:28].tolist())
        wanted = "".join(DIGITS[i] for i in example.targets[example.scored].tolist())
        year, month, day = wanted.split("-")
        assert year[2:] in said
        assert str(int(day)) in said
        assert len(example.inputs) == 38
        assert month.isdigit()


def test_a_source_of_them(tmp_path):
    corpora = data_sources.build(
        {"name": "synthetic", "problem": {"name": "reverse", "length": 3}, "train": 7, "seed": 3}, folder=tmp_path
    )
    assert {name: len(split) for name, split in corpora.splits.items()} == {"train": 7, "valid": 1000, "test": 1000}
    assert corpora.splits["valid"][0].key == "reverse.valid:0"
    assert not np.array_equal(corpora.splits["valid"][0].inputs, corpora.splits["test"][0].inputs)
    assert math.isclose(corpora.splits["train"].problem.chance, math.log(8))
