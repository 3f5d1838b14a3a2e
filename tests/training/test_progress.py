"""What a person sees: a bar on a terminal, plain lines elsewhere, and the right words in both."""

import math
import os

import pytest

from ostinato.training.progress import ProgressBar, ProgressLines, TrainingView, standard


def view(step=3, total=10, **changes):
    told = {
        "step": step, "total": total, "epoch": 0, "nats_per_token": 2 * math.log(2), "in_bits_per_character": True,
        "unit": "character", "tokens_a_second": 12_345.6, "seconds_left": 75.2, "score": "",
    }  # fmt: skip
    return TrainingView(**{**told, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "loss 2.000 bits/character · 12,346 characters/s · 1:15 left"),
        ({"in_bits_per_character": False, "unit": "token"}, "loss 1.386 nats/token · 12,346 tokens/s · 1:15 left"),
        ({"score": "2.1 bits/character", "seconds_left": None},
         "loss 2.000 bits/character · valid 2.1 bits/character · 12,346 characters/s"),
    ],
)  # fmt: skip
def test_the_words(changes, words):
    assert view(**changes).words() == words


def test_a_narrow_terminal_keeps_what_matters():
    assert view(score="2.1 bits/character").words(short=True) == "loss 2.000 · valid 2.1 · 1:15 left"


@pytest.fixture
def pipe(tmp_path):
    with open(tmp_path / "stderr", "w+") as stream:
        yield stream


@pytest.fixture
def terminal():
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream:
        stream.drawn = lambda: os.read(ours, 100_000).decode()
        yield stream
    os.close(ours)


def written(stream):
    stream.seek(0)
    return stream.read()


def test_lines_come_every_few_seconds(pipe):
    lines = ProgressLines(pipe, every_seconds=60.0)
    for step in range(100):
        lines.training(view(step))
    lines.say("a line at once")
    assert written(pipe) == f"step 0/10 · epoch 1 · {view(0).words()}\na line at once\n"


def test_lines_of_other_work(pipe):
    ProgressLines(pipe).stage("tokenize", 1, 4)
    assert written(pipe) == "tokenize: 25%\n"


def test_only_a_terminal_gets_a_bar(pipe, terminal):
    assert isinstance(standard(pipe), ProgressLines)
    assert isinstance(standard(terminal), ProgressBar)


def test_the_bar_draws(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    bar = ProgressBar(terminal)
    bar.stage("tokenize", 1, 2)
    bar.training(view(1, None))
    bar.say("[said]")
    bar.training(view(10, 10))
    bar.close()
    drawn = terminal.drawn()
    assert "tokenize" in drawn
    assert "[said]" in drawn
    assert "12,346 characters/s" in drawn
