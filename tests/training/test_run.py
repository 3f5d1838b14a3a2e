"""ostinato.train and what it returns, as a script or a notebook uses them."""

import importlib
import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import ostinato
from ostinato.errors import ConfigError, DataError
from ostinato.training import Interrupted, Silent
from ostinato.training.progress import ProgressInNotebook, standard
from ostinato.training.signals import Signals

TEXT = "the cat sat on the mat and the dog sat on the log; " * 60
RECIPE = "tiny-shakespeare"  # its steps do not depend on the clock
SMALL = {
    "model.dropout": 0.0,
    "model.input_dropout": 0.0,
    "train.ema_decay": 0.0,
    "task.bptt_steps": 8, "model.cell.hidden": 8, "model.embedding": 4, "train.batch_size": 4, "train.steps": 30,
    "train.evaluate_every": 15, "train.optimizer.learning_rate": 2e-2, "train.schedule.warmup": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "novel.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def run(text) -> ostinato.Run:
    return ostinato.train(RECIPE, text.parent / "run", progress=Silent(), **SMALL, **{"data.text": text})


def test_a_run_says_what_it_came_to(run, text):
    assert run.path == text.parent / "run"
    assert (run.steps, run.stopped) == (30, "finished")
    assert run.seconds > 0
    assert set(run.scores) == {"bits_per_character", "nats_per_character", "bits_per_byte", "perplexity"}
    assert "30 steps" in repr(run)
    assert "bits_per_character" in repr(run)
    assert "<table>" in run._repr_html_()
    assert run.bundle.recipe["data"]["text"] == str(text)
    assert ostinato.load(run.path).recipe == run.bundle.recipe


def test_the_same_call_again_returns_the_same(run, text):
    again = ostinato.train(RECIPE, run.path, progress=Silent(), **SMALL, **{"data.text": text})
    assert again.scores == run.scores
    with pytest.raises(ConfigError, match=r"train\.steps"):
        ostinato.train(RECIPE, run.path, progress=Silent(), **{**SMALL, "data.text": text, "train.steps": 7})


def test_train_stays_a_function():
    importlib.import_module("ostinato.training.trainer")
    assert callable(ostinato.train)


@pytest.mark.parametrize(
    ("recipe", "changes", "words"),
    [
        ("char-rn", {}, "did you mean 'char-rnn'?"),
        ("char-rnn", {"model.cell.hiden": 3}, "did you mean 'hidden'?"),
        ("char-rnn", {"batch_size": 3}, "batch_size: a recipe has no such table"),
        ("char-rnn", {"a..b": 3}, "train: a..b: it is not of the form section.key"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(recipe, changes, words, tmp_path):
    with pytest.raises(ConfigError) as refused:
        ostinato.train(recipe, tmp_path / "run", **changes)
    assert words in str(refused.value)
    assert not (tmp_path / "run").exists()


class Stops(Silent):
    """Someone who presses Ctrl-C at step 2."""

    def training(self, view):
        if view.step == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_keeps_the_run_and_the_same_call_resumes_it(run, text, tmp_path):
    changes = {**SMALL, "data.text": text}
    with pytest.raises(Interrupted, match="call train again to resume") as stop:
        ostinato.train(RECIPE, tmp_path / "run", progress=Stops(), **changes)
    assert stop.value._render_traceback_() == [str(stop.value)]  # what a notebook shows
    resumed = Silent()
    again = ostinato.train(RECIPE, tmp_path / "run", progress=resumed, **changes)
    assert any("goes on at step" in message for message in resumed.said)
    assert {name: score.value for name, score in again.scores.items()} == {
        name: score.value for name, score in run.scores.items()
    }


def test_a_second_interrupt_does_not_wait():
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_bundle_writes(run):
    bundle = run.bundle
    written = bundle.generate("the ", length=20)
    assert written.startswith("the ")
    assert len(written) == 24
    assert bundle.generate("the ", length=20) == written
    assert bundle.generate("the ", length=20, seed=1) != written
    likeliest = bundle.generate("the ", length=20, temperature=0.0)
    assert (
        likeliest == bundle.generate("the ", length=20, top_k=1, seed=5) == bundle.generate("the ", length=20, beam=1)
    )
    assert bundle.generate(length=0) == ""
    with pytest.warns(UserWarning, match="does not know '漢'"):
        assert bundle.generate("漢", length=1).startswith("漢")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top_k": 0}, "generate.top_k"),
        ({"temperature": 0.0, "top_p": 0.5}, "temperature 0 samples nothing"),
        ({"beam": 2, "temperature": 0.5}, "generate.temperature: a beam search samples nothing"),
        ({"beam": 0}, "generate.beam"),
        ({"length_penalty": 0.6}, "only a beam search"),
        ({"no_repeat_ngram": 0, "length": -1, "seed": -1}, "generate.no_repeat_ngram"),
    ],
)
def test_options_that_cannot_be_are_refused(run, options, words):
    with pytest.raises(ConfigError) as refused:
        run.bundle.generate("the ", **options)
    assert words in str(refused.value)


def test_a_bundle_scores_a_text_as_the_sum_of_its_steps(run):
    text = "the cat sat on the log"
    scores = run.bundle.score(text)
    (prediction,) = run.bundle.predict([text])
    nats = -prediction.log_probs.sum()
    np.testing.assert_allclose(scores["nats_per_character"].value, nats / len(text), rtol=1e-6)
    np.testing.assert_allclose(scores["perplexity"].value, np.exp(nats / len(prediction.tokens)), rtol=1e-6)
    with pytest.raises(DataError):
        run.bundle.score("")
    with pytest.raises(DataError, match="lone surrogate"):
        run.bundle.score("a\ud800")


def test_a_bundle_says_what_it_is(run):
    assert repr(run.bundle) == (
        "Bundle(language task, language(cell=lstm(hidden=8, forget_bias=1.0), layers=1, embedding=4, dropout=0.0, "
        f"input_dropout=0.0, residual=False, tied=False), {run.bundle.parameters():,} parameters)"
    )
    html = run.bundle._repr_html_()
    assert "lstm(hidden=8" in html
    assert "&quot;language&quot;" in html
    assert run.bundle.tokenizer.decode(run.bundle.tokenizer.encode("the cat")) == "the cat"


class Cell(io.TextIOWrapper):
    """The output of a notebook's cell."""

    mode = "w"


Cell.__module__ = "ipykernel.iostream"


def test_a_notebook_gets_one_line_that_is_written_over(monkeypatch, tmp_path):
    with Cell((tmp_path / "cell").open("wb"), newline="") as cell:
        monkeypatch.setattr("sys.stdout", cell)
        progress = standard()
        assert isinstance(progress, ProgressInNotebook)
        progress.stage("half done", 1, 2)
        progress.say("done")
        progress.close()
    assert (tmp_path / "cell").read_bytes() == b"\rhalf done: 50%\rdone" + b" " * 10 + b"\n\r\r"
