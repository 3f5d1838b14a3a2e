"""Two inputs and two heads go through Task, Batch, the loop and the bundle as one input and one head do."""

import pytest
import torch
from intents import INTENTS, CommandBatch, IntentTask, Tagger, commands

from ostinato import recipe
from ostinato.bundle import Bundle
from ostinato.data.splits import DataSplits, data_sources
from ostinato.models import models
from ostinato.padded import Padded
from ostinato.progress import silent
from ostinato.state import cat, flatten, over, select
from ostinato.tasks import tasks
from ostinato.training import Settings, Silent, fit

TABLE = {
    "task": {"name": "intents"},
    "data": {"name": "commands"},
    "model": {"name": "intents", "hidden": 12, "cell": {"name": "lstm", "hidden": 12}},
    "train": {
        "batch_size": 16, "steps": 60, "evaluate_every": 30, "seed": 3,
        "optimizer": {"name": "adamw", "learning_rate": 0.02},
        "schedule": {"name": "constant"},
    },
}  # fmt: skip


@pytest.fixture
def registered(monkeypatch):
    for registry, name, constructor in (
        (tasks, "intents", IntentTask), (models, "intents", Tagger), (data_sources, "commands", commands),
    ):  # fmt: skip
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.register(name)(constructor)


@pytest.fixture
def prepared(tmp_path):
    task = IntentTask()
    task.prepare(commands(folder=tmp_path, progress=silent))
    return task


def batch_of(task: IntentTask, rows: int = 5) -> CommandBatch:
    return task.collate(task.batches("train", rows, 0).batch(0, 0))


def test_a_batch_with_a_batch_in_it_is_walked_like_any_other(prepared):
    task = prepared
    batch = batch_of(task)
    chosen = select(batch, [3, 0])
    assert isinstance(chosen, CommandBatch)
    assert chosen.keys == [batch.keys[3], batch.keys[0]]
    assert torch.equal(chosen.characters.ids.data[0], batch.characters.ids.data[3])
    assert set(flatten(batch)) >= {"words.data", "characters.ids.data", "characters.lengths.lengths", "intents"}
    twice = cat([batch, batch])
    assert twice.words.batch == 10
    assert len(twice.keys) == 10
    moved = over(lambda leaf: leaf.clone(), batch)
    assert moved.keys == batch.keys


def test_padding_of_words_and_of_characters_is_invisible(registered, prepared):
    task = prepared
    model = task.model(models.spec(TABLE["model"])).eval()
    batch = batch_of(task)
    intent, slots = model(batch.words, batch.characters)
    for row, words in enumerate(slots.rows()):
        alone = task.collate([task.batches("train", 5, 0).batch(0, 0)[row]])
        mine, its = model(alone.words, alone.characters)
        torch.testing.assert_close(mine[0], intent[row])
        torch.testing.assert_close(its.rows()[0], words)
    ids = batch.characters.ids.data
    beyond = torch.arange(ids.shape[2]) >= batch.characters.lengths.data.unsqueeze(-1)
    spoilt = batch.characters._replace(ids=Padded(ids.masked_fill(beyond, -(2**40)), batch.characters.ids.lengths))
    torch.testing.assert_close(model(batch.words, spoilt)[0], intent)


def test_it_is_trained_judged_saved_and_loaded(registered, tmp_path):
    chosen = recipe.check(TABLE, Settings, "intents")
    fitted = fit(chosen, tmp_path / "run", Silent())
    scores = {score.name: score.value for score in fitted.scores}
    assert scores["intent_accuracy"] == 1.0
    assert scores["slots_accuracy"] >= 0.95
    loaded = Bundle.load(tmp_path / "run")
    texts = ["play nalova in dogroom", "stop kitroom", "who is milova", ""]
    shown = [loaded.task.to_record(prediction) for prediction in loaded.predict(texts[:3])]
    assert [entry["intent"] for entry in shown] == ["play", "stop", "ask"]
    assert shown[0]["slots"] == ["other", "artist", "other", "room"]
    assert loaded.predict(texts) == fitted.bundle.predict(texts)
    assert loaded.predict(texts)[3].slots == []
    assert loaded.predict(texts)[3].intent in range(len(INTENTS))


def test_the_loss_falls(registered, prepared):
    task = prepared
    torch.manual_seed(0)
    model = task.model(models.spec(TABLE["model"]))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    batches, losses = task.batches("train", 16, 0), []
    for step in range(20):
        loss, _ = task.loss(model, task.collate(batches.batch(step // len(batches), step % len(batches))), None)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(float(loss.mean().detach()))
    assert sum(losses[-3:]) < 0.5 * sum(losses[:3])


def test_it_cannot_stream(registered, prepared):
    task = prepared
    model = task.model(models.spec(TABLE["model"]))
    with pytest.raises(Exception, match="needs the whole sequence"):
        Bundle(task, model, TABLE).stream()


def test_the_corpora_are_what_they_say(tmp_path):
    corpora = commands(folder=tmp_path, progress=silent)
    assert isinstance(corpora, DataSplits)
    seen = {word for command in corpora.splits["train"] for word in command.words}
    new = [word for command in corpora.splits["valid"] for word in command.words if word not in seen]
    assert len(new) >= 10
