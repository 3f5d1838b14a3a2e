"""What the kernels are held against: every cell's step in plain torch, folded over time, and torch's own layers."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.functional import linear

from ostinato import kernels
from ostinato.kernels import Weights

CELLS = ("lstm", "gru", "gru_before", "rnn_tanh", "rnn_relu")
ROWS, STEPS, GAPS, PACKED = "rows", "steps", "gaps", "packed"


def lstm(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    h, c = state
    i, f, g, o = (given(x, weights) + linear(h, weights.hidden, weights.hidden_bias)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    if weights.output is not None:
        h = linear(h, weights.output)
    return h, (h, c)


def gru(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    (h,) = state
    x_r, x_z, x_n = given(x, weights).chunk(3, -1)
    p_r, p_z, p_n = linear(h, weights.hidden, weights.hidden_bias).chunk(3, -1)
    r, z = (x_r + p_r).sigmoid(), (x_z + p_z).sigmoid()
    n = (x_n + r * p_n).tanh()
    h = (1 - z) * n + z * h
    return h, (h,)


def gru_before(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    (h,) = state
    x_r, x_z, x_n = given(x, weights).chunk(3, -1)
    of_r, of_z, of_n = weights.hidden.chunk(3)
    b_r, b_z, b_n = (None,) * 3 if weights.hidden_bias is None else weights.hidden_bias.chunk(3)
    r, z = (x_r + linear(h, of_r, b_r)).sigmoid(), (x_z + linear(h, of_z, b_z)).sigmoid()
    n = (x_n + linear(r * h, of_n, b_n)).tanh()
    h = (1 - z) * n + z * h
    return h, (h,)


def rnn_tanh(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    h = (given(x, weights) + linear(state[0], weights.hidden, weights.hidden_bias)).tanh()
    return h, (h,)


def rnn_relu(x: Tensor, state: tuple[Tensor, ...], weights: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    h = (given(x, weights) + linear(state[0], weights.hidden, weights.hidden_bias)).relu()
    return h, (h,)


STEP = {step.__name__: step for step in (lstm, gru, gru_before, rnn_tanh, rnn_relu)}


def given(x: Tensor, weights: Weights) -> Tensor:
    """What the inputs give to each gate."""
    if weights.input is not None:
        return linear(x, weights.input, weights.input_bias)
    return x if weights.input_bias is None else x + weights.input_bias


def starts_of(lengths: Tensor) -> Tensor:
    """How many rows stand before each step's first, rows being longest first and steps one after another."""
    steps = int(lengths.max()) if len(lengths) else 0
    sizes = (lengths[None, :] > torch.arange(steps)[:, None]).sum(1)
    return sizes.cumsum(0) - sizes


