"""accelerate and restore: what they swap and what they leave, that nothing else of a model changes, and that two models
written by hand in plain torch run on unchanged."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence
from twins import LAYERS, assert_bits, never_torch, tensors

import ostinato.nn
from ostinato.nn import accelerate, restore
from ostinato.testing.tolerances import GRADIENTS, REFERENCE, assert_close


class Tagger(nn.Module):
    """A label for every word: two layers, both ways, over padded sentences."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 9, num_layers=2, bidirectional=True, batch_first=True, dropout=0.25)
        self.tags = nn.Linear(18, 5)

    def forward(self, words):
        outputs, _ = self.lstm(self.words(words))
        return self.tags(functional.dropout(outputs, 0.1, self.training))

    def loss(self, words, lengths):
        targets = (words % 5).masked_fill(words == 0, -1)
        return functional.cross_entropy(self(words).flatten(0, 1), targets.flatten(), ignore_index=-1)


class Classifier(nn.Module):
    """A class for every sentence, from where a packed GRU ended."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 12)
        self.gru = nn.GRU(12, 9, bidirectional=True)
        self.classes = nn.Linear(18, 3)

    def forward(self, words, lengths):
        embedded = self.words(words.T)
        packed = pack_padded_sequence(embedded, lengths, enforce_sorted=False)
        _, hidden = self.gru(packed)
        return self.classes(torch.cat((hidden[-2], hidden[-1]), dim=1))

    def loss(self, words, lengths):
        return functional.cross_entropy(self(words, lengths), lengths % 3)


def sentences():
    lengths = torch.tensor([5, 11, 1, 8, 8, 3])
    words = torch.randint(1, 50, (6, 11))
    return words * (torch.arange(11) < lengths[:, None]), lengths


def layers(model):
    return [part for part in model.modules() if isinstance(part, nn.RNNBase)]


@pytest.mark.parametrize("model", [Tagger, Classifier])
def test_a_model_written_by_hand_runs_on_unchanged(model):
    plain, given = model(), sentences()
    fast = copy.deepcopy(plain)
    accelerate(fast)
    optimizers = [torch.optim.Adam(each.parameters(), 0.01) for each in (plain, fast)]
    for step in range(3):
        losses = []
        for each, optimizer in zip((plain, fast), optimizers):
            torch.manual_seed(step)  # the same dropout
            optimizer.zero_grad()
            losses.append(each.loss(*given))
            losses[-1].backward()
        assert_close(losses[1], losses[0], f"loss {step}", REFERENCE)
        for (name, mine), other in zip(fast.named_parameters(), plain.parameters(), strict=True):
            assert_close(mine.grad, other.grad, f"{name}, step {step}", GRADIENTS)
        fast.load_state_dict(plain.state_dict())
        for optimizer in optimizers:
            optimizer.step()
    with never_torch(layers(fast)[0]), torch.inference_mode():
        found = fast.eval()(*given[: 1 + (model is Classifier)])
    assert_close(found, plain.eval()(*given[: 1 + (model is Classifier)]), "evaluated", {torch.float32: 1e-3})


def test_every_layer_is_swapped_in_place_and_back():
    model = nn.ModuleDict({name: getattr(nn, name)(4, 5) for name in LAYERS})
    model["inner"] = nn.Sequential(nn.Linear(3, 4), nn.LSTM(4, 5, 2, proj_size=2))
    before, objects, state = repr(model), dict(model.named_modules()), model.state_dict(keep_vars=True)
    report = accelerate(model, report=True)
    assert report.swapped == {
        "RNN": "RNN(4, 5)",
        "LSTM": "LSTM(4, 5)",
        "GRU": "GRU(4, 5)",
        "inner.1": "LSTM(4, 5, proj_size=2, num_layers=2)",
    }
    assert report.left == {}
    assert [type(model[name]) for name in LAYERS] == [getattr(ostinato.nn, name) for name in LAYERS]
    assert repr(model) == before
    assert all(objects[name] is part for name, part in model.named_modules())
    assert all(state[name] is value for name, value in model.state_dict(keep_vars=True).items())
    assert restore(model, report=True).swapped == report.swapped
    assert {type(part).__module__ for part in layers(model)} == {"torch.nn.modules.rnn"}
    assert restore(model, report=True) == ({}, {})


def test_the_model_comes_back_and_the_report_is_logged(caplog):
    caplog.set_level("INFO", logger="ostinato.nn")
    model = nn.ModuleDict({"rnn": nn.GRU(4, 5), "step": nn.GRUCell(4, 5)})
    assert accelerate(model) is model
    assert type(model["rnn"]) is ostinato.nn.GRU
    assert "swapped  rnn: GRU(4, 5)" in caplog.text
    assert "left     step: " in caplog.text
    assert restore(model) is model
    assert type(model["rnn"]) is nn.GRU


def test_the_model_itself_may_be_a_layer():
    layer = nn.GRU(4, 5)
    report = accelerate(layer, report=True)
    assert type(layer) is ostinato.nn.GRU
    assert str(report) == "swapped  (the model): GRU(4, 5)"
    assert str(accelerate(layer, report=True)) == "left     (the model): it is Ostinato's already"
    restore(layer)
    assert type(layer) is nn.GRU
    assert str(accelerate(nn.Linear(2, 3), report=True)) == "it has no recurrent layer of torch.nn"


def test_a_layer_in_two_places_is_one_layer_still():
    shared = nn.LSTM(4, 4)
    model = nn.ModuleDict({"a": shared, "b": nn.Sequential(shared)})
    model["b"].add_module("above", model)  # a ring
    assert accelerate(model, report=True).swapped == {"a": "LSTM(4, 4)", "b.0": "LSTM(4, 4)"}
    assert model["a"] is model["b"][0] is shared
    assert restore(model, report=True).swapped == {"a": "LSTM(4, 4)", "b.0": "LSTM(4, 4)"}


def test_tied_weights_stay_tied():
    model = nn.ModuleList([nn.GRU(4, 5), nn.GRU(4, 5)])
    model[1].weight_hh_l0 = model[0].weight_hh_l0
    accelerate(model)
    x = torch.randn(3, 2, 4)
    sum(layer(x)[0].sum() for layer in model).backward()
    alone = [torch.autograd.grad(layer(x)[0].sum(), layer.weight_hh_l0)[0] for layer in model]
    assert_close(model[0].weight_hh_l0.grad, alone[0] + alone[1], "tied")


def test_hooks_mode_and_optimizer_go_on():
    layer, seen = nn.LSTM(4, 5, 2, dropout=0.5).eval(), []
    layer.register_forward_hook(lambda module, given, results: seen.append(tensors(results)[0].shape))
    layer.register_forward_pre_hook(lambda module, given: (given[0] * 2,))
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    x = torch.randn(3, 2, 4)
    wanted = tensors(layer(x))
    accelerate(layer)
    assert not layer.training
    for mine, other in zip(tensors(layer(x)), wanted, strict=True):
        assert_close(mine, other, "hooked")
    assert seen == [(3, 2, 5)] * 2
    layer(x)[0].sum().backward()
    optimizer.step()
    with never_torch(layer):
        changed = layer(x)[0]
    assert not torch.equal(changed, wanted[0])


class Mine(nn.LSTM):
    pass


def test_what_is_not_exactly_torch_s_is_left_and_said_why():
    class Halved(nn.Module):
        def forward(self, weight):
            return weight / 2

    parametrized, replaced = nn.GRU(4, 5), nn.RNN(4, 5)
    nn.utils.parametrize.register_parametrization(parametrized, "weight_hh_l0", Halved())
    replaced.forward = lambda x: x
    model = nn.ModuleDict(
        {
            "subclass": Mine(4, 5),
            "parametrized": parametrized,
            "replaced": replaced,
            "cell": nn.LSTMCell(4, 5),
            "ours": ostinato.nn.GRU(4, 5),
            "linear": nn.Linear(4, 5),
        }
    )
    types = {name: type(part) for name, part in model.items()}
    report = accelerate(model, report=True)
    assert report.swapped == {}
    assert report.left == {
        "subclass": "Mine is a subclass of torch.nn.LSTM and may compute something else",
        "parametrized": "it is parametrized; accelerate the model first, then parametrize it",
        "replaced": "its forward was replaced by another",
        "cell": "torch's own single step is faster; ostinato.nn.LSTMCell gives bits that no batch changes",
        "ours": "it is Ostinato's already",
    }
    assert {name: type(part) for name, part in model.items()} == types


def test_what_cannot_be_restored_is_left_and_said_why():
    class Half(nn.Module):
        def forward(self, weight):
            return weight / 2

    class Ours(ostinato.nn.LSTM):
        pass

    parametrized = ostinato.nn.GRU(4, 5)
    nn.utils.parametrize.register_parametrization(parametrized, "weight_hh_l0", Half())
    report = restore(nn.ModuleDict({"a": Ours(4, 5), "b": parametrized, "c": Mine(4, 5)}), report=True)
    assert report.left == {
        "a": "Ours is a subclass of Ostinato's",
        "b": "it is parametrized; remove the parametrizations first",
    }
    nn.utils.parametrize.remove_parametrizations(parametrized, "weight_hh_l0")
    assert type(parametrized) is ostinato.nn.GRU
    assert list(restore(parametrized, report=True).swapped) == [""]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_scripted_and_quantized_layers_are_left():
    scripted = torch.jit.script(nn.GRU(4, 5))
    quantized = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(4, 5)), {nn.LSTM})
    report = accelerate(nn.ModuleDict({"scripted": scripted, "quantized": quantized}), report=True)
    assert report == ({}, {"scripted": "it is compiled by TorchScript", "quantized.0": "it is quantized"})


def test_a_layer_that_torch_will_go_on_running_is_said_to_be_so():
    layer = nn.LSTM(4, 5).bfloat16()
    report = accelerate(layer, report=True)
    assert report.swapped == {"": "LSTM(4, 5), which torch goes on running as long as it has dtype bfloat16"}
    with never_torch(layer):
        assert layer.float()(torch.randn(3, 2, 4))[0].shape == (3, 2, 5)


def test_restored_it_is_torch_s_to_the_bit():
    layer, x = nn.LSTM(4, 5, 2, bidirectional=True), torch.randn(7, 3, 4)
    wanted = layer(x)
    accelerate(layer)
    restore(layer)
    assert_bits(layer(x), wanted, "restored")


@pytest.mark.parametrize("call", [accelerate, restore])
def test_what_is_no_module_is_refused(call):
    with pytest.raises(TypeError, match=call.__name__):
        call([nn.LSTM(4, 5)])
