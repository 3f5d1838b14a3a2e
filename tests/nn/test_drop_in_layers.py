"""What the random law of test_against_torch.py cannot say of ostinato.nn's layers: bits, refusals, edits, fallbacks."""

import inspect
import logging

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence
from twins import CELLS, LAYERS, assert_alike, assert_bits, leaf, mapped, never_torch, run, tensors, twins

import ostinato.nn
from ostinato.nn import definitions
from ostinato.testing.tolerances import GRADIENTS, assert_close, assert_same

KINDS = [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("LSTM", {"proj_size": 11}), ("GRU", {})]
every = pytest.mark.parametrize(("name", "options"), KINDS, ids=["tanh", "relu", "lstm", "projected", "gru"])


def deep(name, options, **more):
    return getattr(ostinato.nn, name)(19, 37, 2, bidirectional=True, **options, **more)


@every
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_one_thread_and_two_give_the_same_bits(name, options, packed):
    layer, lengths = deep(name, options), [13, 13, 8, 5, 1, 1, 1]
    x = torch.randn(13, 7, 19, requires_grad=True)
    given = pack_padded_sequence(x, lengths) if packed else x
    one = run(layer, given, None)
    torch.set_num_threads(2)
    two = run(layer, given, None)
    assert_bits(one, two, name)


@every
def test_a_row_has_the_same_bits_alone_and_among_others(name, options):
    layer, x = deep(name, options, batch_first=True), torch.randn(33, 11, 19, requires_grad=True)
    runs = 2 * layer.num_layers
    sizes = [options.get("proj_size", 37), 37] if name == "LSTM" else [37]
    state = [torch.randn(runs, 33, size) for size in sizes]
    outputs, final = layer(x, tuple(state) if name == "LSTM" else state[0])
    (gradient,) = torch.autograd.grad(outputs.sum(), x)
    for row in (0, 17, 32):
        own = [leaf[:, row : row + 1] for leaf in state]
        alone, end = layer(x[row : row + 1], tuple(own) if name == "LSTM" else own[0])
        assert_same(alone, outputs[row : row + 1], f"{name} {row}")
        assert_bits(end, [leaf[:, row : row + 1] for leaf in tensors(final)], f"{name} {row}")
        assert_same(torch.autograd.grad(alone.sum(), x)[0][row], gradient[row], f"{name} {row}, gradient")


@every
def test_a_row_has_the_same_bits_packed_and_alone_and_unbatched(name, options):
    layer = deep(name, options)
    rows = [torch.randn(length, 19) for length in (3, 11, 1, 7)]
    outputs, final = layer(pack_sequence(rows, enforce_sorted=False))
    padded, lengths = pad_packed_sequence(outputs)
    for number, row in enumerate(rows):
        alone, end = layer(row)
        assert_same(alone, padded[: lengths[number], number], f"{name} {number}")
        assert_bits(end, [leaf[:, number] for leaf in tensors(final)], f"{name} {number}")


@pytest.mark.parametrize("name", LAYERS)
def test_constructors_parameters_and_what_they_print_are_torch_s(name):
    options = {"num_layers": 2, "bidirectional": True, "bias": False, "batch_first": True, "dropout": 0.5}
    options |= {"proj_size": 3} if name == "LSTM" else {}
    ours, theirs = twins(name, 4, 5, **options)
    assert isinstance(ours, getattr(nn, name))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    assert inspect.signature(type(ours)) == inspect.signature(type(theirs))
    torch.manual_seed(3)
    ours.reset_parameters()
    torch.manual_seed(3)
    theirs.reset_parameters()
    assert_bits(list(ours.parameters()), list(theirs.parameters()), "first values")


