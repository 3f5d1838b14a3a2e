"""The language task: what is trained, what is judged, what is shown."""

import math

import numpy as np
import pytest
import torch

from ostinato.data.splits import data_sources
from ostinato.errors import ComparisonError, ConfigError
from ostinato.lm import language_models
from ostinato.metrics import comparable
from ostinato.models import models
from ostinato.padded import Padded
from ostinato.progress import silent
from ostinato.scoring import TokenScorer, whole
from ostinato.scoring.score_tokens import score_tokens
from ostinato.tasks import LanguageTask, tasks
from ostinato.tasks.base import Loss, carried

TEXT = "die katze sitzt auf der matte. der hund liegt daneben.\n" * 8


@pytest.fixture
def task(tmp_path) -> LanguageTask:
    (tmp_path / "text.txt").write_text(TEXT)
    made = tasks.build({"name": "language", "bptt_steps": 7})
    made.prepare(
        data_sources.build(
            {"name": "text", "text": str(tmp_path / "text.txt"), "valid": 0.2}, folder=tmp_path, progress=silent
        )
    )
    return made


@pytest.fixture
def model(task):
    torch.manual_seed(0)
    return task.model(models.spec({"name": "language", "cell": {"name": "lstm", "hidden": 6}, "embedding": 4})).eval()


def test_the_loss_is_the_nats_of_every_prediction(task, model):
    batches = task.batches("train", 3, 0)
    state, nats, count = None, 0.0, 0
    with torch.no_grad():
        for index in range(len(batches)):
            batch = task.collate(batches.batch(0, index))
            loss, state = task.loss(model, batch, state)
            nats, count = nats + float(loss.total), count + loss.count
    assert count == batches.predictions
    uniform = count * math.log(task.tokenizer.size)
    assert nats == pytest.approx(uniform, rel=0.1)


def test_with_the_state_carried_windows_are_the_whole_text(task, model):
    """One row, read in windows of seven, costs what it costs in one piece."""
    batches = task.batches("valid", 1, 0)
    state, nats = None, 0.0
    with torch.no_grad():
        for index in range(len(batches)):
            loss, state = task.loss(model, task.collate(batches.batch(0, index)), state)
            nats += float(loss.total)
        ids = torch.tensor(np.asarray(task.files["valid"][0 : batches.predictions + 1], dtype=np.int64)).unsqueeze(0)
        logits, _ = model(Padded.full(ids[:, :-1]))
        whole = torch.nn.functional.cross_entropy(logits.data[0], ids[0, 1:], reduction="sum")
    assert nats == pytest.approx(float(whole), rel=1e-5)


def test_the_gradient_stops_at_the_window(task, model):
    batches = task.batches("train", 2, 0)
    _, state = task.loss(model, task.collate(batches.batch(0, 0)), None)
    assert any(leaf.requires_grad for leaf in state.layers[0])
    going_on = carried(model, task.collate(batches.batch(0, 1)), state)
    assert not any(leaf.requires_grad for leaf in going_on.layers[0])
    torch.testing.assert_close(going_on.layers[0].h, state.layers[0].h)


def test_rows_that_begin_anew_begin_anew(task, model):
    batch = task.collate(task.batches("train", 3, 0).batch(0, 1))
    batch = batch._replace(continues=torch.tensor([True, False, True]))
    _, state = task.loss(model, batch, None)
    mixed = carried(model, batch, state)
    assert not mixed.layers[0].h[1].any()
    torch.testing.assert_close(mixed.layers[0].h[[0, 2]], state.layers[0].h[[0, 2]].detach())
    assert not carried(model, batch, None).layers[0].h.any()


def test_every_metric_is_of_the_same_nats(task, model):
    """Bits a character, nats a character and perplexity a token of a text without unknown characters are one number."""
    scores = {score.unit: score for score in task.evaluate(model, "valid")}
    values = {score.name: score.value for score in scores.values()}
    assert len(values) == 4
    bits, nats = (next(s.value for s in scores.values() if s.unit.startswith(unit)) for unit in ("bit", "nat"))
    assert bits == pytest.approx(nats / math.log(2), rel=1e-9)
    assert nats == pytest.approx(math.log(task.tokenizer.size), rel=0.1)


def test_a_language_model_of_any_kind_is_scored_alike(task):
    """Uniform over V: every score is known without a model."""
    uniform = language_models.build({"name": "uniform"}, size=task.tokenizer.size, eos=task.tokenizer.eos, chunks=[])
    scores = score_tokens(uniform, task.files["valid"], task.tokenizer).scores()
    perplexity = next(score for score in scores if "perplexity" in score.name)
    assert perplexity.value == pytest.approx(task.tokenizer.size, rel=1e-5)


