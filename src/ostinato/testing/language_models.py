"""Laws of a LanguageModel: anything with `size`, `eos`, `start`, `log_probs` and `advance`."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import torch
from torch import Tensor

from ostinato import state as states
from ostinato.lm.protocol import Predictor, fold, log_probs_of, read, token_log_probs
from ostinato.padded import Padded
from ostinato.state import State
from ostinato.testing.samples import generator, spoilt
from ostinato.testing.tolerances import assert_close, assert_same, assert_states

Law: TypeAlias = Callable[[Predictor], None]

STEPS, ROWS = 7, 3


def sums_to_one(lm: Predictor) -> None:
    """Σ p(token | state) = 1 in every state, and each p is a probability."""
    state, tokens = _start(lm), _tokens(lm)
    for t in range(STEPS + 1):
        log_probs = lm.log_probs(state)
        assert log_probs.shape == (ROWS, lm.size), f"log_probs are {list(log_probs.shape)}, not {[ROWS, lm.size]}"
        assert bool((log_probs <= 1e-6).all()), f"after {t} tokens a log-probability is above 0 or NaN"
        total = log_probs.double().logsumexp(dim=1)
        assert bool((total.abs() <= 1e-6).all()), f"after {t} tokens the probabilities sum to e^{total.tolist()}"
        if t < STEPS:
            state = lm.advance(state, tokens[:, t])


def log_probs_does_not_change_the_state(lm: Predictor) -> None:
    """`log_probs` changes nothing, and `advance` does not change the old state."""
    state = _after(lm, _tokens(lm)[:, :2])
    before = {name: leaf.clone() for name, leaf in states.flatten(state).items()}
    first = lm.log_probs(state)
    lm.advance(state, torch.full((ROWS,), lm.eos))
    assert_same(lm.log_probs(state), first, "log_probs a second time")
    for name, leaf in states.flatten(state).items():
        assert_same(leaf, before[name], f"state {name} after log_probs and advance")


def rows_do_not_interact(lm: Predictor) -> None:
    """Selecting rows and advancing commute; a row alone has the log-probabilities that it has beside others."""
    tokens = _tokens(lm)
    state = _after(lm, tokens[:, :3])
    order = torch.tensor([2, 0, 0, 1])
    selected_first = lm.advance(states.select(state, order), tokens[order, 3])
    advanced_first = states.select(lm.advance(state, tokens[:, 3]), order)
    assert_states(selected_first, advanced_first, "select, then advance")
    assert_close(lm.log_probs(selected_first), lm.log_probs(advanced_first), "log_probs after select")
    for row in range(ROWS):
        alone = lm.start(torch.tensor([row]))
        for t in range(4):
            alone = lm.advance(alone, tokens[row : row + 1, t])
        assert_close(lm.log_probs(alone)[0], lm.log_probs(lm.advance(state, tokens[:, 3]))[row], f"row {row} alone")
    several = lm.start(torch.tensor([1, 0, 1]))
    assert_close(lm.log_probs(several)[0], lm.log_probs(several)[2], "two hypotheses of one owner")
    assert_states(states.select(_start(lm), [1, 0, 1]), several, "start of some owners")


def token_log_probs_are_the_fold(lm: Predictor) -> None:
    """`token_log_probs`, `read` and `log_probs_of` agree with `log_probs` and `advance`, are 0 in the padding whatever
    it holds, and the state after them is that after each row's own last token."""
    tokens = Padded(_tokens(lm), torch.tensor([STEPS, 2, 0]))
    log_probs, after = token_log_probs(lm, spoilt(tokens), _start(lm))
    expected, expected_after = _fold_of_each_row(lm, tokens)
    assert_close(log_probs, expected, "token_log_probs against log_probs and advance")
    assert_states(after, expected_after, "the state after token_log_probs")
    assert_states(read(lm, spoilt(tokens), _start(lm)), expected_after, "the state after read")
    assert_close(fold(lm, tokens, _start(lm))[0], expected, "the default token_log_probs")
    first, middle = token_log_probs(lm, Padded(tokens.data[:, :3], tokens.lengths.clamp_max(3)), _start(lm))
    rest, end = token_log_probs(lm, Padded(tokens.data[:, 3:], (tokens.lengths - 3).clamp_min(0)), middle)
    assert_close(torch.cat([first, rest], dim=1), expected, "token_log_probs in two pieces")
    assert_states(end, expected_after, "the state after token_log_probs in two pieces")
    candidates = torch.randint(0, lm.size, (ROWS, 4), generator=generator(2))
    state = _after(lm, _tokens(lm)[:, :2])
    assert_close(log_probs_of(lm, state, candidates), lm.log_probs(state).gather(1, candidates), "log_probs_of")


