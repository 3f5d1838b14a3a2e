"""Every compiled scan and the linear layer against float64 and against torch, and their laws about bits."""

import itertools

import pytest
import torch
from reference import CELLS, GAPS, PACKED, ROWS, STEP, STEPS, Case, definition, error, ours, torchs

from ostinato import _core, kernels
from ostinato.kernels import Weights

SIZES = (1, 2, 3, 7, 13, 15, 16, 17, 31, 33, 64)
# Every batch with every length, every hidden size with two input sizes; not the full product, which says nothing more.
SHAPES = [
    (batch, steps, SIZES[(5 * i + 3) % len(SIZES)], SIZES[i % len(SIZES)])
    for i, (batch, steps) in enumerate(itertools.product((0, 1, 2, 7, 33), (0, 1, 2, 17)))
]
SHAPES += [(7, 17, SIZES[-1 - i], hidden) for i, hidden in enumerate(SIZES)]
SHAPES += [(2, 100, 3, 17), (33, 40, 0, 5), (150, 3, 5, 9), (5, 7, 130, 129)]
# Options in turn, so that every pair of them meets in some shape.
OPTIONS = list(itertools.product((ROWS, STEPS, GAPS, PACKED), (False, True), (True, False), (False, True)))


def options(i: int) -> dict:
    layout, reverse, biased, gates_in = OPTIONS[i * 13 % len(OPTIONS)]
    return {"layout": layout, "reverse": reverse, "biased": biased, "gates_in": gates_in, "seed": i}


def same(found, expected) -> bool:
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.fixture(autouse=True)
def restored():
    isa, threads = kernels.isa(), torch.get_num_threads()
    yield
    _core.use_isa(isa)
    torch.set_num_threads(threads)


def agrees(case: Case) -> None:
    wanted, wanted_grads = case.run(definition, torch.float64)
    for dtype, limit, grad_limit in ((torch.float32, 1e-5, 1e-4), (torch.float64, 1e-12, 1e-11)):
        results, grads = case.run(ours, dtype)
        errors = [error(found, want) for found, want in zip(results, wanted, strict=True)]
        assert max(errors, default=0.0) < limit, (case, errors)
        errors = [error(found, want) for found, want in zip(grads, wanted_grads, strict=True)]
        assert max(errors, default=0.0) < grad_limit, (case, errors)


@pytest.mark.parametrize("name", CELLS)
def test_results_and_gradients_are_those_of_the_definition(name):
    for i, shape in enumerate(SHAPES):
        agrees(Case(name, *shape, **options(i + CELLS.index(name))))


@pytest.mark.parametrize("projected", [1, 5, 16, 70])
def test_a_projected_lstm_is_its_definition(projected):
    for i, shape in enumerate(SHAPES[::2]):
        agrees(Case("lstm", *shape, projected=projected, **options(i + projected)))


@pytest.mark.parametrize(
    ("name", "projected"), [("lstm", None), ("lstm", 20), ("gru", None), ("rnn_tanh", None), ("rnn_relu", None)]
)
@pytest.mark.parametrize(("batch", "steps", "hidden"), [(33, 17, 64), (2, 1000, 17), (33, 60, 64), (16, 40, 128)])
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_never_worse_than_twice_torchs_own_error(name, projected, batch, steps, hidden):
    """On any CPU: outputs within 1e-5 of float64 and gradients within 1e-4, relative to the largest value; and at most
    twice the error of torch's own fp32 path.

    Both are compared by the median over seeds of the largest error, because a single largest error is chance. torch's
    error depends on the instruction set (AVX-512 halves it), so it counts as no less than one unit in the last place
    of the largest value, or two for a gradient, which is a longer sum: less than that, a ratio says nothing.
    """
    ours_errors, torch_errors = [], []
    for seed in range(5):
        case = Case(name, batch, steps, hidden, hidden, projected=projected, ragged=False, seed=seed)
        exact = sum(case.run(torchs, torch.float64), ())
        for run, errors in ((ours, ours_errors), (torchs, torch_errors)):
            errors.append([error(result, truth) for result, truth in zip(sum(case.run(run), ()), exact, strict=True)])
    mine, theirs = torch.tensor(ours_errors), torch.tensor(torch_errors)
    outputs = len(case.incoming)
    gradients = mine.shape[1] - outputs
    message = f"{kernels.isa()}: ours {mine.tolist()}, torch's {theirs.tolist()}"
    assert (mine.amax(0) <= torch.tensor([1e-5] * outputs + [1e-4] * gradients)).all(), message
    ulp = torch.finfo(torch.float32).eps
    least = torch.tensor([ulp] * outputs + [2 * ulp] * gradients)
    assert (mine.median(0).values <= 2 * torch.maximum(theirs.median(0).values, least)).all(), message


