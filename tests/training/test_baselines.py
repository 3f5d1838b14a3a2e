"""Baselines are computed once and recorded in the run's folder."""

import json
import shutil

import pytest
from ostinato.training.baselines import baselines

from ostinato.errors import DataError
from ostinato.recipe import load
from ostinato.report.history import History
from ostinato.training import Settings, Silent, fit

RECIPE = """\
task = { name = "language" }
data = { name = "text", text = "FILE", valid = 0.5 }
model = { name = "language", embedding = 4, cell = { name = "gru", hidden = 4 } }
train = { steps = 2, batch_size = 2 }
"""


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "text.txt").write_text("to be or not to be, " * 200)
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("FILE", str(tmp_path / "text.txt")))
    return load(tmp_path / "recipe.toml", (), Settings)


def test_the_second_time_they_are_read_from_the_folder(recipe, tmp_path):
    out, log = tmp_path / "run", tmp_path / "run" / "metrics.jsonl"
    task = fit(recipe, out, Silent()).bundle.task
    before = log.read_bytes()
    log.write_bytes(before + b'{"kind": "base')  # as a killed process may leave it
    first = baselines(recipe, task, out, 2)
    assert {name: [score.value for score in scores] for name, scores in first.items()} == {
        name: [score.value for score in scores] for name, scores in task.baselines("valid").items()
    }
    *rows, row = log.read_bytes().splitlines(keepends=True)
    assert b"".join(rows) == before
    assert (json.loads(row)["kind"], json.loads(row)["step"]) == ("baselines", 2)
    shutil.rmtree(out / "data")
    (tmp_path / "text.txt").unlink()
    again = baselines(recipe, fit(recipe, out, Silent()).bundle.task, out, 2)
    for name, scores in first.items():
        assert [(a.value, a.signature.parts()) for a in scores] == [(b.value, b.signature.parts()) for b in again[name]]
    assert {each.name for each in History.read(out).baselines} == set(first)


def test_a_run_without_data_and_without_recorded_baselines(recipe, tmp_path):
    task = fit(recipe, tmp_path / "run", Silent()).bundle.task
    (tmp_path / "text.txt").unlink()
    with pytest.raises(DataError, match=r"text\.txt"):
        baselines(recipe, task, tmp_path / "run", 2)
