"""Every smoothing: the compiled estimation against its definition, in every context of small corpora."""

import json
import math
import random

import numpy as np
import pytest
import textbook
from hypothesis import example, given
from hypothesis import strategies as st
from textbook import BEGIN, UNKNOWN, Backoff, Text

from ostinato.errors import ConfigError
from ostinato.lm.ngram.build import build, pruned
from ostinato.lm.ngram.smoothing import smoothings

each = pytest.mark.parametrize("name", smoothings.names())
VARIANTS = [(name, smoothings.example(name)) for name in smoothings.names()] + [
    (name, {"name": name, **options})
    for name, options in [
        ("modified_kneser_ney", {"interpolate_unigrams": False}),
        ("kneser_ney", {"discount": 0.7}),
        ("absolute", {"discount": 0.3, "interpolate_unigrams": False}),
        ("witten_bell", {"interpolate_unigrams": False}),
        ("jelinek_mercer", {"weights": [0.9, 0.5, 0.25, 0.1], "interpolate_unigrams": False}),
        ("additive", {"gamma": 0.01}),
        ("katz", {"k": 1}),
        ("katz", {"k": 2}),
        ("stupid_backoff", {"alpha": 0.9}),
    ]
]
variants = pytest.mark.parametrize(("name", "table"), VARIANTS, ids=lambda each: str(each).replace("'", ""))


def drawn(lines=60, seed=3, words=40):
    """Sentences in which words follow words by habit, some of them often: enough for discounts in closed form."""
    dice = random.Random(seed)
    habit = {w: [f"w{int(words * dice.random() ** 3)}" for _ in range(6)] for w in (f"w{i}" for i in range(words))}
    sentences = []
    for _ in range(lines):
        word, sentence = f"w{int(words * dice.random() ** 2)}", []
        for _ in range(dice.randrange(1, 9)):
            sentence.append(word)
            word = dice.choice(habit[word]) if dice.random() < 0.7 else f"w{int(words * dice.random() ** 2)}"
        sentences.append(sentence)
    return sentences


def contexts_of(text, dice, unseen=20):
    """Every context that was seen, of every length, and some that were not."""
    seen = [gram for gram in text.counts if len(gram) < text.order and gram[-1] != textbook.END]
    words = [w for w in text.vocabulary if w != textbook.END]
    strange = [tuple(dice.choices(words, k=dice.randrange(1, text.order + 1))) for _ in range(unseen)]
    return [(), *seen, *strange, *((BEGIN, *context) for context in strange[:5])]


def check(name, table, sentences, order, **options):
    """The estimate against the definition, in every context; sums where there must be sums."""
    found = build(sentences, order, smoothing=table, **options)
    text, model = Text(sentences, order), Backoff(found.grams)
    assert sorted(model.words) == sorted([*text.vocabulary, BEGIN])
    model.check_order_and_closure(found.grams)
    wanted = textbook.defined(name, text, table)
    for context in contexts_of(text, random.Random(1)):
        logs = [model.log_prob(word, context) for word in text.vocabulary]
        if smoothings[name].constructor.distribution:
            assert abs(sum(10**log for log in logs) - 1) < 1e-6, context
        short = text.context(context)
        for word, log in zip(text.vocabulary, logs):
            p = wanted.p(word, short)
            assert log <= -99 if p == 0 else abs(log - math.log10(p)) < 2e-6, (word, context, log, p)
    return found


@variants
@pytest.mark.parametrize("order", [1, 3])
def test_the_estimate_is_the_definition(name, table, order):
    sentences = drawn()
    if name == "jelinek_mercer":
        table = {**table, "weights": [*table["weights"], *[table["weights"][-1]] * order][:order]}
    check(name, table, sentences, order)


corpora = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", UNKNOWN]), min_size=1, max_size=5), min_size=1, max_size=8
)


@each
@given(corpora, st.integers(1, 5))
@example([["a"]], 2)
@example([["a", "a", "a"], ["a"]], 4)
@example([[UNKNOWN, "a"], [UNKNOWN]], 2)
def test_the_estimate_is_the_definition_of_any_corpus(name, sentences, order):
    check(name, smoothings.example(name), sentences, order)


