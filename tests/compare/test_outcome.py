"""What an outcome says: intervals, tables, curves, a page."""

import math
from dataclasses import replace

import numpy as np
import pytest
from small_comparison import written

from ostinato.compare import Contestant, ContestantRun, Outcome, curves, load, outcome, page
from ostinato.compare.curves import check_drawable
from ostinato.compare.outcome import T_95, over_seeds
from ostinato.compare.tables import decimals_of, metric_words, tables
from ostinato.errors import ComparisonError, ConfigError
from ostinato.metrics.accuracy import Accuracy
from ostinato.metrics.base import evaluate
from ostinato.metrics.regression import SquaredError
from ostinato.plots import Series
from ostinato.tasks.synthetic import SyntheticTask

SWEEP = '[sweep]\nkey = "data.problem.lag"\nvalues = [2, 16]\n'
MACHINE = {"CPU": "a CPU"}


class Judge(SyntheticTask):
    """As much of a task as an outcome asks of one."""

    def __init__(self, metric, guess: float):
        super().__init__()
        self.metric, self.guess = metric, guess

    def metrics_for(self, split: str):
        return (self.metric,)

    def baselines(self, split: str):
        return {"a guess": [evaluate(self.metric, np.array([[self.guess, 1.0]]))]}


def an_outcome(tmp_path, scores: dict, metric=None, more: str = "", guess: float = 0.5) -> Outcome:
    """`scores[contestant][i][j]`: the costs of four test rows under value i with seed j."""
    metric = metric or Accuracy(examples="a problem")
    comparison = load(written(tmp_path, more=more))
    ended = []
    for at, value in enumerate(comparison.values):
        for name in comparison.contestants:
            for seed, costs in zip(comparison.terms.seeds, scores[name][at]):
                rows = np.array([[cost, 1.0] for cost in costs])
                score = evaluate(metric, rows)
                one = Contestant(name, value, {}, 1234, None, score)
                ended.append(ContestantRun(one, seed, tmp_path, Judge(metric, guess), score, rows, 10, 1.5))
    return outcome(comparison, ended)


GOOD, BAD = [[1, 1, 1, 1], [1, 1, 1, 0]], [[1, 0, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("freedom", range(1, 31))
def test_student_s_t_leaves_a_twentieth_outside(freedom):
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    t = np.linspace(-T_95[freedom - 1], T_95[freedom - 1], 20_001)
    density = scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
    assert np.trapezoid(density, t) == pytest.approx(0.95, abs=6e-5)  # four figures are known


def test_an_interval_over_seeds():
    assert over_seeds([0.5]) is None
    assert over_seeds([1.0, 1.0, 1.0]) == 0
    assert over_seeds([1.0, 2.0, 3.0]) == pytest.approx(4.303 / math.sqrt(3))
    assert over_seeds([0.0, 1.0] * 50) == pytest.approx(2.042 * math.sqrt(100 / 99) / 2 / 10)  # on the safe side


def test_seeds_are_added_up_example_by_example(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD], "bag": [BAD]})
    gru, bag = found.rows
    assert (gru.mean, bag.mean) == (7 / 8, 3 / 8)
    assert (gru.score.value, bag.score.value) == (7 / 8, 3 / 8)
    assert (gru.is_reference, bag.is_reference) == (True, False)
    assert found.as_object()["rows"][1]["runs"][0]["score"] == 0.25


def test_low_is_best_where_low_is_better(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD], "bag": [BAD]}, SquaredError(examples="a problem"))
    assert [row.is_reference for row in found.rows] == [False, True]


def test_scores_that_came_to_mean_something_else_are_refused(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD], "bag": [BAD]})
    runs = [run for row in found.rows for run in row.runs]
    other = [replace(run, score=evaluate(Accuracy(examples="another"), run.rows)) for run in runs[2:]]
    with pytest.raises(ComparisonError, match=r"tiny\.toml: gru and bag: .* \(a problem and another\)"):
        outcome(found.comparison, [*runs[:2], *other])


