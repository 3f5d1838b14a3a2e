"""A law that nothing can break says nothing: each of them refuses something that is wrong in its own way."""

import pytest
import torch
from torch import nn

from ostinato.cells import LSTM, Cell, cells
from ostinato.layers import Memoryless, Recurrent, Subsample, nothing
from ostinato.layers.base import started
from ostinato.lm import language_models
from ostinato.padded import Padded
from ostinato.testing import cells as of_cells
from ostinato.testing import language_models as of_models
from ostinato.testing import layers as of_layers


class Right(Memoryless):
    """Two numbers for three, each step by itself; the wrong ones below differ in one thing."""

    def __init__(self):
        super().__init__(3, 2)
        self.map = nn.Linear(3, 2)

    def forward(self, x, state=None):
        started(self, x, state)
        return self.answer(x.zeroed()), ()

    def answer(self, x):
        return x.map(self.map)


class LosesSteps(Right):
    def answer(self, x):
        return Padded(self.map(x.data), (x.lengths - 1).clamp_min(0))


class Remembers(Right):
    seen = 0.0

    def answer(self, x):
        self.seen += 0.1
        return x.map(lambda data: self.map(data) + self.seen)


class ReadsPadding(Right):
    def forward(self, x, state=None):
        started(self, x, state)
        return x.map(self.map), ()


class AveragesRows(Right):
    def answer(self, x):
        return x.map(lambda data: self.map(data) + (data.mean() if data.numel() else 0.0))


class ForgetsState(Recurrent):
    def forward(self, x, state=None):
        out, _ = super().forward(x, state)
        return out, self.initial(x.batch)


class SumsItsChunk(Right):
    def answer(self, x):
        return x.map(lambda data: self.map(data).cumsum(1))


class SeesTheFuture(Right):
    def answer(self, x):
        return x.map(lambda data: self.map(data + x.reversed().zeroed().data.cumsum(1) * 0.1))


class DropsTheLastGroup(Subsample):
    def finish(self, state):
        return nothing(self.outputs)


class AnswersSooner(Subsample):
    def __init__(self):
        super().__init__(2, inputs=3)
        self.latency += 1


class TakesAnyState(Right):
    def forward(self, x, state=None):
        return self.answer(x.zeroed()), ()


class FailsOnNothing(Right):
    def answer(self, x):
        return x.map(lambda data: self.map(data) / (1 / x.steps) * (1 / x.steps))


class KeepsTheGraph(Recurrent):
    def initial(self, batch):
        h, c = super().initial(batch)
        return type(super().initial(batch))(h, c)

    def forward(self, x, state=None):
        out, (h, c) = super().forward(x, state)
        return out, type(self.cell.initial(0))(h.flip(0), c.flip(0))


class WrongGradient(Right):
    def answer(self, x):
        return x.map(lambda data: self.map(data).detach() * 2 - self.map(data))


class SinglePrecisionOnly(Right):
    def answer(self, x):
        return x.map(lambda data: torch.nn.functional.linear(data.float(), self.map.weight.float()))


class GrowsWithTime(Right):
    def initial(self, batch):
        return (torch.zeros(batch, 0),)

    def forward(self, x, state=None):
        (old,) = state or self.initial(x.batch)
        return self.answer(x.zeroed()), (torch.cat([old, torch.zeros(x.batch, x.steps)], dim=1),)


def lstm() -> Cell:
    return cells.build({"name": "lstm", "hidden": 4}, inputs=3)


WRONG_LAYERS = [
    (LosesSteps, "outputs_have_their_shape"),
    (lambda: DropsTheLastGroup(2, inputs=3), "outputs_have_their_shape"),
    (AnswersSooner, "outputs_come_when_due"),
    (AnswersSooner, "a_stream_is_the_whole"),
    (Remembers, "forgets_between_calls"),
    (ReadsPadding, "padding_is_invisible"),
    (AveragesRows, "rows_do_not_interact"),
    (lambda: ForgetsState(lstm()), "cutting_time_changes_nothing"),
    (lambda: ForgetsState(lstm()), "a_stream_is_the_whole"),
    (SumsItsChunk, "cutting_time_changes_nothing"),
    (SeesTheFuture, "outputs_come_when_due"),
    (FailsOnNothing, "empty_inputs_work"),
    (TakesAnyState, "strange_states_are_refused"),
    (lambda: KeepsTheGraph(lstm()), "states_can_be_arranged"),
    (WrongGradient, "derivatives_are_right"),
    (SinglePrecisionOnly, "half_precision_works"),
    (GrowsWithTime, "size_does_not_depend_on_time"),
]


@pytest.mark.parametrize("law", of_layers.LAWS, ids=lambda law: law.__name__)
def test_nothing_is_wrong_with_the_right_layer(law):
    law(Right())


@pytest.mark.parametrize(("make", "law"), WRONG_LAYERS, ids=lambda thing: getattr(thing, "__name__", thing))
def test_a_wrong_layer_is_refused(make, law):
    with pytest.raises((AssertionError, ZeroDivisionError)):
        getattr(of_layers, law)(make())


def test_every_law_of_layers_refuses_something():
    assert {law.__name__ for law in of_layers.LAWS} == {law for _, law in WRONG_LAYERS}


class Plain(Cell):
    """h' = tanh(x + R h)."""

    gates = 1

    def __init__(self, hidden: int = 4, *, inputs: int = 3):
        super().__init__(hidden, inputs=inputs)
        self.recurrent = nn.Linear(hidden, hidden, bias=False)

    def step(self, gates, state):
        h = torch.tanh(gates + self.recurrent(state[0]))
        return h, (h,)