@pytest.mark.parametrize("name", CELLS)
def test_a_negated_view_counts_with_its_sign(name):
    """Its memory holds the numbers before the sign: torch._neg_view is what the imaginary part of a conjugate is."""
    case = Case(name, 3, 5, 7, 6)
    expected = case.run(ours)
    case.values = tuple(None if value is None else torch._neg_view(-value) for value in case.values)
    case.incoming = tuple(torch._neg_view(-grad) for grad in case.incoming)
    for found, wanted in zip(case.run(ours), expected, strict=True):
        assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def everything(case: Case) -> tuple[torch.Tensor, ...]:
    return sum(case.run(ours), ())


def of_rows(case: Case, rows) -> Case:
    """Some rows of it."""
    other = case.but(batch=len(case.lengths[rows]))
    other.lengths = case.lengths[rows]
    x, *weights, output, h = case.values[:7]
    other.values = (x[rows], *weights, output, h[rows], *(leaf[rows] for leaf in case.values[7:]))
    other.incoming = tuple(grad[rows] for grad in case.incoming)
    return other


CORNERS = [(name, {}) for name in CELLS] + [
    ("lstm", {"projected": 9}),
    ("gru", {"reverse": True, "layout": STEPS}),
    ("gru_before", {"gates_in": True, "biased": False}),
    ("lstm", {"layout": PACKED, "reverse": True}),
]


@pytest.mark.parametrize(("name", "more"), CORNERS)
@pytest.mark.parametrize("hidden", [5, 64])
def test_a_row_does_not_depend_on_the_others(name, more, hidden):
    case = Case(name, 33, 17, 7, hidden, **more)
    results, grads = case.run(ours)
    states = case.scan.states
    for row in range(33):
        one = slice(row, row + 1)
        alone, alone_grads = of_rows(case, one).run(ours)
        assert same(alone, [result[one] for result in results]), row
        # Those of x and of the state; those of weights are sums over rows.
        assert same((alone_grads[0], *alone_grads[-states:]), [g[one] for g in (grads[0], *grads[-states:])]), row


@pytest.mark.parametrize(("name", "more"), [(name, more) for name, more in CORNERS if "reverse" not in more])
@pytest.mark.parametrize(("batch", "steps"), [(7, 41), (2, 1000)])
def test_any_chunking_gives_the_same_bits(name, more, batch, steps):
    case = Case(name, batch, steps, 16, 33, **more)
    x, *others = case.values
    weights, leaves = others[:5], tuple(others[5:])
    outputs, *final = ours(case, *case.values)
    for chunk in (1, 2, 5, 16, 40) if steps < 100 else (37, 500):
        pieces, state = [], leaves
        for start in range(0, steps, chunk):
            part = case.but(steps=min(chunk, steps - start))
            part.lengths = (case.lengths - start).clamp(0, part.steps)
            piece, *state = ours(part, x[:, start : start + chunk], *weights, *state)
            pieces.append(piece)
        assert torch.equal(torch.cat(pieces, 1), outputs)
        assert same(state, final)


@pytest.mark.parametrize(("name", "more"), CORNERS)
@pytest.mark.parametrize(
    ("batch", "steps", "inputs", "hidden"), [(7, 40, 31, 33), (33, 60, 31, 64), (1, 100, 64, 128), (2, 1000, 33, 64)]
)
def test_threads_and_instruction_sets_give_the_same_bits(name, more, batch, steps, inputs, hidden):
    case = Case(name, batch, steps, inputs, hidden, **more)
    torch.set_num_threads(1)
    expected = everything(case)
    for isa in _core.isas():
        if isa == "scalar" and batch != 7:
            continue  # slow, and the small case says it
        for threads in (1, 2, 3):
            _core.use_isa(isa)
            torch.set_num_threads(threads)
            assert same(everything(case), expected), (isa, threads)


