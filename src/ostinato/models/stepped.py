"""Stepped: a language model whose layers were packed once, for the many steps of a search."""

from typing import Any

import torch
from torch import Tensor, nn

from ostinato.kernels.stepper import Stepper
from ostinato.layers.steppable import compiled_layers, embedding_table
from ostinato.models.language_state import LanguageState
from ostinato.shapes import Rows
from ostinato.state import State

MANY = 64
"""From this number of rows on, several threads that pack the weights anew are quicker than one that need not."""


class Stepped:
    """The LanguageModel of `model` (a Language), with the same bits, while its weights stay as they are; without
    gradients.

    Raises StreamError where the model is not made of compiled layers in fp32 on a CPU.
    """

    def __init__(self, model: Any):
        self.size, self.eos = model.size, model.eos
        self.start, self.read, self.log_probs = model.start, model.read, model.log_probs
        self.token_log_probs, self.log_probs_of, self.attention = (
            model.token_log_probs,
            model.log_probs_of,
            model.attention,
        )
        self._model = model
        self._stepper = Stepper(compiled_layers(model.body))
        self._vectors = embedding_table(model.embedding).detach()

    @torch.no_grad()
    def advance(self, state: LanguageState, tokens: Rows) -> LanguageState:
        """The state of N rows after one more token each; tokens [N]."""
        if len(tokens) >= MANY and torch.get_num_threads() > 1:
            after: LanguageState = self._model.advance(state, tokens)
            return after
        table = torch.cat(list(_leaves(state.layers)), dim=1)
        x = nn.functional.embedding(tokens, self._vectors)
        output = self._stepper.step_rows(x.numpy(), table.numpy())
        return LanguageState(torch.from_numpy(output), _from_table(state.layers, table)[0])


def _leaves(state: State) -> Any:
    for part in state:
        if isinstance(part, Tensor):
            yield part
        else:
            yield from _leaves(part)


def _from_table(state: State, table: Tensor, column: int = 0) -> tuple[State, int]:
    """The structure of `state` over the table's columns from `column` on, and the column after the last."""
    parts: list[Any] = []
    for part in state:
        if isinstance(part, Tensor):
            parts.append(table[:, column : column + part.shape[1]])
            column += part.shape[1]
        else:
            inner, column = _from_table(part, table, column)
            parts.append(inner)
    return (type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)), column
