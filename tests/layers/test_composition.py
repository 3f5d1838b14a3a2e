"""Layers made of layers: what fits, what does not, and what the sums are."""

import pytest
import torch
from torch import nn

from ostinato.cells import cells
from ostinato.errors import ConfigError
from ostinato.layers import (
    Backward,
    Bidirectional,
    Dropout,
    Embedding,
    Recurrent,
    Residual,
    Stack,
    Subsample,
    layers,
    whole,
)
from ostinato.padded import Padded


def recurrent(inputs: int, hidden: int) -> Recurrent:
    return Recurrent(cells.build({"name": "lstm", "hidden": hidden}, inputs=inputs))


def ragged() -> Padded:
    return Padded(torch.randn(3, 5, 2), torch.tensor([5, 2, 0]))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Stack([]), "no layer"),
        (lambda: Stack([recurrent(2, 3), recurrent(4, 2)]), "Recurrent gives 3 outputs but Recurrent takes 4 inputs"),
        (lambda: Residual(recurrent(2, 3)), "2 inputs into 3 outputs"),
        (lambda: Bidirectional(recurrent(2, 3), recurrent(3, 3)), "takes 2 inputs and the other 3"),
        (lambda: Bidirectional(Subsample(2, inputs=2), recurrent(2, 3)), "Subsample gives one output for 2 steps"),
        (lambda: Backward(Subsample(3, inputs=2)), "Subsample gives one output for 3 steps"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_made(make, says):
    with pytest.raises(ConfigError, match=says) as error:
        make()
    assert ";" in str(error.value)


def test_what_holds_no_parameters_cannot_be_trained():
    class NotAModule:
        inputs = outputs = 2
        latency = 0
        stride = 1

        initial = finish = __call__ = None

    with pytest.raises(TypeError, match=r"no torch\.nn\.Module"):
        Stack([NotAModule()])


def test_a_layer_without_a_stride_is_refused_by_name():
    class Strideless(nn.Module):
        inputs = outputs = 2
        latency = 0

    with pytest.raises(TypeError, match="Strideless has no attribute stride"):
        Stack([Strideless()])


def test_a_pyramid_halves_the_steps_between_layers_that_read_both_ways():
    both = Bidirectional(recurrent(2, 2), recurrent(2, 2))
    layer = Stack([both, Subsample(2, inputs=4), Bidirectional(recurrent(8, 1), recurrent(8, 1))])
    assert (layer.latency, layer.stride) == (None, 2)
    assert whole(layer, ragged()).lengths.tolist() == [3, 1, 0]


def test_a_residual_takes_what_trims_its_padding():
    layer = Residual(Stack([Subsample(1, inputs=2), Backward(recurrent(2, 2))]))
    x = Padded(torch.randn(2, 9, 2), torch.tensor([4, 2]))
    rows = whole(layer, x).rows()
    for row, inner, step in zip(rows, whole(layer.layer, x).rows(), x.rows()):
        torch.testing.assert_close(row, inner + step)


def test_a_residual_adds_its_input():
    layer, x = recurrent(2, 2), ragged()
    torch.testing.assert_close(Residual(layer)(x)[0].zeroed().data, layer(x)[0].data + x.zeroed().data)


def test_a_stack_is_one_layer_after_another():
    below, above, x = recurrent(2, 3), recurrent(3, 4), ragged()
    out, states = Stack([below, above])(x)
    first, state_below = below(x)
    second, state_above = above(first)
    assert torch.equal(out.data, second.data)
    assert torch.equal(states[0].c, state_below.c)
    assert torch.equal(states[1].h, state_above.h)


def test_backward_of_a_sequence_is_forward_of_its_mirror():
    layer, x = recurrent(2, 3), ragged()
    outputs = whole(Backward(layer), x)
    for mine, row in zip(outputs.rows(), x.rows()):
        mirrored = layer(Padded.full(row.flip(0).unsqueeze(0)))[0].data[0].flip(0)
        torch.testing.assert_close(mine, mirrored)


def test_both_ways_stand_side_by_side():
    layer = layers.build(
        {"name": "bidirectional", "layer": {"name": "recurrent", "cell": {"name": "lstm", "hidden": 3}}}, inputs=2
    )
    x = ragged()
    out = whole(layer, x)
    assert layer.outputs == 6
    torch.testing.assert_close(out.rows()[0][:, :3], layer.ahead(x)[0].rows()[0])
    ahead, back = (set(map(id, side.parameters())) for side in (layer.ahead, layer.back))
    assert not ahead & back


def test_a_stack_of_both_ways_has_a_state_of_nothing():
    layer = Stack([recurrent(2, 3), Bidirectional(recurrent(3, 1), recurrent(3, 1))])
    assert layer.latency is None
    assert layer.initial(4) == ()
    assert layer(ragged())[1] == ()


class TestDropout:
    def test_one_mask_a_sequence(self):
        layer, x = Dropout(0.5, inputs=40), Padded.full(torch.ones(6, 7, 40))
        out, _ = layer(x)
        for row in out.rows():
            assert torch.equal(row, row[:1].expand_as(row))
        assert not torch.equal(out.rows()[0], out.rows()[1])

    def test_what_is_left_is_scaled_so_that_the_mean_stays(self):
        out, _ = Dropout(0.25, inputs=1000)(Padded.full(torch.ones(40, 1, 1000)))
        assert out.data.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
        # 40,000 draws: five standard errors of the mean are 5 · sqrt(0.25 / 0.75 / 40,000) = 0.0144.
        assert out.data.mean().item() == pytest.approx(1.0, abs=0.0144)

    def test_it_rests_in_evaluation_and_with_nothing_to_drop(self):
        x = Padded.full(torch.randn(2, 3, 4))
        assert Dropout(0.5, inputs=4).eval()(x)[0].data is x.data
        assert Dropout(0.0, inputs=4)(x)[0].data is x.data

    def test_the_seed_draws_the_mask(self):
        layer, x, outputs = Dropout(0.5, inputs=30), Padded.full(torch.ones(2, 3, 30)), []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            outputs.append(layer(x)[0].data)
        assert torch.equal(outputs[0], outputs[1])
        assert not torch.equal(outputs[0], outputs[2])


class TestEmbedding:
    def test_each_token_is_its_row(self):
        layer = Embedding(3, inputs=5)
        out, _ = layer(Padded(torch.tensor([[4, 0, 99]]), torch.tensor([2])))
        assert torch.equal(out.rows()[0], layer.weight[[4, 0]])

    def test_scores_are_products_with_the_same_vectors(self):
        layer = Embedding(3, inputs=5)
        x = torch.randn(2, 7, 3)
        torch.testing.assert_close(layer.logits(x), x @ layer.weight.T)

    def test_as_output_layer_it_gives_logits_of_order_one(self):
        torch.manual_seed(0)
        layer = Embedding(400, inputs=300)
        assert layer.logits(torch.randn(50, 400)).std().item() == pytest.approx(1.0, abs=0.05)

    def test_padding_learns_nothing(self):
        layer = Embedding(3, inputs=5)
        out, _ = layer(Padded(torch.tensor([[1, 0, 0]]), torch.tensor([1])))
        out.rows()[0].sum().backward()
        assert layer.weight.grad.abs().sum(1).tolist() == [0, 3, 0, 0, 0]