@pytest.mark.parametrize(("name", "more"), CORNERS)
def test_without_a_gradient_the_same_bits(name, more):
    case = Case(name, 7, 17, 15, 33, **more)
    recorded, _ = case.run(ours)
    with torch.no_grad():
        assert same(ours(case, *case.values), recorded)
    with torch.inference_mode():
        assert same(ours(case, *case.values), recorded)


@pytest.mark.parametrize(("name", "more"), CORNERS)
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e30])
def test_padding_is_invisible(name, more, garbage):
    case = Case(name, 7, 17, 8, 16, **more)
    expected, expected_grads = case.run(ours)
    dirty = case.but()
    dirty.values = (torch.where(case.real[..., None], case.values[0], garbage), *case.values[1:])
    dirty.incoming = (torch.where(case.real[..., None], case.incoming[0], garbage), *case.incoming[1:])
    results, grads = dirty.run(ours)
    assert same(results, expected)
    assert same(grads, expected_grads)
    assert (results[0][~case.real] == 0).all()
    assert (grads[0][~case.real] == 0).all()


def test_layouts_and_directions_give_the_same_bits():
    """Wherever steps lie; and a reversed scan is one over reversed rows."""
    for name in CELLS:
        case = Case(name, 7, 17, 8, 33, layout=PACKED)
        expected = everything(case)
        for layout in (ROWS, STEPS, GAPS):
            assert same(everything(case.but(layout=layout)), expected), (name, layout)
        time = torch.arange(17).expand(7, -1)
        at = torch.where(case.real, case.lengths[:, None] - 1 - time, time)[..., None]
        turned = case.but(layout=ROWS, reverse=True)
        turned.values = (case.values[0].gather(1, at.expand_as(case.values[0])), *case.values[1:])
        turned.incoming = (case.incoming[0].gather(1, at.expand_as(case.incoming[0])), *case.incoming[1:])
        (outputs, *state), (grad_x, *grads) = turned.run(ours)
        found = (outputs.gather(1, at.expand_as(outputs)), *state, grad_x.gather(1, at.expand_as(grad_x)), *grads)
        assert same(found, expected), name


def test_outputs_lie_as_asked():
    case = Case("gru", 3, 5, 2, 4)
    outputs = ours(case.but(layout=STEPS), *case.values)[0]
    assert outputs.transpose(0, 1).is_contiguous()
    assert ours(case, *case.values)[0].is_contiguous()


def test_a_state_comes_back_as_the_type_it_was():
    from ostinato.cells.lstm import LSTMState

    case = Case("lstm", 2, 3, 2, 4)
    x, *weights = case.values[:6]
    for state in (LSTMState(*case.values[6:]), case.values[6:]):
        final = kernels.lstm(x, case.lengths, state, Weights(*weights), STEP["lstm"])[1]
        assert type(final) is type(state)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("wanted", ["x", "weights", "leaves"])
def test_each_gradient_is_the_same_without_the_others(name, wanted):
    case = Case(name, 7, 11, 5, 16)
    grads = case.run(ours)[1]
    at = {"x": slice(0, 1), "weights": slice(1, 5), "leaves": slice(5, None)}[wanted]
    given = [None if value is None else value.detach() for value in case.values]
    there = [value for value in given if value is not None]
    for value in there[at]:
        value.requires_grad_()
    results = ours(case, *given)
    assert same(torch.autograd.grad(results, there[at], case.incoming), grads[at])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("used", [[0], [-1], [0, -1]])
