"""The doors: what is refused and how it is said; nothing a caller gets wrong may crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from reference import STEP, Case, ours

from ostinato import _core, kernels
from ostinato.kernels import Weights

ROOT = Path(__file__).parents[2]


def call(x=None, state=None, lengths=None, starts=None, **weights):
    weights = {"hidden": torch.zeros(16, 4), "input": torch.zeros(16, 5)} | weights
    state = (torch.zeros(2, 4), torch.zeros(2, 4)) if state is None else state
    lengths = torch.tensor([3, 1]) if lengths is None else lengths
    x = torch.zeros(2, 3, 5) if x is None else x
    return kernels.lstm(x, lengths, state, Weights(**weights), STEP["lstm"], starts=starts)


DATA, STARTS = torch.zeros(4, 5), torch.tensor([0, 2, 3])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"x": torch.zeros(2, 3, 4)}, r"the input weight is \[16, 5\]; it must be \[16, 4\]"),
        ({"x": torch.zeros(3, 5)}, r"x \[3, 5\] must be \[batch, time, features\]"),
        ({"x": torch.zeros(2, 3, 5).bfloat16()}, "dtypes bfloat16 and float32 together"),
        ({"x": torch.zeros(2, 3, 5).double()}, "dtypes float64 and float32 together"),
        ({"x": torch.zeros(2, 3, 5, device="meta")}, "a tensor on meta"),
        ({"x": torch.zeros(2, 3, 5).to_sparse()}, "a tensor of layout sparse_coo"),
        ({"input": None}, r"x is \[2, 3, 5\]; it must be \[2, 3, 16\]"),
        ({"hidden": torch.zeros(15, 4)}, r"the weight is \[15, 4\]; it must be \[16, 4\]"),
        ({"hidden": torch.zeros(16)}, r"the weight is \[16\]"),
        ({"hidden": torch.zeros(16, 3)}, r"the weight is \[16, 3\]; it must be \[12, 3\]"),
        ({"output": torch.zeros(3, 4)}, r"the output weight is \[3, 4\]; it must be \[4, 4\]"),
        ({"input_bias": torch.zeros(4)}, r"the input bias is \[4\]; it must be \[16\]"),
        ({"hidden_bias": torch.zeros(16, 1)}, r"the hidden bias is \[16, 1\]; it must be \[16\]"),
        ({"state": (torch.zeros(2, 4),)}, "the state has 1 leaves; it must have 2"),
        ({"state": (torch.zeros(2, 4), torch.zeros(1, 4))}, r"state leaf 1 is \[1, 4\]; it must be \[2, 4\]"),
        ({"state": (torch.zeros(2, 4), None)}, "a state whose leaves are not tensors"),
        ({"lengths": torch.tensor([4, 1])}, r"lengths\[0\] is 4; it must be from 0 to 3"),
        ({"lengths": torch.tensor([3, -1])}, r"lengths\[1\] is -1"),
        ({"lengths": torch.tensor([3])}, r"lengths is \[1\]; it must be \[2\]"),
        ({"lengths": torch.tensor([3, 1], device="meta")}, "lengths on meta"),
        ({"x": DATA}, r"x \[4, 5\] must be \[batch, time, features\]"),
        ({"starts": STARTS}, r"x \[2, 3, 5\] must be \[all steps, features\]"),
        ({"x": DATA, "starts": torch.tensor([0, 1, 3])}, r"starts\[1\] is 1; the lengths say 2"),
        ({"x": DATA, "starts": STARTS, "lengths": torch.tensor([1, 3])}, "rows must stand longest first"),
        ({"x": DATA[:3], "starts": STARTS}, "x has 15 elements where the sizes need 20"),
    ],
)
def test_a_refusal_is_one_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        call(**wrong)
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).endswith(".")


def test_lengths_and_starts_must_be_int64():
    with pytest.raises(TypeError, match="as int64"):
        call(lengths=torch.tensor([3, 1], dtype=torch.int32))
    with pytest.raises(TypeError, match="as int64"):
        call(x=DATA, starts=STARTS.int())


@pytest.mark.parametrize("name", ["gru", "gru_before", "rnn_tanh", "rnn_relu"])
def test_only_an_lstm_is_projected(name):
    scan = getattr(kernels, name)
    weights = Weights(torch.zeros(scan.gates * 4, 3), torch.zeros(scan.gates * 4, 5), output=torch.zeros(3, 4))
    with pytest.raises(ValueError, match="takes no weight_output"):
        scan(torch.zeros(2, 3, 5), torch.tensor([3, 1]), (torch.zeros(2, 3),), weights, STEP[name])


def test_transforms_are_refused():
    with pytest.raises(ValueError, match="vmap"):
        torch.func.vmap(lambda x: call(x=x)[0])(torch.zeros(7, 2, 3, 5))


def test_linear_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"x \[2, 3\] does not fit weight \[4, 5\]"):
        kernels.linear(torch.zeros(2, 3), torch.zeros(4, 5))
    with pytest.raises(ValueError, match=r"bias \[3\] does not fit"):
        kernels.linear(torch.zeros(2, 5), torch.zeros(4, 5), torch.zeros(3))


def test_half_precision_is_refused():
    case = Case("lstm", 2, 3, 5, 4)
    with pytest.raises(ValueError, match=r"cannot compute with dtype bfloat16; fold the cell's step"):
        ours(case, *(None if value is None else value.bfloat16() for value in case.values))


NOTHING = """
from reference import CELLS, Case, definition, ours
for name in CELLS:
    for sizes in (2, 3, 0, 0), (2, 3, 5, 0), (0, 3, 2, 4), (2, 0, 2, 4), (2, 3, 0, 4), (0, 0, 0, 0):
        print(name, sizes, flush=True)
        case = Case(name, *sizes)
        for found, wanted in zip(case.run(ours), case.run(definition)):
            assert [tensor.shape for tensor in found] == [tensor.shape for tensor in wanted]