class OtherRows(Plain):
    def step(self, gates, state):
        return super().step(gates + gates.mean(0), state)


class AnotherScan(Plain):
    def scan(self, gates, state, lengths, masks=None):
        return super().scan(gates * 1.001, state, lengths, masks)


class AnotherGradient(Plain):
    def scan(self, gates, state, lengths, masks=None):
        return super().scan(gates.detach() + 0.9 * (gates - gates.detach()), state, lengths, masks)


class WrongWidth(Plain):
    def step(self, gates, state):
        out, state = super().step(gates, state)
        return out[:, :-1], state


class OneForAll(Plain):
    def initial(self, batch):
        return (torch.zeros(1, self.hidden),)


class DeafToMasks(Plain):
    def reference(self, gates, state, lengths, masks=None):
        return super().reference(gates, state, lengths)


class DeafToLengths(Plain):
    def scan(self, gates, state, lengths, masks=None):
        return super().scan(gates, state, torch.full_like(lengths, gates.shape[1]), masks)


class OtherWeightsEachTime(LSTM):
    times = 0

    def __init__(self):
        super().__init__(4, inputs=3)

    def weights(self):
        self.times += 1
        weights = super().weights()
        return weights._replace(hidden=weights.hidden * self.times)


WRONG_CELLS = [
    (OtherWeightsEachTime, "stepper_is_the_layer"),
    (OneForAll, "starts_from_a_state"),
    (WrongWidth, "a_step_has_its_shape"),
    (AnotherScan, "step_defines_the_cell"),
    (AnotherGradient, "step_defines_the_cell"),
    (DeafToMasks, "masks_hold_noise_still"),
    (OtherRows, "rows_do_not_interact"),
    (DeafToLengths, "step_defines_the_cell"),
]


@pytest.mark.parametrize(
    "law",
    # A fold of 65,536 steps takes its time; a cell that is registered has to spend it.
    [law for law in of_cells.LAWS if law.__name__ != "size_does_not_depend_on_time"],
    ids=lambda law: law.__name__,
)
def test_nothing_is_wrong_with_the_right_cell(law):
    law(Plain())


@pytest.mark.parametrize(("make", "name"), WRONG_CELLS, ids=lambda thing: getattr(thing, "__name__", thing))
def test_a_wrong_cell_is_refused(make, name):
    with pytest.raises(AssertionError):
        next(law for law in of_cells.LAWS if law.__name__ == name)(make())


def test_a_step_whose_own_gradient_lies_is_refused():
    class Lies(Plain):
        def step(self, gates, state):
            h, _ = super().step(gates, state)
            h = h.detach() + 0.5 * (h - h.detach())
            return h, (h,)

    with pytest.raises(AssertionError):
        of_cells.a_step_is_differentiable(Lies())


class Leaks:
    """A bigram model with one thing wrong with it."""

    def __init__(self, wrong: str):
        self.inner = language_models.build({"name": "bigram"}, size=5, eos=0, chunks=[torch.arange(40).numpy() % 5])
        self.size, self.eos, self.wrong, self.looks = 5, 0, wrong, 0

    def start(self, owner):
        if self.wrong == "nobody" and not len(owner):
            raise AssertionError("nobody")
        return self.inner.start(owner)

    def log_probs(self, state):
        self.looks += 1
        found = self.inner.log_probs(state)
        if self.wrong == "sum":
            return found - 0.01
        if self.wrong == "look":
            return torch.log_softmax(found * (1 + 0.01 * self.looks), dim=1)
        return found

    def advance(self, state, tokens):
        if self.wrong == "rows":
            tokens = tokens.flip(0)
        return self.inner.advance(state, tokens)

    def token_log_probs(self, tokens, state):
        if self.wrong == "score":
            return self.inner.token_log_probs(Padded.full(tokens.zeroed().data), state)
        return self.inner.token_log_probs(tokens, state)

    def attention(self, state):
        return torch.full((len(state[0]), 3), 0.5) if self.wrong == "attention" else None


WRONG_MODELS = [
    ("sum", "sums_to_one"),
    ("look", "log_probs_does_not_change_the_state"),
    ("rows", "rows_do_not_interact"),
    ("score", "token_log_probs_are_the_fold"),
    ("nobody", "no_rows_are_no_error"),
    ("attention", "attention_is_a_distribution"),
]


@pytest.mark.parametrize("law", of_models.LAWS, ids=lambda law: law.__name__)
def test_nothing_is_wrong_with_the_right_model(law):
    law(Leaks("nothing"))


@pytest.mark.parametrize(("wrong", "law"), WRONG_MODELS)
def test_a_wrong_language_model_is_refused(wrong, law):
    with pytest.raises(AssertionError):
        getattr(of_models, law)(Leaks(wrong))


def test_a_state_that_does_not_say_everything_is_refused():
    class Hidden(Leaks):
        """Its state holds nothing of the token: that stays on the object, in the order of the rows."""

        def advance(self, state, tokens):
            self.tokens = tokens
            return super().advance(state, tokens)

        def log_probs(self, state):
            found = super().log_probs(state)
            return torch.log_softmax(found + 0.1 * self.looks, dim=1).roll(self.looks % 2, dims=1)

    with pytest.raises(AssertionError):
        of_models.a_state_survives(Hidden("nothing"))