def test_the_table_of_a_single_value(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD], "bag": [BAD]})
    (table,) = tables(found)
    gru, bag, guess = table.lines
    assert gru[:3] == ["gru", "0.875", "1.588"]  # 12.706 times 0.125
    assert (gru[4], gru[5:]) == ("best", ["1,234", "10", "2"])
    assert 0 < float(bag[4]) <= 1
    assert guess[:2] == ["a guess (baseline)", "0.500"]
    assert {len(line) for line in table.lines} == {len(table.header)}


def test_small_numbers_get_as_many_digits_as_they_need(tmp_path):
    tiny = [[2e-4, 4e-4, 0, 0]] * 2
    found = an_outcome(tmp_path, {"gru": [tiny], "bag": [BAD]}, SquaredError(examples="a problem"))
    assert decimals_of(found) == 5
    assert tables(found)[0].lines[0][1] == "0.00015"
    perfect = an_outcome(tmp_path, {"gru": [[[0] * 4] * 2], "bag": [[[0] * 4] * 2]}, SquaredError(examples="a problem"))
    assert decimals_of(perfect) == 3


def test_the_tables_of_a_sweep(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD, GOOD], "bag": [BAD, GOOD]}, more=SWEEP)
    means, whole = tables(found)
    assert means.header == ["lag", "2", "16"]
    assert means.lines[1] == ["bag", "0.375 (0.250 to 0.500)", "0.875 (0.750 to 1.000)"]
    assert means.lines[2] == ["a guess (baseline)", "0.500", "0.500"]
    assert [line[:2] for line in whole.lines] == [["gru", "2"], ["bag", "2"], ["gru", "16"], ["bag", "16"]]


def test_the_curves_of_a_sweep(tmp_path):
    drawn = curves(an_outcome(tmp_path, {"gru": [GOOD, GOOD], "bag": [BAD, GOOD]}, more=SWEEP))
    assert drawn.series[1] == Series("bag", [2.0, 16.0], [0.375, 0.875], [0.25, 0.75], [0.5, 1.0])
    assert (drawn.x_label, drawn.x_log, drawn.y_log, drawn.levels) == ("lag", True, False, {"a guess": 0.5})
    drawn.draw(tmp_path / "curves.svg")
    assert "bag" in (tmp_path / "curves.svg").read_text("utf-8")


def test_what_cannot_be_drawn_is_refused_beforehand(tmp_path):
    words = load(written(tmp_path, more='[sweep]\nkey = "train.schedule.name"\nvalues = ["constant", "cosine"]\n'))
    with pytest.raises(ConfigError, match=r"--plot: the values of train\.schedule\.name are not numbers"):
        check_drawable(words, tmp_path / "x.svg")
    with pytest.raises(ConfigError, match=r"--plot: 'x\.gif' is not the name of a figure; use \.svg"):
        check_drawable(load(written(tmp_path)), tmp_path / "x.gif")


def test_a_page_says_how_it_was_made(tmp_path):
    found = an_outcome(tmp_path, {"gru": [GOOD, GOOD], "bag": [BAD, GOOD]}, more=SWEEP)
    source = "# Which of two\n# is better.\n#   ostinato compare tiny.toml\n\n# not this\nthe = 'file'\n"
    text = page(found, "ostinato compare tiny.toml", "2026-01-01", MACHINE, source, "tiny.svg")
    assert text.startswith("# tiny: accuracy on test, higher is better\n\nWhich of two\nis better.\n\nWritten by")
    for words in (
        "Written by this command on 2026-01-01, and not edited by hand.",
        "```\nostinato compare tiny.toml\n```",
        "| bag | 0.375 (0.250 to 0.500) | 0.875 (0.750 to 1.000) |",
        f"![{metric_words(found)}](tiny.svg)",
        "seeds 1, 2",
        "against the best one",
        "| CPU | a CPU |",
        "`examples:a problem`",
        f"```toml\n{source}```",
    ):
        assert words in text
    assert "solved" not in text  # no size was
    assert "![" not in page(found, "", "", MACHINE, "")