BAD = {
    "input of one axis": lambda layer: layer(torch.zeros(4)),
    "input of four axes": lambda layer: layer(torch.zeros(2, 2, 2, 4)),
    "no tensor": lambda layer: layer([1.0]),
    "features": lambda layer: layer(torch.zeros(3, 2, 5)),
    "dtype": lambda layer: layer(torch.zeros(3, 2, 4, dtype=torch.float64)),
    "integers": lambda layer: layer(torch.zeros(3, 2, 4, dtype=torch.int64)),
    "no steps": lambda layer: layer(torch.zeros(0, 2, 4)),
    "no steps, unbatched": lambda layer: layer(torch.zeros(0, 4)),
    "state of two axes": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 2, 5)),
    "state of three axes, unbatched": lambda layer: layer(torch.zeros(3, 4), state(layer, 1, 1, 5)),
    "state's rows": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 1, 3, 5)),
    "state's layers": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 2, 2, 5)),
    "state's size": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 1, 2, 6)),
    "state's dtype": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 1, 2, 5, dtype=torch.float64)),
    "the other kind of state": lambda layer: layer(torch.zeros(3, 2, 4), state(layer, 1, 2, 5, wrong=True)),
    "packed features": lambda layer: layer(PackedSequence(torch.zeros(3, 5), torch.tensor([2, 1]))),
    "packed data of three axes": lambda layer: layer(PackedSequence(torch.zeros(3, 1, 4), torch.tensor([2, 1]))),
    "packed data too short": lambda layer: layer(PackedSequence(torch.zeros(2, 4), torch.tensor([2, 1]))),
    "packed sizes that grow": lambda layer: layer(PackedSequence(torch.zeros(3, 4), torch.tensor([1, 2]))),
    "nothing packed": lambda layer: layer(PackedSequence(torch.zeros(0, 4), torch.tensor([], dtype=torch.int64))),
    "packed state's rows": lambda layer: layer(
        PackedSequence(torch.zeros(3, 4), torch.tensor([2, 1])), state(layer, 1, 3, 5)
    ),
}


def state(layer, *sizes, wrong=False, **options):
    h = torch.zeros(sizes, **options)
    return (h, h.clone()) if isinstance(layer, nn.LSTM) != wrong else h


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_what_torch_refuses_is_refused_in_the_same_words(name, call):
    ours, theirs = twins(name, 4, 5)
    with pytest.raises(Exception) as wanted:  # noqa: PT011 what it is, torch says
        call(theirs)
    with pytest.raises(wanted.type) as found:
        call(ours)
    assert str(found.value) == str(wanted.value)


@pytest.mark.parametrize("name", LAYERS)
def test_what_torch_lets_pass_passes(name):
    ours, theirs = twins(name, 4, 5)
    packed = PackedSequence(torch.randn(4, 4), torch.tensor([2, 1]))  # one element too many: torch never looks
    assert_close(ours(packed)[0].data[:3], theirs(packed)[0].data[:3], name)
    assert_alike(ours, theirs, torch.randn(3, 0, 4))
    if name == "LSTM":
        x, leaf = torch.randn(3, 2, 4), torch.randn(1, 2, 5)
        assert_bits(ours(x, [leaf, leaf]), ours(x, (leaf, leaf)), "a list")


@pytest.mark.parametrize("name", LAYERS)
def test_edits_of_the_weights_are_seen_at_once(name):
    ours, theirs = twins(name, 6, 7, 2)
    x = torch.randn(5, 3, 6)
    ours(x)
    with torch.no_grad():
        for layer in (ours, theirs):
            layer.weight_hh_l0.mul_(0.5)
            layer.weight_ih_l1.data[0] = 1.0
            layer.bias_hh_l1.data.copy_(torch.linspace(-1, 1, len(layer.bias_hh_l1)))
            layer.weight_hh_l1 = nn.Parameter(layer.weight_hh_l1.flip(0))
    assert_alike(ours, theirs, x)
    optimizers = [torch.optim.SGD(layer.parameters(), 0.1) for layer in (ours, theirs)]
    for layer, optimizer in zip((ours, theirs), optimizers):
        layer(x)[0].square().sum().backward()
        optimizer.step()
    assert_alike(ours, theirs, x)
    other = getattr(nn, name)(6, 7, 2)
    ours.load_state_dict(other.state_dict())
    assert_alike(ours, other, x)
    ours.load_state_dict({key: value.clone() for key, value in theirs.state_dict().items()}, assign=True)
    assert_alike(ours, theirs, x)
    assert_alike(ours.double(), theirs.double(), x.double())


