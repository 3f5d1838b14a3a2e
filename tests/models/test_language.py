"""The recurrent language model: what its options make of it."""

import pytest
import torch

from ostinato.cells import GRU, Cell, cells
from ostinato.errors import ConfigError, StreamError
from ostinato.layers import Bidirectional, Embedding, Recurrent, Residual, Stack, Subsample
from ostinato.models import Language, models
from ostinato.padded import Padded
from ostinato.state import detach

SIZE, EOS = 11, 2


def made(**options) -> Language:
    table = {"name": "language", "cell": {"name": "lstm", "hidden": 6}, "embedding": 4, **options}
    return models.build(table, size=SIZE, eos=EOS).eval()


def lstm(inputs: int, hidden: int) -> int:
    """How many numbers an LSTM has."""
    return 4 * hidden * (inputs + hidden + 1)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, SIZE * 4 + lstm(4, 6) + SIZE * 6 + SIZE),
        ({"layers": 3}, SIZE * 4 + lstm(4, 6) + 2 * lstm(6, 6) + SIZE * 6 + SIZE),
        ({"tied": True}, SIZE * 4 + lstm(4, 6) + 4 * 6 + 4 + SIZE),
        ({"tied": True, "embedding": 6}, SIZE * 6 + lstm(6, 6) + SIZE),
        ({"dropout": 0.5, "input_dropout": 0.5}, SIZE * 4 + lstm(4, 6) + SIZE * 6 + SIZE),
    ],
)
def test_it_has_as_many_numbers_as_its_equations(options, numbers):
    assert sum(p.numel() for p in made(**options).parameters()) == numbers


def test_residual_stands_around_every_layer_but_the_first():
    kinds = [type(layer) for layer in made(layers=3, residual=True).body.layers]
    assert kinds == [Recurrent, Residual, Residual]


def test_what_is_tied_is_one_tensor():
    model = made(tied=True, embedding=6)
    before = model.log_probs(model.start(torch.tensor([0])))
    with torch.no_grad():
        model.embedding.weight[5] += 1.0
    assert not torch.equal(model.log_probs(model.start(torch.tensor([0])))[0, 5], before[0, 5])
    assert model.head is None


def test_it_begins_near_uniform():
    torch.manual_seed(0)
    nats = -made().log_probs(made().start(torch.tensor([0]))).mean()
    assert nats.item() == pytest.approx(torch.tensor(float(SIZE)).log().item(), rel=0.05)


def test_logits_of_step_t_are_for_the_token_after_it():
    model = made()
    tokens = Padded(torch.tensor([[3, 4, 5], [6, 7, 0]]), torch.tensor([3, 2]))
    logits, _ = model(tokens, model.start(torch.arange(2)))
    found, _ = model.token_log_probs(tokens, model.start(torch.arange(2)))
    torch.testing.assert_close(found[0, 1:], logits.data[0, :-1].log_softmax(-1)[[0, 1], [4, 5]])
    assert found[1, 2] == 0


def test_the_boundary_is_where_it_starts():
    model = made()
    by_hand = model.advance(model.initial(1), torch.tensor([EOS]))
    torch.testing.assert_close(model.log_probs(model.start(torch.tensor([0]))), model.log_probs(by_hand))


def test_layers_that_look_ahead_cannot_predict():
    body = Bidirectional(*[Recurrent(made().body.layers[0].cell) for _ in range(2)])
    with pytest.raises(ConfigError, match="does not predict each token from those before it"):
        Language(Embedding(4, inputs=SIZE), Stack([body]), eos=EOS)


def test_layers_that_skip_tokens_cannot_predict():
    body = Stack([Subsample(2, inputs=4), Recurrent(GRU(5, inputs=8))])
    with pytest.raises(ConfigError, match="whose stride is 1"):
        Language(Embedding(4, inputs=SIZE), body, eos=EOS)


def test_a_state_of_another_size_is_refused():
    other = made(cell={"name": "lstm", "hidden": 7})
    tokens = Padded.full(torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(StreamError, match="another cell or size"):
        made()(tokens, other.initial(2))


def test_it_learns_a_text_by_heart():
    torch.manual_seed(0)
    model = made(cell={"name": "lstm", "hidden": 24}, embedding=16).train()
    text = torch.tensor([EOS, 3, 4, 3, 5, 3, 6, 3, 7, EOS])
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(80):
        logits, _ = model(Padded.full(text[:-1].unsqueeze(0)))
        loss = torch.nn.functional.cross_entropy(logits.data[0], text[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


@pytest.mark.parametrize("steps", [15, 2])  # with four steps for each token of the vocabulary, and with fewer
@pytest.mark.parametrize("options", [{"layers": 3}, *({"cell": cells.example(name)} for name in cells.names())])
def test_projecting_each_token_once_changes_no_loss_and_no_gradient(options, steps, monkeypatch):
    calls = []
    once = Cell.run_tokens
    monkeypatch.setattr(Cell, "run_tokens", lambda *given: (calls.append(1), once(*given))[1])
    torch.manual_seed(1)
    model = made(**options).double()
    tokens = Padded(torch.randint(0, SIZE, (4, steps)), torch.tensor([steps, 0, steps // 2, 1]))
    tokens.data[~tokens.mask] = SIZE + 5  # padding means nothing
    targets = Padded(torch.randint(0, SIZE, (4, steps)), tokens.lengths)
    state = detach(model(tokens)[1])
    loss, after = model.loss(tokens, targets, state)
    logits, expected_after = model(tokens, state)
    costs = torch.nn.functional.cross_entropy(logits.data[tokens.mask], targets.data[tokens.mask], reduction="sum")
    assert len(calls) == (4 * steps >= 4 * SIZE and type(model.body.layers[0].cell).project is Cell.project)
    parameters = list(model.parameters())
    torch.testing.assert_close(loss, costs)
    torch.testing.assert_close(after.output, expected_after.output)
    for ours, theirs in zip(torch.autograd.grad(loss, parameters), torch.autograd.grad(costs, parameters), strict=True):
        torch.testing.assert_close(ours, theirs)
