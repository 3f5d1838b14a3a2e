"""What torch does to modules (copies, replicas, forks, autocast, recorders, compilers) it does to ostinato.nn's too."""

import copy
import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils.rnn import pack_padded_sequence
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils.checkpoint import checkpoint
from twins import LAYERS, assert_bits, never_torch, run, tensors, twins

import ostinato.nn
from ostinato.testing.tolerances import HALF, assert_close


def layer(name):
    return getattr(ostinato.nn, name)(4, 5, 2, bidirectional=True)


@pytest.mark.parametrize("name", [*LAYERS, "RNNCell", "LSTMCell", "GRUCell"])
def test_copies_and_pickles_are_whole_and_their_own(name):
    first, x = getattr(ostinato.nn, name)(4, 5), torch.randn(3, 4)
    wanted = first(x)
    file = io.BytesIO()
    torch.save(first, file)
    file.seek(0)
    copies = [copy.deepcopy(first), pickle.loads(pickle.dumps(first)), torch.load(file, weights_only=False)]
    with torch.no_grad():
        next(first.parameters()).zero_()
    for other in copies:
        assert type(other) is type(first)
        with never_torch(other):
            assert_bits(other(x), wanted, name)


@pytest.mark.parametrize("name", LAYERS)
def test_a_replica_computes_with_the_parameters_it_was_given(name):
    first, x = layer(name), torch.randn(3, 2, 4)
    replica = first._replicate_for_data_parallel()
    for key, parameter in first.named_parameters():  # as torch.nn.parallel.replicate does
        setattr(replica, key, parameter * 0.5)
    with torch.no_grad():
        other = copy.deepcopy(first)
        for parameter in other.parameters():
            parameter.mul_(0.5)
    with never_torch(replica):
        outputs, _ = replica(x)
    assert_bits(outputs, other(x)[0], name)
    outputs.sum().backward()
    assert all(parameter.grad is not None for parameter in first.parameters())


@pytest.mark.parametrize("name", LAYERS)
def test_functional_call_uses_what_it_is_given(name):
    first, other, x = layer(name), layer(name), torch.randn(3, 2, 4)
    assert_bits(torch.func.functional_call(first, dict(other.named_parameters()), (x,)), other(x), name)
    ours, theirs = twins(name, 4, 5)
    with pytest.raises(RuntimeError) as wanted:  # torch has no batching rule for them
        torch.vmap(theirs)(torch.randn(2, 3, 2, 4))
    with pytest.raises(RuntimeError) as found:
        torch.vmap(ours)(torch.randn(2, 3, 2, 4))
    assert str(found.value) == str(wanted.value)


def test_a_child_of_a_fork_computes_too():
    torch.set_num_threads(2)
    first, x = ostinato.nn.LSTM(40, 64), torch.randn(33, 40, 40)
    expected = run(first, x.requires_grad_(), None)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        found, _ = first(x.detach())
        torch.set_num_threads(1)  # torch's own pool does not survive a fork
        os._exit(0 if torch.equal(found, expected[0][0]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning", "ignore:TF32:UserWarning")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize(
    ("name", "options"), [("RNN", {}), ("LSTM", {}), ("LSTM", {"proj_size": 3}), ("GRU", {})], ids=str
)
def test_under_autocast_results_have_torch_s_types(name, options, packed, given, dtype):
    ours, theirs = twins(name, 4, 5, 2, **options)
    x = torch.randn(3, 2, 4).to(given)
    call = pack_padded_sequence(x, [3, 2]) if packed else x
    for grad in (False, True):
        with torch.autocast("cpu", dtype), torch.set_grad_enabled(grad):
            with never_torch(ours):
                found = tensors(ours(call))
            with torch.backends.mkldnn.flags(enabled=False):  # on some processors it has no half-precision LSTM
                wanted = tensors(theirs(call))
        assert [result.dtype for result in found] == [result.dtype for result in wanted]
        for mine, other in zip(found, wanted, strict=True):
            assert_close(mine.float(), other.float(), name, HALF)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_under_autocast_a_cell_s_have_them_too(name):
    ours, theirs = twins(name, 4, 5)
    for given in (torch.float32, torch.bfloat16):
        x = torch.randn(3, 4).to(given)
        with torch.autocast("cpu", torch.bfloat16):
            found, wanted = tensors(ours(x)), tensors(theirs(x))
        for mine, other in zip(found, wanted, strict=True):
            assert mine.dtype is other.dtype
            assert_close(mine.float(), other.float(), name, HALF)


def test_a_checkpointed_layer_has_the_same_gradients():
    first, x = layer("LSTM"), torch.randn(3, 2, 4, requires_grad=True)
    wanted = torch.autograd.grad(first(x)[0].sum(), [x, *first.parameters()])
    for reentrant in (False, True):
        outputs = checkpoint(lambda x: first(x)[0], x, use_reentrant=reentrant)
        outputs.sum().backward()
        found = [x.grad, *(parameter.grad for parameter in first.parameters())]
        assert_bits(found, list(wanted), f"reentrant: {reentrant}")
        x.grad = None
        first.zero_grad()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", [*LAYERS, "RNNCell", "LSTMCell", "GRUCell"])
def test_what_records_or_scripts_torch_s_operations_sees_them(name):
    model = nn.Sequential(getattr(ostinato.nn, name)(4, 5))
    x, other = torch.randn(3, 4), torch.randn(3, 4)
    wanted = tensors(model(other))
    traced = torch.jit.trace(model, (x,))
    scripted = torch.jit.script(copy.deepcopy(model))
    for recorded in (traced, scripted):
        for mine, ours in zip(tensors(recorded(other)), wanted, strict=True):
            assert_close(mine, ours, name)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert tensors(model(mode.from_tensor(x)))[0].shape == wanted[0].shape


@pytest.mark.parametrize("name", [*LAYERS, "RNNCell", "LSTMCell", "GRUCell"])
def test_tensors_that_compute_in_their_own_way_do(name):
    ours, theirs = twins(name, 4, 5)
    x = TwoTensor(torch.randn(3, 4), torch.randn(3, 4))
    for mine, other in zip(tensors(ours(x)), tensors(theirs(x)), strict=True):
        assert type(mine) is type(other)
        inside = [[t.a, t.b] if isinstance(t, TwoTensor) else t for t in (mine, other)]
        assert_bits(*inside, name)


@pytest.mark.parametrize("name", [*LAYERS, "RNNCell", "LSTMCell", "GRUCell"])
def test_the_default_device_is_no_matter(name):
    ours, x = getattr(ostinato.nn, name)(4, 5), torch.randn(3, 4)
    wanted = ours(x)
    with torch.device("meta"), never_torch(ours):
        assert_bits(ours(x), wanted, name)
        if name in LAYERS:
            ours(pack_padded_sequence(x[:, None], torch.tensor([3], device="cpu")))


def test_compiled_and_exported_it_equals_eager():
    """In a process of its own: torch.compile does not trace functions that the test run wraps in shape checks."""
    script = Path(__file__).with_name("compile_layers.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(script)], env=environment, timeout=240, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == [*LAYERS, "cells", "packed"]
