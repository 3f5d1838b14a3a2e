"""A layer that looks two steps ahead obeys every law of layers, alone and inside others, and it streams."""

import pytest
import torch
from row_convolution import RowConvolution

from ostinato.cells import cells
from ostinato.errors import StreamError
from ostinato.layers import Backward, Bidirectional, Embedding, Recurrent, Residual, Stack, whole
from ostinato.padded import Padded
from ostinato.state import flatten
from ostinato.stream import Streamer
from ostinato.tasks import tasks
from ostinato.testing.layers import LAWS


def recurrent(inputs: int, hidden: int) -> Recurrent:
    return Recurrent(cells.build({"name": "lstm", "hidden": hidden}, inputs=inputs))


LAYERS = {
    "alone": (2, lambda: RowConvolution(inputs=3)),
    "below": (2, lambda: Stack([RowConvolution(inputs=3), recurrent(3, 4)])),
    "above": (2, lambda: Stack([recurrent(3, 4), RowConvolution(inputs=4)])),
    "twice": (3, lambda: Stack([RowConvolution(inputs=3), recurrent(3, 4), RowConvolution(1, inputs=4)])),
    "shortcut": (2, lambda: Residual(RowConvolution(inputs=3))),
    "shortcut around a stack": (3, lambda: Residual(Stack([RowConvolution(1, inputs=3), RowConvolution(inputs=3)]))),
    "shortcut in a stack": (4, lambda: Stack([Residual(RowConvolution(inputs=3)), Residual(RowConvolution(inputs=3))])),
    "after tokens": (2, lambda: Stack([Embedding(3, inputs=7), RowConvolution(inputs=3)])),
    "backward": (None, lambda: Backward(RowConvolution(inputs=3))),
    "one side": (None, lambda: Bidirectional(recurrent(3, 2), RowConvolution(inputs=3))),
    "under both": (None, lambda: Stack([RowConvolution(inputs=3), Bidirectional(recurrent(3, 2), recurrent(3, 2))])),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    latency, make = LAYERS[name]
    layer = make()
    if name == "after tokens":
        layer.takes_tokens = True
    assert layer.latency == latency
    law(layer)


def test_it_is_the_sum_of_the_paper():
    layer = RowConvolution(inputs=1)
    layer.weight.data = torch.tensor([[1.0], [10.0], [100.0]])
    x = Padded.of([torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([[5.0]])])
    first, second = whole(layer, x).rows()
    assert first.flatten().tolist() == [1 + 20 + 300, 2 + 30 + 400, 3 + 40, 4]
    assert second.flatten().tolist() == [5]


def test_two_frames_wait_however_long_the_stream_is():
    layer = RowConvolution(inputs=3)
    state = layer.initial(1)
    for _ in range(50):
        _, state = layer(Padded.full(torch.randn(1, 3, 3)), state)
        assert state.waiting.lengths.tolist() == [2]
        assert flatten(state)["waiting.data"].shape == (1, 2, 3)


def test_what_waits_is_in_the_dtype_of_the_layer():
    for layer in (RowConvolution(inputs=3), Residual(RowConvolution(inputs=3))):
        for dtype in (torch.float64, torch.bfloat16):
            layer.to(dtype)
            _, state = layer(Padded.full(torch.randn(2, 1, 3, dtype=dtype)))
            both = [leaf.dtype for leaf in flatten(state).values() if leaf.is_floating_point()]
            assert both == [dtype] * len(both)
            assert {leaf.dtype for leaf in flatten(layer.initial(2)).values() if leaf.is_floating_point()} == {dtype}


def test_what_needs_the_whole_sequence_is_refused_before_the_first_chunk():
    with pytest.raises(StreamError, match=r"Bidirectional: it needs the whole sequence.*;"):
        Streamer(tasks.build({"name": "language"}), Bidirectional(recurrent(3, 2), recurrent(3, 2)))
