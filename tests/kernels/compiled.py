"""Run by test_door.py: every scan compiled and exported gives what it gives in eager mode, and so do its gradients."""

import torch
from reference import CELLS, STEP, STEPS, Case
from torch import nn

from ostinato import kernels
from ostinato.kernels import Weights

torch.manual_seed(0)


class Layers(nn.Module):
    """Each kind of scan once, every option somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.cases = [
            Case("lstm", 3, 7, 5, 8, projected=3, layout=STEPS),
            Case("lstm", 3, 7, 5, 8, reverse=True, gates_in=True),
            Case("gru", 3, 7, 5, 8, reverse=True, biased=False),
            Case("gru_before", 3, 7, 5, 8),
            Case("rnn_tanh", 3, 7, 5, 8, layout=STEPS, reverse=True),
            Case("rnn_relu", 3, 7, 5, 8),
        ]
        self.weights = nn.ParameterList(value for case in self.cases for value in case.values if value is not None)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        results, weights = [], iter(self.weights)
        for case in self.cases:
            _, *values = (None if value is None else next(weights) for value in case.values)
            given = kernels.linear(x, values[0][:, :5]) if case.gates_in else x
            state = tuple(values[5:])
            outputs, state = case.scan(
                given, lengths, state, Weights(*values[:5]), STEP[case.name],
                reverse=case.reverse, time_first=case.layout == STEPS,
            )  # fmt: skip
            results += [outputs, *state]
        return results


class Packed(nn.Module):
    """A scan over the data of a PackedSequence."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.ParameterList(value for value in Case("lstm", 3, 7, 5, 8).values if value is not None)

    def forward(self, data: torch.Tensor, lengths: torch.Tensor, starts: torch.Tensor) -> tuple[torch.Tensor, ...]:
        _, *weights, h, c = self.values
        outputs, state = kernels.lstm(data, lengths, (h, c), Weights(*weights), STEP["lstm"], starts=starts)
        return outputs, *state


def same(found, expected) -> None:
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def check(model: nn.Module, *given: torch.Tensor) -> None:
    given[0].requires_grad_()
    wanted = [given[0], *model.parameters()]

    def run(layers) -> tuple:
        results = layers(*given)
        loss = sum(result.square().sum() for result in results)
        return results, torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)

    expected, expected_grads = run(model)
    for backend in ("eager", "aot_eager"):
        torch.compiler.reset()
        found, grads = run(torch.compile(model, fullgraph=True, backend=backend))
        same(found, expected)
        same(grads, expected_grads)
    given[0].requires_grad_(False)


assert {case.name for case in Layers().cases} == set(CELLS)
model, x, lengths = Layers(), torch.randn(3, 7, 5), torch.tensor([7, 0, 4])
check(model, x, lengths)
check(Packed(), torch.randn(11, 5), torch.tensor([7, 4, 0]), torch.tensor([0, 2, 4, 6, 8, 9, 10]))

program = torch.export.export(model.eval(), (x, lengths), dynamic_shapes=({1: torch.export.Dim("steps", min=1)}, None))
for steps in (7, 9):
    given = torch.randn(3, steps, 5)
    same(program.module()(given, lengths), model(given, lengths))