def a_state_survives(lm: Predictor) -> None:
    """A state that was saved and loaded, joined from single rows, or detached continues as the original."""
    tokens = _tokens(lm)
    state = _after(lm, tokens[:, :4])
    expected = lm.log_probs(lm.advance(state, tokens[:, 4]))
    with tempfile.TemporaryDirectory() as folder:
        states.save(state, Path(folder) / "state.safetensors")
        loaded = states.load(Path(folder) / "state.safetensors", lm.start(torch.tensor([0])))
    assert_same(lm.log_probs(lm.advance(loaded, tokens[:, 4])), expected, "after a loaded state")
    joined = states.cat([states.select(state, [row]) for row in range(ROWS)])
    for name, other in (("joined", joined), ("detached", states.detach(state))):
        assert_close(lm.log_probs(lm.advance(other, tokens[:, 4])), expected, f"after a {name} state")


def no_rows_are_no_error(lm: Predictor) -> None:
    """A search all of whose rows have ended gets empty results."""
    no_rows = torch.zeros(0, dtype=torch.int64)
    state = lm.start(no_rows)
    assert lm.log_probs(state).shape == (0, lm.size), f"no rows gave {list(lm.log_probs(state).shape)}"
    assert lm.log_probs(lm.advance(state, no_rows)).shape == (0, lm.size), "no rows after advance"
    log_probs, after = token_log_probs(
        lm, Padded(torch.zeros(ROWS, 0, dtype=torch.int64), torch.zeros(ROWS, dtype=torch.int64)), _start(lm)
    )
    assert log_probs.shape == (ROWS, 0), f"token_log_probs of no tokens are {list(log_probs.shape)}"
    assert_states(after, _start(lm), "the state after no tokens")


def attention_is_a_distribution(lm: Predictor) -> None:
    """Where the model has attention, the weights of each row sum to 1."""
    attention = getattr(lm, "attention", None)
    weights = attention(_after(lm, _tokens(lm)[:, :2])) if attention is not None else None
    if weights is not None:
        assert weights.shape[0] == ROWS, f"attention is {list(weights.shape)}"
        assert bool((weights >= 0).all()), "attention is negative"
        assert_close(weights.sum(dim=1), torch.ones(ROWS, dtype=weights.dtype), "attention sums to one")


LAWS: Final[tuple[Law, ...]] = (
    sums_to_one,
    log_probs_does_not_change_the_state,
    rows_do_not_interact,
    token_log_probs_are_the_fold,
    a_state_survives,
    no_rows_are_no_error,
    attention_is_a_distribution,
)


def _start(lm: Predictor) -> State:
    return lm.start(torch.arange(ROWS))


def _tokens(lm: Predictor) -> Tensor:
    """[ROWS STEPS] ids, with a boundary in the middle of a row."""
    tokens = torch.randint(0, lm.size, (ROWS, STEPS), generator=generator(1))
    tokens[1, 2] = lm.eos
    return tokens


def _after(lm: Predictor, tokens: Tensor) -> State:
    state = _start(lm)
    for t in range(tokens.shape[1]):
        state = lm.advance(state, tokens[:, t])
    return state


def _fold_of_each_row(lm: Predictor, tokens: Padded) -> tuple[Tensor, State]:
    """[ROWS T] and the state after: each row alone, by none of the library's own loops."""
    rows, ends = [], []
    for row in range(tokens.batch):
        state, log_probs = lm.start(torch.tensor([row])), []
        for token in tokens.rows()[row]:
            log_probs.append(lm.log_probs(state)[0, int(token)])
            state = lm.advance(state, token.reshape(1))
        padding = lm.log_probs(state)[0].new_zeros(tokens.steps - len(log_probs))
        rows.append(torch.cat([torch.stack(log_probs), padding]) if log_probs else padding)
        ends.append(state)
    return torch.stack(rows), states.cat(ends)