@dataclass
class Case:
    """One random scan: inputs, weights, state, lengths, and the gradients that come in."""

    name: str
    batch: int
    steps: int
    inputs: int
    hidden: int
    projected: int | None = None
    ragged: bool = True
    reverse: bool = False
    biased: bool = True
    gates_in: bool = False
    layout: str = ROWS
    seed: int = 0
    lengths: Tensor = field(init=False)
    # x [B T D], the five weights and the state's leaves; and the incoming gradients of outputs and final leaves.
    values: tuple[Tensor | None, ...] = field(init=False)
    incoming: tuple[Tensor, ...] = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)

        def draw(*shape: int, scale: float = 1.0) -> Tensor:
            return torch.randn(shape, generator=generator) * scale

        batch, steps, hidden, rows = self.batch, self.steps, self.hidden, self.scan.gates * self.hidden
        outputs = self.projected or hidden
        # As torch starts its own layers: larger ones make a tanh network chaotic.
        bound = (3 * max(hidden, 1)) ** -0.5
        self.lengths = torch.full((batch,), steps)
        if self.ragged:
            self.lengths = torch.randint(0, steps + 1, (batch,), generator=generator)
        if self.layout == PACKED:
            self.lengths = self.lengths.sort(descending=True).values
        self.values = (
            draw(batch, steps, rows if self.gates_in else self.inputs),
            draw(rows, outputs, scale=bound),
            None if self.gates_in else draw(rows, self.inputs, scale=bound),
            draw(rows, scale=bound) if self.biased else None,
            draw(rows, scale=bound) if self.biased else None,
            draw(self.projected, hidden, scale=bound) if self.projected else None,
            draw(batch, outputs),
            *[draw(batch, hidden)] * (self.scan.states - 1),
        )
        self.incoming = (
            draw(batch, steps, outputs), draw(batch, outputs), *[draw(batch, hidden)] * (self.scan.states - 1)
        )  # fmt: skip

    @property
    def scan(self) -> kernels.Scan:
        return getattr(kernels, self.name)

    def but(self, **changes) -> "Case":
        """The same numbers in another case."""
        other = replace(self, **changes)
        other.lengths, other.values, other.incoming = self.lengths, self.values, self.incoming
        return other

    @property
    def real(self) -> Tensor:
        """[B T]: which steps are there."""
        return torch.arange(self.steps)[None, :] < self.lengths[:, None]

    def run(self, layer, dtype: torch.dtype = torch.float32) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Results of `layer` (outputs and final leaves) and the gradients of all values that there are."""
        values = [None if value is None else value.to(dtype).requires_grad_() for value in self.values]
        results = layer(self, *values)
        leaves = [value for value in values if value is not None]
        # The plain fold's outputs over no steps depend on nothing.
        pairs = [(r, g.to(dtype)) for r, g in zip(results, self.incoming, strict=True) if r.requires_grad]
        grads = torch.autograd.grad([r for r, _ in pairs], leaves, [g for _, g in pairs], allow_unused=True)
        grads = tuple(torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves, grads, strict=True))
        return tuple(result.detach() for result in results), grads


def ours(case: Case, x: Tensor, *values: Tensor | None) -> tuple[Tensor, ...]:
    """The compiled scan, given the case's layout; outputs are [B T P] whatever that is."""
    weights, leaves, step = Weights(*values[:5]), values[5:], STEP[case.name]
    if case.layout == PACKED:
        starts = starts_of(case.lengths)
        steps = torch.arange(case.steps)[: len(starts), None].expand(-1, case.batch)
        rows = torch.arange(case.batch).expand(len(starts), -1)
        there = case.real.T[: len(starts)]
        data = x[rows[there], steps[there]]
        outputs, state = case.scan(
            data, case.lengths, leaves, weights, step, reverse=case.reverse, starts=starts
        )  # fmt: skip
        padded = outputs.new_zeros(case.batch, case.steps, outputs.shape[-1])
        return (padded.index_put((rows[there], steps[there]), outputs), *state)
    if case.layout == STEPS:
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    elif case.layout == GAPS:
        x = torch.nn.functional.pad(x, (0, 3, 0, 1))[:, : case.steps, : x.shape[2]]
    outputs, state = case.scan(
        x, case.lengths, leaves, weights, step, reverse=case.reverse, time_first=case.layout == STEPS
    )  # fmt: skip
    return (outputs, *state)


def definition(case: Case, x: Tensor, *values: Tensor | None) -> tuple[Tensor, ...]:
    """The plain fold."""
    weights, state = Weights(*values[:5]), values[5:]
    time = torch.arange(case.steps).expand(case.batch, -1)
    at = torch.where(case.real, case.lengths[:, None] - 1 - time, time) if case.reverse else time
    x = torch.where(case.real[..., None], x, 0.0).gather(1, at[..., None].expand_as(x))
    outputs = [x.new_zeros(case.batch, 0, case.projected or case.hidden)]
    for t in range(case.steps):
        output, new = STEP[case.name](x[:, t], state, weights)
        keep = case.real[:, t, None]
        outputs.append(torch.where(keep, output, 0.0)[:, None])
        state = tuple(torch.where(keep, n, old) for n, old in zip(new, state, strict=True))
    together = torch.cat(outputs, 1)
    return (together.gather(1, at[..., None].expand_as(together)), *state)


def torchs(case: Case, x: Tensor, *values: Tensor | None) -> tuple[Tensor, ...]:
    """torch's own, for batches whose rows all have every step."""
    assert not case.ragged
    assert not case.reverse
    hidden, of_inputs, *biases, output = values[:5]
    leaves = values[5:]
    parameters = [tensor for tensor in (of_inputs, hidden, *biases, output) if tensor is not None]
    state = [leaf[None] for leaf in leaves]
    layer = getattr(torch, case.name)
    results = layer(x, state if len(state) > 1 else state[0], parameters, case.biased, 1, 0.0, True, False, True)
    return (results[0], *(leaf[0] for leaf in results[1:]))


def error(found: Tensor, wanted: Tensor) -> float:
    """Largest difference relative to the largest wanted value."""
    if wanted.numel() == 0:
        return 0.0
    found, wanted = found.detach().double(), wanted.detach().double()
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12))