def test_results_that_nobody_uses_have_no_gradient(name, used):
    case = Case(name, 7, 11, 5, 16)
    values = [None if value is None else value.requires_grad_() for value in case.values]
    there = [value for value in values if value is not None]
    results = ours(case, *values)
    found = torch.autograd.grad([results[i] for i in used], there, [case.incoming[i] for i in used])
    zeroed = case.but()
    kept = [i % len(case.incoming) for i in used]
    zeroed.incoming = tuple(grad if i in kept else grad * 0 for i, grad in enumerate(case.incoming))
    assert same(found, zeroed.run(ours)[1])
    # A sum's gradient is one number seen everywhere.
    (by_sum,) = torch.autograd.grad(ours(case, *values)[0].sum(), there[:1])
    (by_ones,) = torch.autograd.grad(ours(case, *values)[0], there[:1], torch.ones(7, 11, 16))
    assert torch.equal(by_sum, by_ones)


def test_outputs_that_were_changed_have_no_gradient():
    case = Case("lstm", 2, 3, 2, 4)
    x = case.values[0].requires_grad_()
    outputs = ours(case, x, *case.values[1:])[0]
    outputs.mul_(2)
    with pytest.raises(RuntimeError, match="inplace"):
        outputs.sum().backward()


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize(("name", "more"), [*CORNERS, ("lstm", {"projected": 2, "layout": PACKED, "reverse": True})])
def test_gradients_and_their_gradients(check, name, more):
    more = {**more, "projected": 2} if "projected" in more else more
    case = Case(name, 3, 3, 2, 3, seed=1, **more)
    # Every corner has a row that is not there.
    case.lengths[-1] = 0
    given = [None if value is None else value.double().requires_grad_() for value in case.values]
    there = [i for i, value in enumerate(given) if value is not None]

    def run(*values):
        return ours(case, *(values[there.index(i)] if i in there else None for i in range(len(given))))

    # Random directions, forward and backward, in place of every number on its own.
    assert check(run, [given[i] for i in there], fast_mode=True)


@pytest.mark.parametrize("check", [torch.autograd.gradcheck, torch.autograd.gradgradcheck])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_gradients_and_their_gradients(check, bias):
    inputs = [torch.randn(2, 3, 4), torch.randn(5, 4)] + [torch.randn(5)] * bias
    assert check(kernels.linear, [value.double().requires_grad_() for value in inputs])


def of_linear(layer, values, grad, dtype=torch.float32) -> tuple[torch.Tensor, ...]:
    """Its result, and the gradients of x, weight and bias."""
    values = [value.to(dtype).requires_grad_() for value in values]
    result = layer(*values)
    return (result.detach(), *torch.autograd.grad(result, values, grad.to(dtype)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 33, 17), (33, 128, 129), (300, 70, 64), (2, 0, 3), (0, 3, 2)])
def test_linear_is_its_definition(shape):
    rows, inputs, outputs = shape
    values = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    grad = torch.randn(rows, outputs)
    exact = of_linear(torch.nn.functional.linear, values, grad, torch.float64)
    found = of_linear(kernels.linear, values, grad)
    assert max(error(a, b) for a, b in zip(found, exact, strict=True)) < 2e-6
    for isa, threads in itertools.product(_core.isas(), (1, 2, 3)):
        _core.use_isa(isa)
        torch.set_num_threads(threads)
        assert same(of_linear(kernels.linear, values, grad), found), (isa, threads)
    for row in range(min(rows, 7)):
        assert torch.equal(kernels.linear(values[0][row], *values[1:]), found[0][row])


@pytest.mark.parametrize("name", CELLS)
def test_what_a_caller_passes_twice_gets_both_gradients(name):
    """A state as both leaves, a bias as both biases, the inputs' weight as the state's: sums, and their gradients."""
    torch.manual_seed(2)
    scan, lengths = getattr(kernels, name), torch.tensor([3, 1])
    x, weight, bias, leaf = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 3, 4), (scan.gates * 4, 4), (scan.gates * 4,), (2, 4))
    )
    case = Case(name, 2, 3, 4, 4)
    case.lengths = lengths
    values = (x, weight, weight, bias, bias, None, *[leaf] * scan.states)
    found, wanted = ours(case, *values), definition(case, *values)
    inputs = (x, weight, bias, leaf)
    for create in (False, True):
        grads = [
            torch.autograd.grad(sum(r.square().sum() for r in results), inputs, create_graph=create, retain_graph=True)
            for results in (found, wanted)
        ]
        for a, b in zip(*grads, strict=True):
            assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
    twice = [torch.autograd.grad(sum(g.square().sum() for g in each), inputs) for each in grads]
    for a, b in zip(*twice, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)