@pytest.mark.parametrize("buckets", [1, 4])
def test_fitted_weights_are_those_of_the_definition(tmp_path, buckets):
    sentences, held_out = drawn(60, words=30), drawn(20, seed=4, words=30)
    held_out[0].append("never")
    (tmp_path / "held.txt").write_text("".join(" ".join(s) + "\n" for s in held_out))
    table = {"name": "jelinek_mercer", "held_out": str(tmp_path / "held.txt"), "buckets": buckets}
    text, model = Text(sentences, 3), Backoff(build(sentences, 3, smoothing=table).grams)
    wanted = textbook.JelinekMercer(text, textbook.fitted(text, held_out, 3, buckets))
    for context in contexts_of(text, random.Random(2))[::5]:
        for word in text.vocabulary:
            # Both stop near the top of a likelihood that is flat there.
            assert model.log_prob(word, context) == pytest.approx(
                math.log10(wanted.p(word, text.context(context))), abs=0.02
            )


def test_without_a_held_out_text_every_tenth_sentence_tells_the_weights():
    sentences = drawn(60, words=20)
    table = {"name": "jelinek_mercer", "buckets": 2}
    text, model = Text(sentences, 2), Backoff(build(sentences, 2, smoothing=table).grams)
    told = [s for i, s in enumerate(sentences) if i % 10 == 9]
    rest = Text([s for i, s in enumerate(sentences) if i % 10 != 9], 2, text.vocabulary[2:])
    wanted = textbook.JelinekMercer(text, textbook.fitted(rest, told, 2, 2))
    for word in text.vocabulary:
        assert model.log_prob(word, ("w1",)) == pytest.approx(math.log10(wanted.p(word, ("w1",))), abs=0.02)
    few = build(sentences[:19], 2, smoothing=table)
    (note,) = few.notes
    assert "19 sentences are too few" in note
    assert "0.5 instead" in note
    given = build(sentences[:19], 2, smoothing={"name": "jelinek_mercer", "weights": [0.5]})
    for word in ("w1", "w2", "<unk>"):
        assert Backoff(few.grams).log_prob(word, ("w1",)) == Backoff(given.grams).log_prob(word, ("w1",))


def test_weights_or_a_text_to_find_them():
    with pytest.raises(ConfigError, match="only one of them can decide"):
        build([["a"]], 1, smoothing={"name": "jelinek_mercer", "weights": [0.5], "held_out": "x"})
    with pytest.raises(ConfigError, match="the list is empty"):
        build([["a"]], 1, smoothing={"name": "jelinek_mercer", "weights": []})
    with pytest.raises(ConfigError, match="there are 2 for order 1"):
        build([["a"]], 1, smoothing={"name": "jelinek_mercer", "weights": [0.5, 0.4]})


def test_a_fallback_is_a_note():
    found = build([["a", "b"], ["a"]], 2)
    assert found.notes[0].startswith("order 1: no n-gram has the adjusted count 3")
    assert "they are 0.5, 1, 1.5 instead" in found.notes[0]
    assert build(drawn(), 2).notes == ()
    assert "Good and Turing" in build([["a"]], 1, smoothing="katz").notes[0]
    assert "it is 0.5 instead" in build([["a"]], 1, smoothing="kneser_ney").notes[0]
    with pytest.raises(ConfigError, match="are not discounts"):
        build([["a"]], 1, smoothing={"name": "modified_kneser_ney", "fallback": [0.0, 1.0, 1.0]})


@each
def test_what_is_told_of_a_model(name):
    table = smoothings.example(name)
    grams = build(drawn(40), 2, smoothing=table).grams
    assert grams.distribution == smoothings[name].constructor.distribution
    told = json.loads(grams.smoothing)
    assert told.items() >= table.items()
    assert smoothings.spec({k: v for k, v in told.items() if v is not None}).name == name