@pytest.mark.parametrize("name", LAYERS)
def test_weights_that_hooks_make_are_used(name):
    ours, theirs = twins(name, 6, 7)
    for layer in (ours, theirs):
        torch.manual_seed(1)
        with pytest.warns(FutureWarning, match="weight_norm"):
            nn.utils.weight_norm(layer, "weight_hh_l0")
        prune.custom_from_mask(layer, "weight_ih_l0", torch.rand_like(layer.weight_ih_l0) < 0.5)
        with torch.no_grad():
            layer.weight_hh_l0_g.mul_(0.3)
    x = torch.randn(5, 3, 6)
    assert_close(ours(x)[0], theirs(x)[0], name)
    found, wanted = (run(layer, x.clone().requires_grad_(), None)[1] for layer in (ours, theirs))
    for number, (mine, other) in enumerate(zip(found, wanted, strict=True)):
        assert_close(mine, other, f"gradient {number}", GRADIENTS)


@pytest.mark.parametrize("name", LAYERS)
def test_parametrized_weights_are_used(name):
    class Half(nn.Module):
        def forward(self, weight):
            return weight / 2

    ours, theirs = twins(name, 6, 7)
    for layer in (ours, theirs):
        nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", Half())
    x = torch.randn(5, 3, 6)
    with never_torch(ours):
        found = ours(x)[0]
    assert_close(found, theirs(x)[0], name)


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@every
def test_gradients_of_gradients_are_torch_s(name, options, packed):
    ours, theirs = twins(name, 3, 12, 2, bidirectional=True, **options, dtype=torch.float64)
    x = torch.randn(5, 3, 3, dtype=torch.float64)
    assert_curved_alike(ours, theirs, pack_padded_sequence(x, [5, 2, 2]) if packed else x)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_s_gradients_of_gradients_are_torch_s(name):
    ours, theirs = twins(name, 3, 4, bias=False, dtype=torch.float64)
    assert_curved_alike(ours, theirs, torch.randn(3, 3, dtype=torch.float64))


def assert_curved_alike(ours, theirs, given):
    """A gradient, and the gradient of its length."""
    found = []
    for layer in (ours, theirs):
        x = mapped(given, leaf)
        wanted = [*tensors(x), *layer.parameters()]
        with never_torch(ours):
            loss = sum(result.square().sum() for result in tensors(layer(x)))
        first = torch.autograd.grad(loss, wanted, create_graph=True)
        found.append([*first, *torch.autograd.grad(sum(gradient.square().sum() for gradient in first), wanted)])
    for number, (mine, other) in enumerate(zip(*found, strict=True)):
        assert_close(mine, other, f"gradient {number}", GRADIENTS)


@pytest.mark.parametrize("name", LAYERS)
def test_a_fallback_is_said_once_in_the_log(name, caplog, monkeypatch):
    monkeypatch.setattr(definitions, "_logged", set())
    ours, theirs = twins(name, 4, 5, dtype=torch.bfloat16)
    x = torch.randn(3, 2, 4, dtype=torch.bfloat16)
    with caplog.at_level(logging.INFO, "ostinato"):
        assert_bits(ours(x), theirs(x), "bfloat16")
        ours(x)
        ours.to("meta")(x.to("meta"))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"nn.{name} runs in torch: the compiled kernel does not support dtype bfloat16",
        f"nn.{name} runs in torch: the compiled kernel does not support a tensor on meta",
    ]


def test_an_inference_is_not_recorded_and_equals_a_training():
    layer, x = deep("LSTM", {}), torch.randn(5, 3, 19)
    with torch.inference_mode():
        found = layer(x)
    assert not found[0].requires_grad
    assert found[0].is_inference()
    with torch.no_grad():
        assert_bits(layer(x), found, "no_grad")
    assert_bits(layer(x), found, "training")


def test_frozen_parameters_and_a_frozen_input_get_no_gradient():
    layer, x = deep("GRU", {}), torch.randn(5, 3, 19)
    layer.weight_hh_l0.requires_grad_(False)
    layer.bias_ih_l1.requires_grad_(False)
    layer(x)[0].sum().backward()
    assert [name for name, weight in layer.named_parameters() if weight.grad is None] == ["weight_hh_l0", "bias_ih_l1"]
    layer.requires_grad_(False)
    assert not layer(x)[0].requires_grad
    x.requires_grad_()
    layer(x)[0].sum().backward()
    assert x.grad is not None


def test_the_outputs_lie_as_the_axes_say():
    x = torch.randn(5, 3, 19)
    assert deep("LSTM", {})(x)[0].is_contiguous()
    assert deep("LSTM", {}, batch_first=True)(x)[0].is_contiguous()
