"""A translator, given its source, goes through the searches and the laws of language models unchanged."""

import itertools

import pytest
import torch
from seq2seq import Given, GivenState, Seq2Seq

from ostinato.decode import beam, greedy
from ostinato.padded import Padded
from ostinato.state import flatten, select
from ostinato.testing.language_models import LAWS

EOS = 0


def sources(*rows: list[int]) -> Padded:
    return Padded.of([torch.tensor(row, dtype=torch.int64) for row in rows])


@pytest.fixture
def model():
    torch.manual_seed(1)
    made = Seq2Seq(size=5, eos=EOS, hidden=6).eval()
    for parameter in made.parameters():
        parameter.data.mul_(2)  # far from uniform, so that the searches have something to find
    return made


THREE = ([1, 2, 3, 4], [2, 2], [])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(model, law):
    with torch.no_grad():
        law(model.given(sources(*THREE)))


def test_reordering_a_beam_moves_indices_not_the_source(model):
    given = model.given(sources(*THREE))
    state = given.start(torch.tensor([0, 1, 2]))
    chosen = select(state, [2, 0, 0, 0])
    assert isinstance(chosen, GivenState)
    assert chosen.owner.tolist() == [2, 0, 0, 0]
    assert set(flatten(chosen)) == {"owner", "decoder.h", "decoder.c"}
    per_row = sum(leaf[0].numel() for leaf in flatten(chosen).values())
    longer = model.given(sources([1] * 50))
    assert sum(leaf[0].numel() for leaf in flatten(longer.start(torch.tensor([0]))).values()) == per_row
    weights = given.attention(chosen)
    assert torch.equal(weights[1], weights[2])
    assert weights[:, :2].sum() > 0
    assert weights[1].shape == (4,)
    alone = model.given(sources(THREE[1])).attention(model.given(sources(THREE[1])).start(torch.tensor([0])))
    torch.testing.assert_close(given.attention(state)[1], torch.cat([alone[0], torch.zeros(2)]))


def exhaustive(given: Given, row: int, longest: int) -> list[tuple[float, list[int], bool]]:
    """Every target of at most `longest` tokens (the boundary counted), best first, each by a walk of its own."""
    found = []
    for length in range(longest + 1):
        for tokens in itertools.product([t for t in range(given.size) if t != given.eos], repeat=length):
            finished = length < longest
            state, total = given.start(torch.tensor([row])), 0.0
            for token in [*tokens, *([given.eos] if finished else [])]:
                total += float(given.log_probs(state)[0, token])
                state = given.advance(state, torch.tensor([token]))
            found.append((total, list(tokens), finished))
    return sorted(found, key=lambda entry: -entry[0])


@torch.no_grad()
def test_a_wide_beam_is_the_exhaustive_search(model):
    given = model.given(sources([1, 2, 3], [4, 4]))
    found = beam(given, 500, rows=2, max_length=3, n_best=4)
    for row in range(2):
        wanted = exhaustive(given, row, 3)[:4]
        assert [h.tokens for h in found[row]] == [tokens for _, tokens, _ in wanted]
        assert [h.log_prob for h in found[row]] == pytest.approx([total for total, _, _ in wanted], abs=1e-5)
        assert [h.finished for h in found[row]] == [finished for _, _, finished in wanted]


def test_a_row_is_translated_as_if_alone(model):
    rows = ([1, 2, 3, 4], [2, 2], [], [3, 1, 3])
    together = model.given(sources(*rows))
    for search in (
        lambda given, count: greedy(given, count, max_length=6),
        lambda given, count: beam(given, 3, count, max_length=6, n_best=2),
    ):
        found = search(together, len(rows))
        for number, row in enumerate(rows):
            alone = search(model.given(sources(row)), 1)[0]
            assert _tokens(alone) == _tokens(found[number])
            assert _log_probs(alone) == pytest.approx(_log_probs(found[number]), rel=1e-5)


def test_it_learns_to_reverse():
    torch.manual_seed(0)
    model = Seq2Seq(size=5, eos=EOS, hidden=32)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    every = [list(row) for length in (1, 2, 3) for row in itertools.product(range(1, 5), repeat=length)]
    chance = torch.Generator().manual_seed(0)
    for _ in range(200):
        rows = [every[i] for i in torch.randint(0, len(every), (48,), generator=chance)]
        loss = model.loss(sources(*rows), sources(*[row[::-1] for row in rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    given = model.eval().given(sources(*every))
    for found in (
        greedy(given, len(every), max_length=5),
        [best[0] for best in beam(given, 3, len(every), max_length=5)],
    ):
        assert [h.tokens for h in found] == [row[::-1] for row in every]
        assert all(h.finished for h in found)
    two = model.given(sources([1, 2, 3]))
    first = two.attention(two.start(torch.tensor([0])))
    assert first.shape == (1, 3)


def _tokens(found):
    return [h.tokens for h in found] if isinstance(found, list) else found.tokens


def _log_probs(found):
    return [h.log_prob for h in found] if isinstance(found, list) else [found.log_prob]
