"""Streamer: what its laws cannot say (see conformance/test_streams.py)."""

import pytest
import torch
from torch import nn

from ostinato.cells import cells
from ostinato.errors import DataError, StreamError
from ostinato.layers import Recurrent, no_steps
from ostinato.layers.base import started
from ostinato.models import models
from ostinato.padded import Padded
from ostinato.stream import LiveStream, Streamer
from ostinato.tasks import LiveTask, Partial, Task, tasks


class Numbers:
    """Chunks are lists of numbers; a number is a step."""

    def read(self, chunk):
        return torch.tensor(list(chunk), dtype=torch.float32).reshape(-1, 1)

    def finish(self):
        return self.read([])


class Echo:
    """Says every output as it comes."""

    def __init__(self):
        self.heard, self.read = [], []

    def advance(self, inputs, outputs) -> Partial:
        self.read += inputs.flatten().tolist()
        said = outputs.flatten().tolist()
        self.heard += said
        return Partial(said, [])

    def finish(self):
        return self.heard


class EchoTask(LiveTask):
    """Numbers in, numbers out; nothing is trained."""

    metrics = ()
    prepare = assets = restore = model = batches = collate = loss = predict = references = batches_of = None

    def stream_reader(self):
        return Numbers()

    def stream_predictor(self, model, opening):
        return Echo()


class Ahead(nn.Module):
    """x_t + x_{t+2}: two steps late."""

    inputs = outputs = 1
    latency = 2
    stride = 1

    def initial(self, batch):
        return (no_steps(self, batch),)

    def forward(self, x, state=None):
        (held,) = started(self, x, state)
        known = held.then(x)
        ready = (known.lengths - 2).clamp_min(0)
        later = known.stretched(known.steps + 2).zeroed().data[:, 2:]
        return Padded(known.data + later, ready).trimmed(), (known.split(ready)[1],)

    def finish(self, state):
        return state[0].zeroed()


def test_what_looks_ahead_answers_late_and_at_the_end():
    live = LiveStream(Streamer(EchoTask(), Ahead()))
    assert live.push([1.0]).stable == []
    assert live.push([10.0, 100.0]).stable == [101.0]
    assert live.push([]).stable == []
    last, everything = live.close()
    assert last.stable == [10.0, 100.0]
    assert everything == [101.0, 10.0, 100.0]


def test_streams_at_unlike_places_are_answered_together():
    streamer = Streamer(EchoTask(), Ahead())
    first, second, third = (streamer.open() for _ in range(3))
    streamer.push([first], [[1.0, 2.0]])
    said = streamer.push([first, second, third], [[3.0, 4.0], [5.0], []])
    assert [partial.stable for partial in said] == [[4.0, 6.0], [], []]
    assert streamer.push([third, second], [[7.0, 7.0, 7.0], [6.0, 9.0]])[1].stable == [14.0]
    assert streamer.close(first)[1] == [4.0, 6.0, 3.0, 4.0]
    assert streamer.close(second)[1] == [14.0, 6.0, 9.0]
    assert streamer.close(third)[1] == [14.0, 7.0, 7.0]


def test_a_stream_is_heard_without_dropout_and_without_gradients():
    model = nn.Sequential()
    made = Recurrent(cells.build({"name": "lstm", "hidden": 2}, inputs=1))
    made.add_module("dropped", model)
    made.train()
    live = LiveStream(Streamer(EchoTask(), made))
    assert not made.training
    live.push([1.0])
    assert not any(leaf.requires_grad for leaf in live.state)


def test_what_has_no_live_side_says_so():
    class Deaf(Task):
        metrics = ()
        prepare = assets = restore = model = batches = collate = loss = predict = references = batches_of = None

    with pytest.raises(StreamError, match="Deaf: it has no live input; use predict"):
        Streamer(Deaf(), Ahead()).open()


@pytest.mark.parametrize("model", [nn.Linear(1, 1), nn.LSTM(1, 1)], ids=["no layer", "a torch layer"])
def test_what_is_no_sequence_layer_is_refused_when_the_streamer_is_made(model):
    with pytest.raises(StreamError, match="cannot stream"):
        Streamer(tasks.build({"name": "language"}), model)


def test_where_one_chunk_is_refused_no_stream_has_taken_any():
    task = tasks.build({"name": "language"})
    tokenizer = task.spec.build()
    tokenizer.train(["aé"])
    task.restore({"tokenizer.json": tokenizer.to_json()})
    model = models.build({"name": "language", "cell": {"name": "lstm", "hidden": 4}}, size=tokenizer.size, eos=0)
    streamer = Streamer(task, model)
    first, second = streamer.open(), streamer.open()
    streamer.push([first, second], [b"\xc3", b"a"])
    with pytest.raises(DataError, match="byte 1 is not UTF-8"):
        streamer.push([first, second], [b"\xa9", b"\xff"])
    said, _ = streamer.push([first, second], [b"\xa9", b"a"])
    assert [entry["element"] for entry in said.stable] == ["é"]
