"""Laws of every registered metric; scores, intervals and what may be compared with what."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostinato.errors import ComparisonError, DataError
from ostinato.metrics import (
    BitsPerByte,
    BitsPerCharacter,
    Metric,
    NatsPerCharacter,
    NatsPerToken,
    Perplexity,
    Reference,
    best_of,
    comparable,
    difference,
    evaluate,
    metrics,
    paired_bootstrap,
)
from ostinato.metrics.pooling import pooled

WIRING = {"corpus": "c0ffee", "tokenizer": "beef"}
LANGUAGE = [name for name, entry in metrics if entry.constructor.__module__ == "ostinato.metrics.language"]
names = pytest.mark.parametrize("name", LANGUAGE)


def build(name: str) -> Metric:
    return metrics.build(metrics.example(name), **WIRING)


def rows_of(count: int, seed: int = 0, mean_nats: float = 1.5):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(5, 40, count)
    rows = [(-generator.gamma(2, mean_nats / 2, n), int(n)) for n in lengths]
    return [(log_probs, Reference(np.zeros(n, np.int64), n, n + 2, 0)) for log_probs, n in rows]


def stats_of(metric: Metric, count: int, seed: int = 0, mean_nats: float = 1.5):
    return [metric.stats(*row) for row in rows_of(count, seed, mean_nats)]


@names
@given(seed=st.integers(0, 999), cut=st.integers(1, 4))
def test_a_text_cut_in_two_rows_is_the_text(name, seed, cut):
    metric = build(name)
    ((log_probs, reference),) = rows_of(1, seed)
    first = metric.stats(log_probs[:cut], Reference(reference.tokens[:cut], 1, 1, 0))
    rest = Reference(reference.tokens[cut:], reference.characters - 1, reference.bytes - 1, 0)
    table = np.stack([first, metric.stats(log_probs[cut:], rest)])
    assert metric.score(table) == pytest.approx(metric.score_of_sum(metric.stats(log_probs, reference)))


@names
def test_a_score_says_what_it_is(name):
    metric = build(name)
    score = evaluate(metric, stats_of(metric, 30))
    low, high = score.interval
    assert low < score.value < high
    assert (score.name, score.unit, score.better) == (name, metric.unit, metric.better)
    assert str(score) == f"{score.value:.3f} {metric.unit}"
    assert "corpus:c0ffee" in str(score.signature)


def test_by_hand():
    reference = Reference(np.arange(4), characters=4, bytes=8, oov=1)
    log_probs = np.log([0.5, 0.25, 0.5, 0.125])  # 1 + 2 + 1 + 3 = 7 bits
    found = {name: build(name).score_of_sum(build(name).stats(log_probs, reference)) for name in LANGUAGE}
    assert found == {
        "nats_per_token": pytest.approx(7 / 4 * math.log(2)),
        "nats_per_character": pytest.approx(7 / 4 * math.log(2)),
        "bits_per_character": pytest.approx(7 / 4),
        "bits_per_byte": pytest.approx(7 / 8),
        "perplexity": pytest.approx(2 ** (7 / 4)),
    }
    assert build("nats_per_token").stats(log_probs, reference).tolist() == [pytest.approx(7 * math.log(2)), 4, 4, 8, 1]


def test_a_hopeless_model_has_infinite_perplexity():
    reference = Reference(np.arange(2), 2, 2, 0)
    assert build("perplexity").score_of_sum(build("perplexity").stats(np.array([-1e6, -1e6]), reference)) == math.inf
    assert (
        build("nats_per_token").score_of_sum(build("nats_per_token").stats(np.array([-np.inf, 0]), reference))
        == math.inf
    )


def test_text_of_a_score():
    metric = NatsPerCharacter(**WIRING)
    assert str(evaluate(metric, [np.array([1.4696, 1, 1, 1, 0])])) == "1.470 nats/character"


def test_one_row_has_no_interval():
    metric = build("nats_per_token")
    assert evaluate(metric, stats_of(metric, 1)).interval is None


def test_intervals_are_repeated_and_cover():
    metric = build("nats_per_token")
    rows = stats_of(metric, 40)
    assert evaluate(metric, rows) == evaluate(metric, rows)
    covered = 0
    for seed in range(60):
        low, high = evaluate(metric, stats_of(metric, 40, seed), resamples=200).interval
        covered += low <= 1.5 <= high
    assert 50 <= covered <= 60


def test_many_rows_are_taken_together():
    metric = build("nats_per_token")
    rows = np.concatenate([stats_of(metric, 50)] * 200)
    score = evaluate(metric, rows, resamples=100)
    low, high = score.interval
    assert high - low < 0.1
    assert score.value == pytest.approx(evaluate(metric, rows[:50]).value)


def test_rows_that_measure_nothing():
    metric = build("nats_per_character")
    empty = metric.stats(np.zeros(0), Reference(np.zeros(0, np.int64), 0, 0, 0))
    with pytest.raises(DataError, match="hold nothing to measure"):
        evaluate(metric, [empty, empty])
    with pytest.raises(DataError, match="no row to measure"):
        evaluate(metric, [])
    assert evaluate(metric, [empty, *stats_of(metric, 5)]).value == evaluate(metric, stats_of(metric, 5)).value
    assert evaluate(metric, [empty, empty, stats_of(metric, 1)[0]]).interval is not None


@pytest.mark.parametrize(
    ("log_probs", "said"),
    [([-1.0], r"\[1\] log-probabilities were given for 2 tokens"), ([-1.0, np.nan], "NaN"), ([-1.0, 0.5], "above 0")],
)
def test_what_is_no_log_probability_is_refused(log_probs, said):
    with pytest.raises(DataError, match=said):
        build("nats_per_token").stats(np.array(log_probs), Reference(np.arange(2), 2, 2, 0))


def test_equal_systems_do_not_differ():
    metric = build("nats_per_token")
    rows = stats_of(metric, 50)
    assert paired_bootstrap(metric, rows, rows) == 1.0
    assert paired_bootstrap(metric, rows, stats_of(metric, 50, mean_nats=1.5, seed=0)) == 1.0


def test_unlike_systems_differ():
    metric = build("nats_per_token")
    better = stats_of(metric, 80, seed=1, mean_nats=1.0)
    worse = stats_of(metric, 80, seed=1, mean_nats=1.5)
    assert paired_bootstrap(metric, better, worse) == pytest.approx(1 / 1001)


def test_p_is_fair():
    """Under no difference p is about uniform: one in five below 0.2."""
    metric = build("nats_per_token")
    found = [paired_bootstrap(metric, stats_of(metric, 40, s), stats_of(metric, 40, 1000 + s), 200) for s in range(100)]
    assert 8 <= sum(p < 0.2 for p in found) <= 34


def test_systems_on_unlike_rows_are_not_paired():
    metric = build("nats_per_token")
    with pytest.raises(ComparisonError, match="5 and 6 rows"):
        paired_bootstrap(metric, stats_of(metric, 5), stats_of(metric, 6))


def scored(kind, nats: float = 1.0, oov: int = 0, **wiring):
    return evaluate(kind(**{**WIRING, **wiring}), [np.array([nats, 1, 1, 1, oov], np.float64)])


def test_differences():
    assert difference(scored(NatsPerCharacter, 1.5), scored(NatsPerCharacter, 1.25)) == 0.25
    best = best_of([scored(NatsPerCharacter, 2.0), scored(NatsPerCharacter, 1.0), scored(NatsPerCharacter, 1.5)])
    assert best.value == 1.0
    with pytest.raises(ComparisonError, match="no score"):
        best_of([])


def test_characters_are_comparable_across_tokenizers_and_tokens_are_not():
    for kind in (NatsPerCharacter, BitsPerCharacter, BitsPerByte):
        comparable(scored(kind, tokenizer="one"), scored(kind, tokenizer="other"))
    for kind in (NatsPerToken, Perplexity):
        with pytest.raises(ComparisonError, match=r"tokenizer \(one and other\)"):
            comparable(scored(kind, tokenizer="one"), scored(kind, tokenizer="other"))


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (scored(NatsPerCharacter), scored(NatsPerCharacter, corpus="fade"), r"differ in corpus \(c0ffee and fade\)"),
        (scored(NatsPerCharacter), scored(NatsPerCharacter, oov=3), r"oov \(none occurs and <unk> predicted 3 times\)"),
        (scored(NatsPerCharacter), scored(NatsPerCharacter, carried=False), r"state \(carried and reset"),
        (scored(NatsPerCharacter), scored(BitsPerCharacter), r"metric \(nats_per_character and bits_per_character\)"),
        (
            scored(BitsPerCharacter),
            scored(BitsPerByte),
            r"1\.443 bits/character counts characters and 1\.443 bits/byte counts bytes: .*; evaluate both on the same",
        ),
    ],
    ids=["corpus", "oov", "state", "metric", "unit"],
)
def test_numbers_that_mean_different_things_are_not_compared(a, b, said):
    for use in (lambda: difference(a, b), lambda: best_of([a, b])):
        with pytest.raises(ComparisonError, match=said):
            use()


def test_answers_by_hand():
    accuracy, error = metrics.build({"name": "accuracy"}), metrics.build({"name": "squared_error"})
    rows = [([1, 2, 3], [1, 2, 0]), ([4], [4]), ([], [])]
    assert evaluate(accuracy, [accuracy.stats(*row) for row in rows]).value == 3 / 4
    assert evaluate(error, [error.stats(*row) for row in rows]).value == 9 / 4
    assert math.isnan(accuracy.score_of_sum(accuracy.stats([], [])))


@pytest.mark.parametrize(
    "rows", [[np.zeros(2), np.zeros(3)], [np.zeros(()), np.zeros(())], np.zeros((3, 2, 2))], ids=str
)
def test_rows_of_unlike_statistics_are_refused(rows):
    with pytest.raises(DataError, match="rows have statistics of shape"):
        evaluate(metrics.build({"name": "accuracy"}), rows)


def test_runs_are_pooled_by_sums_where_sums_are_enough():
    accuracy, tables = metrics.build({"name": "accuracy"}), [np.ones((2, 2)), np.array([[0.0, 1.0], [1.0, 1.0]])]
    metric, table = pooled(accuracy, tables)
    assert metric is accuracy
    assert table.tolist() == [[1, 2], [2, 2]]
    auroc = metrics.build({"name": "auroc"})
    metric, table = pooled(auroc, [np.array([[0.9, 1], [0.1, 0]]), np.array([[0.4, 1], [0.4, 0]])])
    assert evaluate(metric, table).value == (1 + 0.5) / 2
    assert metric.signature(table) == auroc.signature(table[:, :2])
    with pytest.raises(ComparisonError, match="unlike numbers of rows"):
        pooled(accuracy, [np.ones((2, 2)), np.ones((3, 2))])
