"""Run by test_compile.py in a Python of its own, where shapes are not checked: prints what it found."""

import torch
from torch import nn

from ostinato.cells import cells
from ostinato.layers import Bidirectional, Recurrent, Residual, Stack, layers
from ostinato.models import models
from ostinato.padded import Padded
from ostinato.state import flatten


def stack() -> Stack:
    def recurrent(inputs: int, hidden: int) -> Recurrent:
        return Recurrent(cells.build({"name": "lstm", "hidden": hidden}, inputs=inputs))

    return Stack([recurrent(3, 4), Residual(recurrent(4, 4))])


def both_ways() -> Bidirectional:
    return layers.build(layers.example("bidirectional"), inputs=3)


def language() -> nn.Module:
    table = {"name": "language", "cell": {"name": "lstm", "hidden": 5}, "embedding": 4, "layers": 2}
    return models.build(table, size=7, eos=0)


def inputs(name: str) -> Padded:
    if name == "language":
        return Padded(torch.randint(0, 7, (3, 6)), torch.tensor([6, 0, 3]))
    return Padded(torch.randn(3, 6, 3), torch.tensor([6, 0, 3]))


def gap(found: Padded, wanted: Padded) -> float:
    assert isinstance(found, Padded), type(found)
    assert found.lengths.tolist() == wanted.lengths.tolist()
    return max(float((a - b).abs().max()) for a, b in zip(found.rows(), wanted.rows()) if len(a))


def compiled(model: nn.Module, x: Padded) -> float:
    """Values, states and gradients of the compiled module against the eager one."""
    wanted, state = model(x)
    wanted.zeroed().data.square().sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    fast = torch.compile(model, fullgraph=True, backend="aot_eager")
    found, after = fast(x)
    found.zeroed().data.square().sum().backward()
    worst = gap(found, wanted)
    for (name, mine), other in zip(flatten(after).items(), flatten(state).values()):
        assert mine.shape == other.shape, name
        worst = max(worst, float((mine - other).abs().max()) if mine.numel() else 0.0)
    return max([worst, *(float((p.grad - g).abs().max()) for p, g in zip(model.parameters(), grads))])


def exported(model: nn.Module, x: Padded) -> float:
    """The exported program on the same batch, as a program of two tensors in and Padded out."""
    model.eval()
    with torch.no_grad():
        program = torch.export.export(model, (x,))
        return gap(program.module()(x)[0], model(x)[0])


torch.manual_seed(0)
MADE = {"stack": stack, "both_ways": both_ways, "language": language}
for name, make in MADE.items():
    made, x = make(), inputs(name)
    print(name, compiled(made, x), exported(made, x))
