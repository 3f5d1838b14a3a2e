"""Layers of a stride obey every law of layers, alone and inside others, and stream by chunks of any size."""

import pytest
import torch
from row_convolution import RowConvolution
from strided_encoder import StridedEncoder

from ostinato.cells import cells
from ostinato.layers import Recurrent, Residual, Stack, Subsample, whole
from ostinato.padded import Padded
from ostinato.testing.layers import LAWS


def recurrent(inputs: int, hidden: int) -> Recurrent:
    return Recurrent(cells.build({"name": "gru", "hidden": hidden}, inputs=inputs))


def halved(width: int) -> Stack:
    return Stack([Subsample(2, inputs=width), recurrent(2 * width, width)])


# The stride, the latency (in steps of the input), and how it is made of layers that take 3 inputs.
LAYERS = {
    "in a stack": (4, 6, lambda: Stack([recurrent(3, 3), StridedEncoder(inputs=3), recurrent(3, 2)])),
    "in a residual": (4, 6, lambda: Residual(StridedEncoder(inputs=3))),
    "a residual in a stack": (
        4,
        2 + 6 + 4 * 2,
        lambda: Stack([RowConvolution(inputs=3), Residual(StridedEncoder(inputs=3)), RowConvolution(inputs=3)]),
    ),
    "a stack in a residual": (8, 6 + 4 * 1, lambda: Residual(Stack([StridedEncoder(inputs=3), halved(3)]))),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    stride, latency, make = LAYERS[name]
    layer = make()
    assert (layer.stride, layer.latency) == (stride, latency)
    law(layer)


@pytest.mark.parametrize("chunk", [1, 3, 7])
@pytest.mark.parametrize("name", LAYERS)
def test_chunks_of_any_size_give_the_whole(name, chunk):
    stride, latency, make = LAYERS[name]
    layer, x = make(), torch.randn(2, 33, 3)
    outputs = []
    with torch.inference_mode():
        expected = whole(layer, Padded.full(x))
        state = layer.initial(2)
        for first in range(0, 33, chunk):
            out, state = layer(Padded.full(x[:, first : first + chunk]), state)
            outputs.append(out.data)
            due = [k for k in range(33) if k * stride + 1 + latency <= min(first + chunk, 33)]
            assert sum(each.shape[1] for each in outputs) == len(due)
        outputs.append(layer.finish(state).data)
    streamed = torch.cat(outputs, dim=1)
    assert streamed.shape[1] == -(-33 // stride) == expected.steps
    torch.testing.assert_close(streamed, expected.data)


def test_a_group_is_its_steps_side_by_side_and_the_last_is_filled_with_zeros():
    x = Padded.of([torch.arange(1.0, 6.0).unsqueeze(1), torch.tensor([[6.0], [7.0]])])
    first, second = whole(Subsample(3, inputs=1), x).rows()
    assert first.tolist() == [[1, 2, 3], [4, 5, 0]]
    assert second.tolist() == [[6, 7, 0]]


def test_the_shortcut_around_a_stride_is_the_first_step_of_each_group():
    inner, x = StridedEncoder(inputs=1), torch.arange(10.0).reshape(1, 10, 1)
    added = whole(Residual(inner), Padded.full(x)).data - whole(inner, Padded.full(x)).data
    torch.testing.assert_close(added.flatten(), torch.tensor([0.0, 4.0, 8.0]))