def test_a_prediction_does_not_depend_on_how_many_are_asked_for(task, model):
    texts = ["die katze", "", "der hund liegt auf der matte", "x"] * 6
    found = [prediction for batch in task.batches_of(texts) for prediction in task.predict(model, batch)[0]]
    assert len(found) == len(texts)
    for text, prediction in zip(texts, found):
        (alone,) = task.predict(model, next(task.batches_of([text])))[0]
        np.testing.assert_allclose(prediction.log_probs, alone.log_probs, rtol=1e-5)
        assert task.to_record(prediction)["characters"] == len(text)
    shown = task.to_record(found[0])
    assert shown["text"] == "die katze"
    assert shown["bits_per_character"] == pytest.approx(shown["nats"] / math.log(2) / 9)
    assert task.to_record(found[1])["bits_per_character"] is None


def test_long_texts_are_scored_in_pieces_with_the_same_numbers(task, model, monkeypatch):
    (whole,) = task.predict(model, next(task.batches_of([TEXT])))[0]
    monkeypatch.setattr("ostinato.tasks.language.STEPS_AT_ONCE", 50)
    (pieces,) = task.predict(model, next(task.batches_of([TEXT])))[0]
    np.testing.assert_allclose(pieces.log_probs, whole.log_probs, rtol=1e-5)


def test_what_was_learnt_is_restored(task, model):
    other = tasks.build({"name": "language"})
    other.restore(task.assets())
    assert other.assets() == task.assets()
    assert other.model(models.spec({"name": "language", "cell": {"name": "lstm", "hidden": 6}})).size == model.size


def test_before_it_is_prepared_it_says_so(task):
    fresh = tasks.build({"name": "language"})
    with pytest.raises(ConfigError, match="prepare or restore"):
        fresh.model(models.spec({"name": "language", "cell": {"name": "lstm", "hidden": 6}}))
    with pytest.raises(ConfigError, match="no split 'test'"):
        task.batches("test", 1, 0)
    with pytest.raises(ConfigError, match="item 1 is a int"):
        list(task.batches_of(["text", 3]))


def test_losses_add_up_and_nothing_costs_nothing():
    assert float(Loss(torch.tensor(6.0), 3).mean()) == 2.0
    assert float(Loss(torch.tensor(0.0), 0).mean()) == 0.0


def test_one_model_and_one_text_have_one_number(task, model, tmp_path):
    """By the task and by a scorer of texts: the same value under the same signature, on the same bytes."""
    text = tmp_path / "held-out.txt"
    split = task.files["valid"]
    text.write_text(task.tokenizer.decode(split[1:]), "utf-8")
    by_text = TokenScorer(text, task.tokenizer, model).read(whole(text)).scores()
    for one, other in zip(task.evaluate(model, "valid"), by_text, strict=True):
        comparable(one, other)
        assert one.value == pytest.approx(other.value, rel=1e-9)
        assert one.interval == other.interval


def test_quick_numbers_say_in_how_many_stretches_the_text_was_read(tmp_path):
    long = tmp_path / "long.txt"
    long.write_text("der hund und die katze. " * 800, "utf-8")
    task = tasks.build({"name": "language"})
    source = {"name": "text", "text": str(long), "valid": 0.6}
    task.prepare(data_sources.build(source, folder=tmp_path / "data"))
    model = task.model(models.spec({"name": "language", "cell": {"name": "lstm", "hidden": 6}}))
    quick, full = task.evaluate(model, "valid", quick=True), task.evaluate(model, "valid")
    assert "parallel stretches" in quick[0].signature.parts()["state"]
    assert full[0].signature.parts()["state"] == "carried"
    with pytest.raises(ComparisonError, match="state"):
        comparable(quick[0], full[0])
    assert quick[0].value == pytest.approx(full[0].value, rel=0.02)


def test_the_bar_to_beat_is_an_n_gram(tmp_path):
    """Of order 6 over characters, 3 over words; counted from training text that is long enough to smooth."""
    for name, order in (("character", 6), ("word", 3)):
        task = tasks.build({"name": "language", "tokenizer": {"name": name}})
        source = {"name": "text", "text": "builtin:pydoc", "valid": 0.02}
        task.prepare(data_sources.build(source, folder=tmp_path / name))
        baselines = {kind: scores[0].value for kind, scores in task.baselines("valid").items()}
        assert list(baselines) == [f"{order}-gram", "bigram", "unigram", "uniform"]
        assert sorted(baselines, key=baselines.__getitem__) == list(baselines)