def with_loose_strides(x: torch.Tensor) -> torch.Tensor:
    """An axis of one may have any stride."""
    return x.as_strided(x.shape, [1 if n == 1 else stride for n, stride in zip(x.shape, x.stride(), strict=True)])


STRIDED = {
    "turned": lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
    "every second": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "spread": lambda x: torch.nn.functional.pad(x, (1, 2, 1, 1))[:, 1:-1, 1:-2],
    "flipped twice": lambda x: x.flip(0, 1).flip(0, 1),
    "with loose strides": with_loose_strides,
}


@pytest.mark.parametrize("how", STRIDED)
@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 5, 4), (3, 1, 4), (3, 5, 1), (1, 1, 1)])
def test_strided_inputs(how, shape):
    case = Case("lstm", shape[0], shape[1], shape[2], 6, ragged=False)
    expected, grads = case.run(ours)
    x = STRIDED[how](case.values[0].detach()).requires_grad_()
    # The weights and the state too.
    others = [None if value is None else torch.stack([value, value], -1)[..., 0] for value in case.values[1:]]
    results = ours(case, x, *others)
    assert same(results, expected)
    incoming = [torch.stack([grad, grad], -1)[..., 1] for grad in case.incoming]
    (found,) = torch.autograd.grad(results, x, incoming)
    assert torch.equal(found, grads[0])


def test_inputs_that_overlap():
    """One row seen as many, and one step as many."""
    case = Case("gru", 4, 6, 3, 5, ragged=False)
    row = torch.randn(1, 6, 3, requires_grad=True)
    step = torch.randn(4, 1, 3, requires_grad=True)
    for small in (row, step):
        found = ours(case, small.expand(4, 6, 3), *case.values[1:])[0]
        wanted = ours(case, small.expand(4, 6, 3).contiguous(), *case.values[1:])[0]
        assert torch.equal(found, wanted)
        grads = [torch.autograd.grad(outputs, small, case.incoming[0])[0] for outputs in (found, wanted)]
        assert torch.equal(*grads)


def test_strided_rows_of_a_linear_map():
    weight, bias = torch.randn(6, 5), torch.randn(6)
    x = torch.randn(5, 4, 3).transpose(0, 2)
    assert torch.allclose(kernels.linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias), atol=1e-5)
    assert kernels.linear(torch.randn(5), weight).shape == (6,)
    assert kernels.linear(torch.randn(2, 0, 5), weight).shape == (2, 0, 6)


@pytest.mark.parametrize("name", CELLS)
def test_autocast_computes_in_float32(name):
    case = Case(name, 3, 5, 4, 6)
    half = [None if value is None else value.bfloat16() for value in case.values]
    mixed = [half[0], *case.values[1:6], *half[6:]]
    for given in (half, mixed):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = ours(case, *(None if value is None else value.detach().requires_grad_() for value in given))
            assert kernels.linear(torch.randn(2, 5).bfloat16(), torch.randn(3, 5)).dtype is torch.float32
        wide = ours(case, *(None if value is None else value.float() for value in given))
        assert all(result.dtype is torch.float32 for result in found)
        assert same(found, wide)
        assert all(result.requires_grad for result in found)


def test_gradients_through_autocast():
    case = Case("lstm", 3, 5, 4, 6)
    values = [None if value is None else value.detach().requires_grad_() for value in case.values]
    there = [value for value in values if value is not None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        results = ours(case, *values)
        grads = torch.autograd.grad(results, there, case.incoming, create_graph=True)
        again = torch.autograd.grad([g for g in grads if g.requires_grad], there, [g for g in grads if g.requires_grad])
    expected, expected_grads = case.run(ours)
    assert same(results, expected)
    assert all(error(a, b) < 1e-5 for a, b in zip(grads, expected_grads, strict=True))
    assert all(g.isfinite().all() for g in again)
