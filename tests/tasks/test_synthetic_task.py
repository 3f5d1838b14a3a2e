"""The probe: problems drawn by rule, any model, a class or a value at the steps that are scored."""

import json

import numpy as np
import pytest
import torch

from ostinato.data.splits import data_sources
from ostinato.data.synthetic import problems
from ostinato.errors import ConfigError, DataError
from ostinato.metrics.accuracy import Accuracy
from ostinato.models import models
from ostinato.tasks import tasks

BAG, WINDOW = {"name": "mean_pooling"}, {"name": "window", "steps": 3, "hidden": 16}
GRU = {"name": "recurrent", "cell": {"name": "gru", "hidden": 8}}


def prepared(tmp_path, problem: dict, **more):
    task = tasks.build({"name": "synthetic"})
    table = {"name": "synthetic", "problem": problem, "train": 40, "valid": 20, "test": 200, **more}
    task.prepare(data_sources.build(table, folder=tmp_path))
    return task


def model(task, *body: dict) -> torch.nn.Module:
    torch.manual_seed(1)
    return task.model(models.spec({"name": "sequence", "body": list(body), "embedding": 6}))


@pytest.mark.parametrize("name", problems.names())
@pytest.mark.parametrize("body", [BAG, WINDOW, GRU], ids=lambda body: body["name"])
def test_any_model_answers_any_problem(tmp_path, name, body):
    task = prepared(tmp_path, problems.example(name))
    probe = model(task, body)
    batch = task.collate(task.batches("train", 7, 1).batch(0, 0))
    loss, _ = task.loss(probe, batch, None)
    loss.mean().backward()
    assert all(parameter.grad is not None for parameter in probe.parameters())
    assert loss.count == int(batch.scored.sum())
    predictions, _ = task.predict(probe, batch)
    assert [p.shape for p in predictions] == [r.shape for r in task.references(batch)]
    (score,) = task.evaluate(probe, "valid")
    assert np.isfinite(score.value)
    again = tasks.build({"name": "synthetic"})
    again.restore(task.assets())
    assert [type(m) for m in again.metrics] == [type(m) for m in task.metrics]
    again.model(models.spec({"name": "sequence", "body": [body], "embedding": 6})).load_state_dict(probe.state_dict())


def test_a_bag_is_right_in_exactly_half_whatever_its_weights(tmp_path):
    task = prepared(tmp_path, {"name": "order"})
    for seed in range(3):
        torch.manual_seed(seed)
        probe = task.model(models.spec({"name": "sequence", "body": [BAG], "embedding": 6}))
        with torch.no_grad():
            probe.head.weight.mul_(50)
        (score,) = task.evaluate(probe, "test")
        assert score.value == pytest.approx(0.5, abs=0.02)  # rounding may part a pair whose scores are nearly equal


def test_one_answer_for_all_is_the_commonest_or_the_mean(tmp_path):
    task = prepared(tmp_path, {"name": "delayed_recall", "cues": 3})
    cues = [[int(each.inputs[0]) for each in task.splits[split]] for split in ("train", "test")]
    ((score,),) = task.baselines("test").values()
    assert score.value == cues[1].count(max(range(3), key=cues[0].count)) / 200
    ((score,),) = prepared(tmp_path, {"name": "adding"}, train=1000, test=1000).baselines("test").values()
    assert score.value == pytest.approx(1 / 6, rel=0.1)
    assert score.better == "lower"


def test_a_loss_is_of_the_scored_steps(tmp_path):
    task = prepared(tmp_path, {"name": "reber"})  # rows of many lengths
    probe = model(task, GRU)
    examples = task.batches("train", 9, 1).batch(0, 0)
    together, _ = task.loss(probe, task.collate(examples), None)
    apart = sum(task.loss(probe, task.collate([example]), None)[0].total for example in examples)
    torch.testing.assert_close(together.total, apart)


def test_scores_name_their_examples(tmp_path):
    first, other = prepared(tmp_path, {"name": "parity"}), prepared(tmp_path, {"name": "parity"}, seed=2)
    assert "Parity(" in str(first.metrics_for("test")[0].signature(np.zeros((1, 2))))
    assert str(first.metrics_for("test")[0].signature(np.zeros((1, 2)))) != str(
        other.metrics_for("test")[0].signature(np.zeros((1, 2)))
    )
    with pytest.raises(DataError, match="no split 'dev'"):
        first.batches("dev", 3, 1)
    with pytest.raises(DataError, match="one for each"):
        Accuracy().stats(np.zeros(2), np.zeros(3))


def test_items_are_answered_at_their_last_step(tmp_path):
    task = prepared(tmp_path, {"name": "parity"})
    probe = model(task, GRU)
    found = [task.predict(probe, batch)[0] for batch in task.batches_of([[0, 1, 1], np.array([1])])]
    assert [len(answers) for (answers,) in found] == [1, 1]
    assert json.dumps(task.to_record(found[0][0]))
    with pytest.raises(ConfigError, match=r"item 0 is \[\]"):
        list(task.batches_of([3]))


def test_text_is_no_synthetic_problem(tmp_path):
    text = data_sources.build({"name": "text", "text": "builtin:pydoc"}, folder=tmp_path)
    with pytest.raises(ConfigError, match="its data must be a synthetic problem"):
        tasks.build({"name": "synthetic"}).prepare(text)
