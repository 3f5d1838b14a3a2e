"""A bundle of an older schema is read in the words of this one, and a recipe in old words is told the new ones."""

import json

import pytest

from ostinato import recipe
from ostinato.errors import ConfigError
from ostinato.migrations import MIGRATIONS, from_1, recipe_from_1
from ostinato.training import Settings

OLD = {
    "task": {"name": "language", "tokenizer": {"name": "character"}, "steps": 8},
    "data": {"name": "text", "text": "builtin:pydoc", "valid": 0.1},
    "model": {
        "name": "language", "cell": {"name": "lstm", "hidden": 4}, "dropout": 0.1,
        "output": {"name": "full", "smoothing": 0.1},
    },
    "train": {
        "rows": 4, "steps": 2, "ema": 0.9,
        "optimizer": {"name": "rmsprop", "rate": 0.1, "decay": 0.2, "smoothing": 0.9},
    },
}  # fmt: skip
PROBE = {
    "task": {"name": "probe", "held_out_rows": 10},
    "data": {"name": "synthetic", "problem": {"name": "parity", "steps": 6}},
    "model": {"name": "probe", "body": [{"name": "bag"}, {"name": "dropout", "share": 0.5}]},
    "train": {"rows": 4, "steps": 2, "optimizer": {"name": "adamw", "rate": 0.1}},
}


def test_there_is_a_migration_from_every_schema():
    from ostinato.bundle_folder import SCHEMA

    assert sorted(MIGRATIONS) == list(range(1, SCHEMA))


def test_old_words_become_new_ones():
    new = recipe_from_1(OLD)
    assert new["task"]["bptt_steps"] == 8
    assert new["model"]["output"] == {"name": "full", "label_smoothing": 0.1}
    assert new["train"] == {
        "batch_size": 4, "steps": 2, "ema_decay": 0.9,
        "optimizer": {"name": "rmsprop", "learning_rate": 0.1, "weight_decay": 0.2, "alpha": 0.9},
    }  # fmt: skip
    new = recipe_from_1(PROBE)
    assert (new["task"]["name"], new["model"]["name"]) == ("synthetic", "sequence")
    assert new["model"]["body"] == [{"name": "mean_pooling"}, {"name": "dropout", "p": 0.5}]


@pytest.mark.parametrize("old", [OLD, PROBE], ids=["language", "probe"])
def test_what_was_migrated_is_a_whole_recipe_and_what_was_not_is_told_the_new_words(old):
    files = {"config.json": json.dumps({"model_type": "x", "recipe": old}).encode()}
    config = json.loads(from_1(files)["config.json"])
    assert recipe.check(config["recipe"], Settings, "migrated").table["train"]["batch_size"] == 4
    assert config["model_type"] == config["recipe"]["model"]["name"]
    with pytest.raises(ConfigError) as refusal:
        recipe.check(old, Settings, "old")
    said = "\n".join(refusal.value.problems)
    assert "old: train.rows: it is now train.batch_size; write that" in said
    assert "old: train.optimizer.rate: it is now train.optimizer.learning_rate; write that" in said
    if old is OLD:
        assert "old: task.steps: it is now task.bptt_steps; write that" in said
        assert "old: train.ema: it is now train.ema_decay; write that" in said
        assert "old: model.output.smoothing: it is now model.output.label_smoothing; write that" in said
    else:
        assert "old: task: the task 'probe' is now 'synthetic'; write that" in said
        assert "old: model: the model 'probe' is now 'sequence'; write that" in said
