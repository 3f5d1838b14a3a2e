"""The stepper: the bits of the layer it was made from, for one stream and for many; what it refuses."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import ostinato
from ostinato.cells import GRU, LSTM, RNN, cells
from ostinato.errors import StreamError
from ostinato.layers import Backward, Bidirectional, Dropout, Embedding, Recurrent, Residual, Stack
from ostinato.layers.outputs import Full
from ostinato.models import Language
from ostinato.models.language import language
from ostinato.models.stepped import Stepped
from ostinato.padded import Padded
from ostinato.state import flatten
from ostinato.stepping import stepper

CELLS = {
    "rnn": lambda inputs, hidden: RNN(hidden, inputs=inputs),
    "relu": lambda inputs, hidden: RNN(hidden, "relu", inputs=inputs),
    "lstm": lambda inputs, hidden: LSTM(hidden, inputs=inputs),
    "gru": lambda inputs, hidden: GRU(hidden, inputs=inputs),
    "gru before": lambda inputs, hidden: GRU(hidden, "before", inputs=inputs),
}


def stack(cell: str, inputs: int, hidden: int, layers: int) -> Stack:
    torch.manual_seed(0)
    recurrent = [Recurrent(CELLS[cell](hidden if i else inputs, hidden)) for i in range(layers)]
    return Stack([*recurrent, Dropout(0.5, inputs=hidden)]).eval()


def numbers(state) -> np.ndarray:
    return torch.cat(list(flatten(state).values()), dim=1)[0].numpy()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("inputs", "hidden", "layers"), [(1, 1, 1), (3, 5, 2), (64, 64, 1), (17, 130, 1), (140, 33, 3)]
)
def test_a_step_gives_the_bits_of_the_layer(cell, inputs, hidden, layers):
    layer = stack(cell, inputs, hidden, layers)
    x = torch.randn(1, 12, inputs)
    with torch.inference_mode():
        expected, after = layer(Padded.full(x))
    step = stepper(layer)
    state = step.state()
    outputs = np.stack([step.step(x[0, t].numpy(), state).copy() for t in range(12)])
    assert np.array_equal(outputs, expected.data[0].numpy())
    assert np.array_equal(state, numbers(after))


@pytest.mark.parametrize("cell", CELLS)
def test_many_streams_are_each_alone(cell):
    step = stepper(stack(cell, 6, 20, 2))
    table, alone = step.state(100), [step.state() for _ in range(100)]
    dice = np.random.default_rng(0)
    for _ in range(5):
        rows = dice.permutation(100)[: dice.integers(1, 100)]
        x = dice.normal(size=(len(rows), 6)).astype(np.float32)
        together = step.step_rows(x, table, rows)
        for i, row in enumerate(rows):
            assert np.array_equal(together[i], step.step(x[i], alone[row]))
    assert np.array_equal(table, np.stack(alone))


@pytest.mark.parametrize(("tied", "hidden"), [(False, 150), (True, 9)])
def test_a_language_model_gives_its_logits(tied, hidden):
    torch.manual_seed(0)
    model = language(cells.spec({"name": "gru", "hidden": hidden}), 2, 9, tied=tied, size=40, eos=0)
    if tied:
        nn.init.normal_(model.bias)
    ids = torch.randint(0, 40, (1, 15))
    with torch.inference_mode():
        expected, _ = model.eval()(Padded.full(ids))
    step = stepper(model)
    assert (step.tokens, step.outputs) == (40, 40)
    state = step.state()
    outputs = np.stack([step.step(int(i), state).copy() for i in ids[0]])
    assert np.array_equal(outputs, expected.data[0].numpy())
    table = step.state(70)
    many = step.step_rows(ids[0, :1].expand(60).numpy(), table)
    assert (many == outputs[0]).all()


@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"proj_size": 7}, {"nonlinearity": "relu"}, {"num_layers": 3}]
)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_torchs_layers_step_too(kind, options):
    if ("proj_size" in options and kind != "LSTM") or ("nonlinearity" in options and kind != "RNN"):
        options = {}
    torch.manual_seed(0)
    layer = getattr(nn, kind)(6, 12, **options)
    x = torch.randn(9, 6)
    with torch.inference_mode():
        expected, _ = layer(x)
        holder = nn.ModuleList([layer])
        ostinato.accelerate(holder)
        exact, _ = holder[0](x)
    step = stepper(layer)
    state = step.state()
    outputs = np.stack([step.step(x[t].numpy(), state).copy() for t in range(9)])
    assert np.abs(outputs - expected.numpy()).max() < 1e-6
    assert np.array_equal(outputs, exact.numpy())


def test_bound_arrays_are_read_at_every_call():
    step = stepper(stack("lstm", 4, 8, 1))
    x, states, rows = np.zeros((2, 4), np.float32), step.state(3), np.array([2, 0])
    bound = step.bind(x, states, rows)
    first = bound().copy()
    x[:] = 1
    assert not np.array_equal(bound(), first)
    assert (states[1] == 0).all()


def test_threads_do_not_matter():
    layer, x = stack("lstm", 128, 128, 1), torch.randn(1, 3, 128)
    outputs = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        step = stepper(layer)
        state = step.state()
        outputs.append([step.step(x[0, t].numpy(), state).copy() for t in range(3)])
    assert all(np.array_equal(a, b) for a, b in itertools.zip_longest(*outputs))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda: nn.Linear(2, 2), "cannot compile a Linear"),
        (lambda: nn.LSTM(2, 2, bidirectional=True), "bidirectional LSTM needs the whole sequence"),
        (lambda: nn.LSTM(2, 2).double(), "a weight is torch.float64"),
        (lambda: Backward(Recurrent(LSTM(3, inputs=2))), "cannot compile a Backward"),
        (lambda: Stack([Residual(Recurrent(LSTM(3, inputs=3)))]), "cannot compile a Residual"),
        (lambda: Bidirectional(*[Recurrent(LSTM(3, inputs=3))] * 2), "cannot compile a Bidirectional"),
    ],
)
def test_what_cannot_be_stepped_is_named(model, sentence):
    with pytest.raises(StreamError, match=sentence):
        stepper(model())


class Projects(LSTM):
    def project(self, x, state):
        return super().project(2 * x, state)


class Scans(GRU):
    def scan(self, gates, state, lengths, masks=None):
        return super().scan(gates * 2, state, lengths, masks)


class Runs(RNN):
    def run(self, x, state, lengths):
        return super().run(x * 2, state, lengths)


class Starts(GRU):
    def initial(self, batch):
        return (super().initial(batch)[0] + 1,)


class Doubles(Recurrent):
    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return out.map(lambda data: 2 * data), state


class DoublesTorch(nn.GRU):
    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return 2 * out, state


class DoublesStack(Stack):
    def forward(self, x, state=None):
        return super().forward(x.map(lambda data: 2 * data), state)


class DoublesEmbedding(Embedding):
    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return out.map(lambda data: 2 * data), state


class Sharper(Full):
    def logits(self, x):
        return 2 * super().logits(x)


class Warmer(Language):
    def _logits(self, output):
        return super()._logits(output) / 2


def hooked(module, before: bool = False):
    if before:
        module.register_forward_pre_hook(lambda module, inputs: None)
    else:
        module.register_forward_hook(lambda module, inputs, outputs: None)
    return module


def replaced(module):
    module.forward = lambda x, state=None: (x, state)
    return module


def lm(embedding=Embedding, kind=Language, output=None):
    return kind(embedding(3, inputs=5), Recurrent(GRU(4, inputs=3)), output=output, eos=0)


ALTERED = [
    (lambda: Recurrent(Projects(3, inputs=2)), "Projects has a project of its own"),
    (lambda: Stack([Recurrent(Scans(3, inputs=2))]), "Scans has a scan of its own"),
    (lambda: Recurrent(Runs(3, inputs=2)), "Runs has a run of its own"),
    (lambda: Recurrent(Starts(3, inputs=2)), "Starts starts from a state that is not zero"),
    (lambda: Doubles(GRU(3, inputs=2)), "Doubles has a forward of its own"),
    (lambda: DoublesTorch(2, 3), "DoublesTorch has a forward of its own"),
    (lambda: DoublesStack([Recurrent(GRU(3, inputs=2))]), "DoublesStack has a forward of its own"),
    (lambda: hooked(Recurrent(GRU(3, inputs=2))), "Recurrent has forward hooks"),
    (lambda: Stack([hooked(Recurrent(GRU(3, inputs=2)), before=True)]), "Recurrent has forward hooks"),
    (lambda: hooked(nn.LSTM(2, 3)), "LSTM has forward hooks"),
    (lambda: replaced(nn.GRU(2, 3)), "GRU had its forward replaced"),
    (lambda: replaced(Recurrent(GRU(3, inputs=2))), "Recurrent had its forward replaced"),
    (lambda: nn.Sequential(nn.Embedding(5, 2, max_norm=1.0), nn.GRU(2, 3)), "rescales its vectors"),
    (lambda: nn.Sequential(nn.GRU(2, 3), hooked(nn.Linear(3, 2))), "Linear has forward hooks"),
    (lambda: hooked(nn.Sequential(nn.GRU(2, 3))), "Sequential has forward hooks"),
    (lambda: hooked(lm()), "Language has forward hooks"),
    (lambda: lm(embedding=DoublesEmbedding), "DoublesEmbedding has a forward of its own"),
    (lambda: lm(kind=Warmer), "Warmer is a subclass of Language"),
    (lambda: lm(output=Sharper(inputs=4, size=5)), "Sharper is not a linear output layer"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "sentence"), ALTERED, ids=[sentence for _, sentence in ALTERED])
def test_what_computes_otherwise_is_refused(model, sentence):
    with pytest.raises(StreamError, match=sentence) as error:
        stepper(model())
    assert ";" in str(error.value)


def test_a_search_leaves_what_computes_otherwise_as_it_is():
    altered = lm()
    hooked(altered.body)
    for model in (altered, lm(embedding=DoublesEmbedding), lm(kind=Warmer)):
        assert model.eval().searched() is model
    assert type(lm().eval().searched()) is Stepped


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize(("embedding", "head"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_sequence_of_torchs_parts_is_stepped(embedding, head, ours):
    torch.manual_seed(0)
    recurrent = nn.GRU(6, 12, num_layers=2, dropout=0.5, batch_first=True)
    before, after = [nn.Embedding(9, 6)] * embedding, [nn.Dropout(0.5), nn.Linear(12, 4)] * head
    model = nn.Sequential(*before, recurrent, *after).eval()
    x = torch.randint(0, 9, (1, 8)) if embedding else torch.randn(1, 8, 6)
    with torch.inference_mode():
        expected, _ = recurrent(before[0](x) if embedding else x)
        expected = after[1](expected) if head else expected
    if ours:
        ostinato.accelerate(model)
    step = stepper(model)
    assert (step.tokens, step.outputs) == (9 if embedding else 0, 4 if head else 12)
    state = step.state()
    outputs = np.stack([step.step(at.numpy(), state).copy() for at in x[0]])
    assert np.abs(outputs - expected[0].numpy()).max() < 1e-6


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([], "no recurrent layer"),
        ([nn.Embedding(5, 2), nn.Linear(2, 3)], "no recurrent layer"),
        ([nn.Embedding(5, 2), nn.GRU(3, 4)], "one layer gives 2 outputs and the next takes 3"),
        ([nn.GRU(3, 4), nn.Linear(3, 4)], "one layer gives 4 outputs and the next takes 3"),
        ([nn.GRU(3, 4), nn.GRU(5, 4)], "one layer gives 4 outputs and the next takes 5"),
        ([nn.GRU(3, 4), nn.ReLU(), nn.Linear(4, 4)], "cannot compile a ReLU"),
        ([nn.Linear(3, 3), nn.GRU(3, 4)], "cannot compile a Linear"),
    ],
)
def test_a_sequence_that_does_not_fit_is_refused(parts, sentence):
    with pytest.raises(StreamError, match=sentence):
        stepper(nn.Sequential(*parts))


def test_wrong_arrays_are_refused():
    step = stepper(nn.LSTM(3, 4))
    state, x = step.state(), np.zeros(3, np.float32)
    for wrong in (np.zeros(4), np.zeros((1, 3)), 0.0):
        with pytest.raises(ValueError, match=r"x is \[.*\]; it must be \[3\]"):
            step.step(wrong, state)
    for wrong in (state.astype(np.float64), np.zeros((8, 2), np.float32)[:, 0], torch.zeros(8)):
        with pytest.raises((ValueError, TypeError)):
            step.step(x, wrong)
    with pytest.raises(ValueError, match="states has 7 elements where the sizes need"):
        step.step(x, np.zeros(7, np.float32))
    for rows, sentence in (([0, 3], "row 3 is not below 2"), ([1, 1], "row 1 stands there twice"), ([-1, 0], "row -1")):
        with pytest.raises(ValueError, match=sentence):
            step.step_rows(np.zeros((2, 3)), step.state(2), np.array(rows))
    with pytest.raises(ValueError, match="more rows than states"):
        step.step_rows(np.zeros((3, 3)), step.state(2))
