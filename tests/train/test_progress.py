"""What a person sees: a bar on a terminal, plain lines elsewhere, and the right words in both."""

import io
import math

import pytest

from ostinato.train.progress import Bar, Lines, View, standard


class Pipe(io.StringIO):
    mode = "w"  # which the checker of annotations wants of a text stream


class Terminal(Pipe):
    def isatty(self):
        return True


def view(step=3, total=10, **changes):
    told = {
        "step": step, "total": total, "epoch": 0, "nats_per_token": 2 * math.log(2), "in_bits_per_character": True,
        "unit": "character", "tokens_a_second": 12_345.6, "seconds_left": 75.2, "score": "",
    }  # fmt: skip
    return View(**{**told, **changes})


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


def test_lines_come_every_few_seconds():
    stream = Pipe()
    lines = Lines(stream, every_seconds=60)
    for step in range(100):
        lines.training(view(step))
    lines.say("a line at once")
    assert stream.getvalue() == f"step 0/10 · epoch 1 · {view(0).words()}\na line at once\n"


def test_lines_of_other_work():
    stream = Pipe()
    Lines(stream).stage("tokenize", 1, 4)
    assert stream.getvalue() == "tokenize: 25%\n"


def test_only_a_terminal_gets_a_bar():
    assert isinstance(standard(Pipe()), Lines)
    bar = standard(Terminal())
    assert isinstance(bar, Bar)
    bar.close()


def test_the_bar_draws_and_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    stream = Terminal()
    bar = Bar(stream)
    bar.stage("tokenize", 1, 2)
    bar.training(view(1, None))
    bar.say("[said]")
    bar.training(view(10, 10))
    bar.close()
    assert "tokenize" in stream.getvalue()
    assert "[said]" in stream.getvalue()
    assert "12,346 characters/s" in stream.getvalue()
