"""The doors: what is refused and how it is said; nothing a caller gets wrong may crash."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reference import Case, Cell, definition, error, ours

from ostinato import _core, kernels


def call(cell=None, gates=None, state=None, lengths=None):
    cell = Cell(4) if cell is None else cell
    gates = torch.zeros(2, 3, 16) if gates is None else gates
    state = (torch.zeros(2, 4), torch.zeros(2, 4)) if state is None else state
    return kernels.lstm(cell, gates, state, torch.tensor([3, 1]) if lengths is None else lengths)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"gates": torch.zeros(2, 3, 15)}, r"gates is \[2, 3, 15\]; it must be \[2, 3, 16\]"),
        ({"gates": torch.zeros(3, 16)}, r"gates \[3, 16\] must be \[batch, time, features\]"),
        ({"gates": torch.zeros(2, 3, 16).bfloat16()}, "dtype bfloat16"),
        ({"gates": torch.zeros(2, 3, 16).double()}, "dtypes float64 and float32 together"),
        ({"gates": torch.zeros(2, 3, 16, device="meta")}, "a tensor on meta"),
        ({"state": (torch.zeros(2, 4),)}, "the state has 1 leaves; it must have 2"),
        ({"state": (torch.zeros(2, 4), torch.zeros(1, 4))}, r"state leaf 1 is \[1, 4\]; it must be \[2, 4\]"),
        ({"lengths": torch.tensor([4, 1])}, r"lengths\[0\] is 4; it must be from 0 to 3"),
        ({"lengths": torch.tensor([3, -1])}, r"lengths\[1\] is -1"),
        ({"lengths": torch.tensor([3])}, r"lengths is \[1\]; it must be \[2\]"),
    ],
)
def test_a_refusal_is_one_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call(**wrong)
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).endswith(".")


def test_lengths_must_be_int64():
    with pytest.raises(TypeError, match="give them as int64"):
        call(lengths=torch.tensor([3, 1], dtype=torch.int32))


def test_transforms_are_refused():
    cell = Cell(4)
    with pytest.raises(ValueError, match="vmap"):
        torch.func.vmap(lambda gates: call(cell, gates)[0])(torch.zeros(5, 2, 3, 16))


def test_linear_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"x \[2, 3\] does not fit weight \[4, 5\]"):
        kernels.linear(torch.zeros(2, 3), torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"bias \[3\] does not fit"):
        kernels.linear(torch.zeros(2, 5), torch.zeros(4, 5), torch.zeros(3))


def test_random_sizes_are_refused_or_computed():
    """Two thousand calls of the compiled door with sizes that mostly lie: ValueError or the right answer."""
    dice = random.Random(0)
    odd = (-(2**63), -1, 0, 1, 2, 3, 4, 5, 2**31, 2**32 + 1, 2**61, 2**63 - 1)
    computed = 0
    for _ in range(2000):
        batch, steps, hidden = (dice.choice((0, 1, 2, 3, 5)) for _ in range(3))
        case = Case(batch, steps, hidden or 1, 1, seed=dice.randrange(10**6))
        gates = torch.randn(batch, steps, 4 * hidden)
        weight = torch.randn(4 * hidden, hidden)
        h0, c0, h, c = (torch.randn(batch, hidden) for _ in range(4))
        outputs, kept, kept_c = (
            torch.empty(batch, steps, hidden),
            torch.empty_like(gates),
            torch.empty(batch, steps, hidden),
        )
        arguments = [4, batch, steps, hidden, dice.choice((1, 2))]
        for tensor in (gates, weight, case.lengths, h0, c0, outputs, h, c, kept, kept_c):
            arguments += [tensor.data_ptr(), tensor.numel()]
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            # Sizes, thread counts and element counts lie; addresses are
            # null, odd or true, since only a caller knows them.
            at = dice.randrange(len(arguments))
            if at >= 5 and (at - 5) % 2 == 0:
                arguments[at] = dice.choice((0, arguments[at], arguments[at] + 1))
            else:
                arguments[at] = dice.choice(odd)
        try:
            _core.lstm_forward(*arguments)
        except (ValueError, TypeError):
            continue
        if arguments[0] == 4 and arguments[1:4] == [batch, steps, hidden] and hidden:
            computed += 1
            wanted = definition_of(gates, weight, h0, c0, case.lengths)
            assert error(outputs, wanted) < 1e-5
    assert computed > 200


def definition_of(gates, weight, h0, c0, lengths):
    eye = torch.eye(gates.shape[2], dtype=torch.float64)
    zero = torch.zeros(gates.shape[2], dtype=torch.float64)
    return definition(gates.double(), eye, weight.double(), zero, h0.double(), c0.double(), lengths)[0]


@pytest.mark.parametrize(("name", "sentence"), [("sse9", "no kernels are called 'sse9'"), ("neon", "neon")])
def test_an_instruction_set_that_is_not_there_is_an_error(name, sentence):
    if name in _core.isas():
        pytest.skip("this CPU has it")
    code = "from ostinato import _core\ntry: _core.isa()\nexcept ValueError as e: print(e)"
    environment = os.environ | {"OSTINATO_ISA": name, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert sentence in out.stdout
    assert "choose one of" in out.stdout
    with pytest.raises(ValueError, match="choose one of"):
        _core.use_isa(name)


def test_a_child_of_a_fork_computes_too():
    torch.set_num_threads(2)
    case = Case(33, 40, 64, 8)
    expected = ours(*case.values, case.lengths)[0]  # the parent's pool has threads now
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        found = [ours(*case.values, case.lengths)[0] for _ in range(3)]
        torch.set_num_threads(1)  # torch's own pool does not survive a fork
        os._exit(0 if all(torch.equal(outputs, expected) for outputs in found) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_compiled_and_exported_equal_eager():
    """In a process of its own: torch.compile does not trace functions that the test run wraps in shape checks."""
    script = Path(__file__).with_name("compiled.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, str(script)], env=environment, check=True, timeout=120)


def test_operators_are_well_formed():
    gates, lengths = torch.randn(2, 3, 16), torch.tensor([3, 1])
    tensors = [torch.randn(*shape, requires_grad=True) for shape in ((16, 4), (2, 4), (2, 4))]
    torch.library.opcheck(torch.ops.ostinato.lstm_scan.default, (gates.requires_grad_(), lengths, *tensors))
    x, weight, bias = (torch.randn(*shape, requires_grad=True) for shape in ((2, 3, 5), (4, 5), (4,)))
    torch.library.opcheck(torch.ops.ostinato.linear.default, (x, weight, bias))
