"""Stepped: a language model whose layers were packed once, for the many steps of a search."""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells import Cell
from ostinato.kernels.stepper import Layer, Stepper
from ostinato.layers import Dropout, Recurrent, Stack
from ostinato.shapes import Rows
from ostinato.state import State

if TYPE_CHECKING:
    from ostinato.models.language import Language

MANY = 64
"""From so many rows on, several threads that pack anew are quicker than one that need not."""


class LanguageState(NamedTuple):
    """What the last layer said after the last token [N D], and the layers' states."""

    output: Tensor
    layers: State


class Stepped:
    """The states and answers of the model, bit for bit, while its weights stay as they are; without gradients."""

    def __init__(self, model: "Language", layers: list[Layer]):
        self.size, self.eos = model.size, model.eos
        self.start, self.read, self.log_probs = model.start, model.read, model.log_probs
        self.token_log_probs, self.log_probs_of, self.attention = (
            model.token_log_probs,
            model.log_probs_of,
            model.attention,
        )
        self._model, self._stepper = model, Stepper(layers)

    @torch.no_grad()
    def advance(self, state: LanguageState, tokens: Rows) -> LanguageState:
        """The state after one more token a row."""
        if len(tokens) >= MANY and torch.get_num_threads() > 1:
            return self._model.advance(state, tokens)
        table = torch.cat(list(_leaves(state.layers)), dim=1)
        x = nn.functional.embedding(tokens, self._model.embedding.weight.detach())
        output = self._stepper.step_rows(x.numpy(), table.numpy())
        return LanguageState(torch.from_numpy(output), _filled(state.layers, table)[0])


def packable(body: Any) -> list[Layer] | None:
    """The compiled layers of a body that has no others; None where it has."""
    if isinstance(body, Stack):
        parts = [packable(layer) for layer in body.layers]
        return None if None in parts else [layer for part in parts for layer in part or []]
    if isinstance(body, Dropout):
        return []  # nothing, outside training
    if not isinstance(body, Recurrent) or type(body.cell).project is not Cell.project:
        return None
    cell = body.cell
    if cell.fused is None or type(cell).scan is not Cell.scan or cell.input.weight.dtype is not torch.float32:
        return None
    return [(cell.fused, cell.weights())]


def _leaves(state: State) -> Any:
    for part in state:
        if isinstance(part, Tensor):
            yield part
        else:
            yield from _leaves(part)


def _filled(state: State, table: Tensor, at: int = 0) -> tuple[State, int]:
    """The same structure with the columns of the table from `at` on, and where they end."""
    parts: list[Any] = []
    for part in state:
        if isinstance(part, Tensor):
            parts.append(table[:, at : at + part.shape[1]])
            at += part.shape[1]
        else:
            filled, at = _filled(part, table, at)
            parts.append(filled)
    return (type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)), at
