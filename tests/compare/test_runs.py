"""Runs: ordinary training in ordinary folders, never twice; what they come to is what the metrics say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from small_comparison import compared, written

import ostinato
from ostinato.compare.runs import SCORES_FILE, SPLIT
from ostinato.data.splits import data_sources
from ostinato.errors import ConfigError
from ostinato.metrics.base import evaluate, paired_bootstrap
from ostinato.recipe import check
from ostinato.training import Settings, Silent, fit

FOLDERS = ["bag/seed-1", "bag/seed-2", "gru/seed-1", "gru/seed-2"]


def folders(out: Path) -> list[str]:
    bundles = [path.parent.relative_to(out) for path in out.rglob("ostinato.json")]
    return sorted(str(path) for path in bundles if "checkpoints" not in path.parts)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The small comparison and its runs' folder, to be looked at and left as they are."""
    folder = tmp_path_factory.mktemp("done")
    return compared(written(folder), folder / "out"), folder / "out"


def test_each_is_an_ordinary_run_that_training_alone_comes_to(done, tmp_path):
    found, out = done
    assert folders(out) == FOLDERS
    row = found.rows[0]
    # 5 symbols x 4; three blocks of 6 that multiply 4 and 6 numbers and add twice; 6 x 2 and 2 to the classes.
    parameters = 20 + 72 + 18 + 108 + 18 + 14
    assert (row.contestant, row.parameters, len(row.runs)) == ("gru", parameters, 2)
    bundle = ostinato.load(str(row.runs[1].folder))
    assert bundle.recipe["train"]["seed"] == 2
    assert bundle.parameters() == row.parameters
    alone = fit(check(bundle.recipe, Settings, "alone"), tmp_path / "alone", Silent())
    names = alone.bundle.model.state_dict()
    assert all(np.array_equal(names[name], weight) for name, weight in bundle.model.state_dict().items())
    assert (alone.steps, row.runs[1].steps) == (2, 2)


def test_numbers_are_those_of_the_metric_over_the_test_split(done):
    found, _ = done
    statistics = {}
    for row in found.rows:
        each = []
        for run in row.runs:
            bundle = ostinato.load(str(run.folder))
            bundle.task.prepare(data_sources.build(bundle.recipe["data"], folder=run.folder))
            each.append(np.stack(bundle.task.statistics(bundle.model, SPLIT)[0]))
            assert run.score == bundle.task.evaluate(bundle.model, SPLIT)[0]
        metric = bundle.task.metrics_for(SPLIT)[0]
        statistics[row.contestant] = np.sum(each, axis=0)
        assert row.scores == [evaluate(metric, rows).value for rows in each]
        assert row.mean == pytest.approx(np.mean(row.scores))
        assert row.score == evaluate(metric, statistics[row.contestant])
    reference = next(row for row in found.rows if row.is_reference)
    other = next(row for row in found.rows if not row.is_reference)
    assert reference.mean >= other.mean
    assert reference.p is None
    assert other.p == paired_bootstrap(metric, statistics[other.contestant], statistics[reference.contestant])


def test_the_one_that_others_are_tested_against_may_be_named(tiny, tmp_path):
    found = compared(tiny(("seeds = [1, 2]", 'seeds = [1]\nagainst = "bag"')), tmp_path / "out")
    gru, bag = found.rows
    assert (gru.is_reference, bag.is_reference) == (False, True)
    assert (gru.over_seeds, bag.p) == (None, None)
    assert gru.p is not None


def test_the_answer_is_json(tiny, tmp_path):
    path = tiny(("seeds = [1, 2]", "seeds = [2]"), more='[sweep]\nkey = "train.batch_size"\nvalues = [4, 8]\n')
    found = json.loads(json.dumps(compared(path, tmp_path / "out").as_object()))
    assert found["sweep"] == {"key": "train.batch_size", "values": [4, 8]}
    assert (found["metric"], found["better"], found["split"], found["seeds"]) == ("accuracy", "higher", "test", [2])
    assert [(row["contestant"], row["value"]) for row in found["rows"]] == [
        ("gru", 4), ("bag", 4), ("gru", 8), ("bag", 8),
    ]  # fmt: skip
    keys = {"contestant", "value", "parameters", "size", "mean", "over_seeds", "over_rows", "p", "is_reference"}
    for row in found["rows"]:
        assert set(row) == {*keys, "signature", "runs"}
        assert [set(run) for run in row["runs"]] == [{"seed", "score", "steps", "seconds", "folder"}]
        assert row["over_rows"][0] <= row["mean"] <= row["over_rows"][1]
    assert found["rows"][0]["runs"][0]["folder"] == str(tmp_path / "out" / "gru" / "batch_size-4" / "seed-2")
    (guess,) = found["baselines"].values()
    assert guess[0] == guess[1]


def test_what_has_ended_is_neither_trained_nor_judged_again(done, tmp_path, monkeypatch):
    first, out = done
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    monkeypatch.setattr("ostinato.tasks.base.Task.statistics", None)
    told = Silent()
    again = compared(written(out.parent), out, told)
    assert told.said == []
    assert again.as_object() == first.as_object()
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_stopped_it_goes_on_and_comes_to_the_same(done, tiny, tmp_path, monkeypatch):
    whole, _ = done
    out = tmp_path / "out"

    def stopping(recipe, folder, *rest, **options):
        if folder == out / "bag" / "seed-1":
            raise KeyboardInterrupt
        return fit(recipe, folder, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["ostinato.compare.runs"], "fit", stopping)
        with pytest.raises(KeyboardInterrupt):
            compared(tiny(), out)
    assert folders(out) == ["gru/seed-1", "gru/seed-2"]
    told = Silent()
    found = compared(tiny(), out, told)
    assert [line.partition(" · ")[0] for line in told.said] == ["run 3 of 4: bag, seed 1", "run 4 of 4: bag, seed 2"]
    assert "s a run" in told.said[-1]
    assert "left" in told.said[-1]
    assert [(row.scores, row.score, row.p) for row in found.rows] == [(r.scores, r.score, r.p) for r in whole.rows]


def test_a_model_that_was_trained_anew_is_judged_anew(tiny, tmp_path):
    path, out = tiny(("[1, 2]", "[1]")), tmp_path / "out"
    compared(path, out)
    judged = out / "gru" / "seed-1" / SCORES_FILE
    kept = json.loads(judged.read_text())
    judged.write_text(json.dumps({**kept, "bundle": "another", "rows": [[0, 1]]}))
    compared(path, out)
    assert json.loads(judged.read_text()) == kept
    longer = tiny(("[1, 2]", "[1]"), ("steps = 2", "steps = 3"))
    with pytest.raises(ConfigError, match=r"gru.seed-1: the run in it .* train\.steps \(2 then, 3 now\)"):
        compared(longer, out)
    assert {run.steps for row in compared(longer, out, fresh=True).rows for run in row.runs} == {3}