"""


def test_nothing_is_computed_from_nothing():
    """In a process of its own: what divides by a size would take this one along."""
    done = run_python("-c", NOTHING, cwd=Path(__file__).parent)
    assert done.returncode == 0, (done.stdout.split("\n")[-2:], done.stderr[-2000:])


def run_python(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | options.pop("environment", {})
    options |= {"capture_output": True, "text": True, "timeout": 300, "check": False}
    return subprocess.run([sys.executable, *arguments], env=environment, **options)


def test_random_calls_are_refused_or_answered():
    """A few thousand of the calls of stress/door.py, most of which lie."""
    done = run_python(str(ROOT / "stress" / "door.py"), "--calls", "3000", "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    counts = {what: int(count) for count, _, what in (part.partition(" ") for part in done.stdout[:-1].split(", ")[2:])}
    assert counts["checked"] > 150, done.stdout
    assert counts["refused by ValueError"] > 700, done.stdout


@pytest.mark.parametrize(("name", "sentence"), [("sse9", "no kernels are called 'sse9'"), ("neon", "neon")])
def test_an_instruction_set_that_is_not_there_is_an_error(name, sentence):
    if name in _core.isas():
        pytest.skip("this CPU has it")
    code = "from ostinato import _core\ntry: _core.isa()\nexcept ValueError as e: print(e)"
    done = run_python("-c", code, environment={"OSTINATO_ISA": name})
    assert sentence in done.stdout
    assert "choose one of" in done.stdout
    with pytest.raises(ValueError, match="choose one of"):
        _core.use_isa(name)


def test_a_child_of_a_fork_computes_too():
    torch.set_num_threads(2)
    # One whose rows are shared out, and one whose units are.
    cases = [Case("lstm", 33, 40, 8, 64), Case("gru", 1, 100, 64, 128)]
    expected = [ours(case, *case.values)[0] for case in cases]  # the parent's pool has threads now
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        found = [ours(case, *case.values)[0] for case in cases * 3]
        torch.set_num_threads(1)  # torch's own pool does not survive a fork
        os._exit(0 if all(torch.equal(*pair) for pair in zip(found, expected * 3, strict=True)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("script", ["compiled.py", "operators.py"])
def test_compiled_and_exported_equal_eager(script):
    """In processes of their own: torch.compile does not trace functions that the test run wraps in shape checks, and
    sizes that it has only names for are no int."""
    done = run_python(str(Path(__file__).with_name(script)))
    assert done.returncode == 0, done.stderr[-3000:]
