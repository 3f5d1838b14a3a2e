"""Run by test_door.py: a small layer compiled and exported gives what it gives in eager mode."""

import torch
from reference import Cell
from torch import nn

from ostinato import kernels


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.input = Cell(8), nn.Linear(5, 32)

    def forward(self, x, lengths):
        gates = kernels.linear(x, self.input.weight, self.input.bias)
        state = (x.new_zeros(x.shape[0], 8), x.new_zeros(x.shape[0], 8))
        outputs, (h, c) = kernels.lstm(self.cell, gates, state, lengths)
        return outputs, h, c


def same(found, expected) -> None:
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


layer, x, lengths = Layer(), torch.randn(3, 7, 5, requires_grad=True), torch.tensor([7, 0, 4])
wanted = [x, *layer.parameters()]
eager = layer(x, lengths)
expected = torch.autograd.grad(sum(result.square().sum() for result in eager), wanted)
for backend in ("eager", "aot_eager"):
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend=backend)(x, lengths)
    same(compiled, eager)
    same(torch.autograd.grad(sum(result.square().sum() for result in compiled), wanted), expected)

x = x.detach()
program = torch.export.export(layer.eval(), (x, lengths), dynamic_shapes=({1: torch.export.Dim("steps", min=1)}, None))
for given in (x, torch.randn(3, 9, 5)):
    same(program.module()(given, lengths), layer(given, lengths))