@each
@pytest.mark.parametrize("thresholds", [[0, 0, 1], [0, 1, 2], [0, 2]])
def test_pruning_by_count_keeps_what_was_seen_more_often(name, thresholds):
    sentences = drawn()
    text = Text(sentences, 3)
    limits = [*thresholds, thresholds[-1]]
    found = build(sentences, 3, smoothing=smoothings.example(name), prune=thresholds)
    model = Backoff(found.grams)
    model.check_order_and_closure(found.grams)
    kept = {g for g, count in text.counts.items() if len(g) == 1 or count > limits[len(g) - 1]} | {(UNKNOWN,)}
    assert model.log_probs.keys() == kept
    if smoothings[name].constructor.distribution:
        check_sums(model, text)


def check_sums(model, text):
    for context in contexts_of(text, random.Random(1)):
        assert abs(sum(10 ** model.log_prob(word, context) for word in text.vocabulary) - 1) < 1e-6, context


def stolcke(model, text, order, threshold):
    """Which n-grams of `order` go (Stolcke, 1998, equation 4), judged one at a time; none that a longer one needs."""
    grams = [g for g in model.log_probs if len(g) == order]
    needed = {part for g in model.log_probs if len(g) == order + 1 for part in (g[1:], g[:-1])}
    dropped = set()
    for gram in grams:
        history, word = gram[:-1], gram[-1]
        p_history = 1.0
        for i, each in enumerate(history):
            p_history *= 10 ** model.log_prob(textbook.END if each == BEGIN else each, history[:i])
        seen = [g[-1] for g in grams if g[:-1] == history]
        p = {w: 10 ** model.log_prob(w, history) for w in seen}
        lower = {w: 10 ** model.log_prob(w, history[1:]) for w in seen}
        before = (1 - sum(p.values())) / (1 - sum(lower.values()))
        after = (1 - sum(p.values()) + p[word]) / (1 - sum(lower.values()) + lower[word])
        change = p[word] * (math.log(lower[word]) + math.log(after) - math.log(p[word]))
        change += (math.log(after) - math.log(before)) * (1 - sum(p.values()))
        if math.exp(-p_history * change) - 1 < threshold and gram not in needed:
            dropped.add(gram)
    return dropped


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("modified_kneser_ney", 3e-4), ("modified_kneser_ney", 1e-3), ("katz", 1e-3), ("witten_bell", 1e-3)],
)
def test_pruning_by_entropy_is_stolckes(name, threshold):
    sentences = drawn(60, words=20)
    text = Text(sentences, 3)
    whole = build(sentences, 3, smoothing=name).grams
    model = Backoff(whole)
    found = pruned(whole, threshold)
    less = Backoff(found)
    less.check_order_and_closure(found)
    check_sums(less, text)
    gone = stolcke(model, text, 3, threshold)
    left = {g for g in model.log_probs if len(g) == 3} - gone
    assert {g for g in less.log_probs if len(g) == 3} == left
    model.log_probs = {g: log for g, log in model.log_probs.items() if g not in gone}
    gone_too = stolcke(model, text, 2, threshold)
    assert {g for g in less.log_probs if len(g) == 2} == {g for g in model.log_probs if len(g) == 2} - gone_too
    assert gone
    assert gone_too
    assert left
    again = build(sentences, 3, smoothing=name, entropy=threshold).grams
    assert all(np.array_equal(a, b) for n in (1, 2, 3) for a, b in zip(again.read(n), found.read(n)))


def test_entropy_is_for_distributions():
    with pytest.raises(ConfigError, match="stupid_backoff gives scores that are not a distribution"):
        build([["a"]], 1, smoothing="stupid_backoff", entropy=1e-3)
    with pytest.raises(ConfigError, match="maximum_likelihood"):
        pruned(build([["a"]], 1, smoothing="maximum_likelihood").grams, 1e-3)


def test_pruning_may_leave_words_alone():
    for options in ({"prune": [0, 1000]}, {"entropy": 1e9}):
        grams = build(drawn(), 3, **options).grams
        assert grams.order == 1
        assert sum(10 ** Backoff(grams).log_probs[(w,)] for w in grams.vocabulary if w != BEGIN) == pytest.approx(1)
