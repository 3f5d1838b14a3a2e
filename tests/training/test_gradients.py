"""Clipping and averaging follow their formulas."""

import math

import pytest
import torch
from torch import nn

from ostinato.training.clip import clip
from ostinato.training.ema import EMA


def weights(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(made, gradients):
        parameter.grad = torch.tensor(gradient)
    return made


def test_a_short_gradient_is_only_divided():
    parameters = weights([6.0], [8.0])
    assert clip(parameters, 20, {"norm": 1.0}) == (pytest.approx(0.5), False)
    assert [p.grad.item() for p in parameters] == pytest.approx([0.3, 0.4])


def test_a_long_gradient_gets_the_norm():
    parameters = weights([6.0], [8.0])
    assert clip(parameters, 1, {"norm": 5.0}) == (pytest.approx(10), True)
    assert [p.grad.item() for p in parameters] == pytest.approx([3, 4], rel=1e-5)


def test_values_are_bounded_before_the_norm():
    parameters = weights([3.0, -40.0])
    assert clip(parameters, 1, {"value": 4.0, "norm": 2.5}) == (pytest.approx(math.hypot(3, 40)), True)
    assert parameters[0].grad.tolist() == pytest.approx([1.5, -2], rel=1e-5)


def test_without_limits_nothing_is_clipped():
    parameters = weights([3e8, -4e8])
    assert clip(parameters, 1, {}) == (pytest.approx(5e8), False)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_gradient_is_left_alone(bad):
    assert not math.isfinite(clip(weights([1.0, bad]), 1, {"norm": 1.0, "value": 1.0}).norm)


def test_a_parameter_without_gradient_is_passed_over():
    idle = nn.Parameter(torch.ones(2))
    assert clip([idle, *weights([2.0])], 1, {"norm": 1.0}).clipped
    assert idle.grad is None


def test_the_average_is_its_formula():
    model = nn.Linear(2, 1)
    average, decay = EMA(model, 0.5), []
    expected = model.weight.detach().clone()
    for n in range(1, 20):
        with torch.no_grad():
            model.weight += n
        average.update(n)
        d = min(0.5, (1 + n) / (10 + n))
        decay.append(d)
        expected = d * expected + (1 - d) * model.weight.detach()
    assert decay[0] == pytest.approx(2 / 11)
    assert decay[-1] == 0.5
    torch.testing.assert_close(average.tensors["weight"], expected)


def test_the_average_is_applied_and_taken_back_whatever_happens():
    model = nn.Linear(2, 1)
    average = EMA(model, 0.9)
    raw = model.weight.detach().clone() + 1
    with torch.no_grad():
        model.weight.copy_(raw)

    def fail():
        with average.applied():
            assert torch.equal(model.weight, average.tensors["weight"])
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert torch.equal(model.weight, raw)
