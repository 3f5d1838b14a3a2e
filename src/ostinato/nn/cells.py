"""torch.nn's cells, run as sequences of one step, with the same bits as a layer that runs step by step."""

from typing import Any

from torch import Tensor, nn

from ostinato.kernels import Weights
from ostinato.kernels.constants import full_lengths
from ostinato.kernels.scan import Leaves
from ostinato.nn.definitions import KINDS, log_fallback, watched
from ostinato.nn.torchscript import Scriptable


class CellMixin(Scriptable, nn.RNNCellBase):
    """Shared by RNNCell, LSTMCell and GRUCell: a mixin for torch's class of the same name."""

    mode: str

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As torch's forward: `input` [B D] or [D], `hx` [B H] or [H] (a pair for LSTM) to the next h (and c)."""
        reason = watched()
        if reason:
            log_fallback(type(self).__name__, reason)
            return super().forward(input, hx)
        state = self._state(input, hx)
        after = None if state is None else self._run(input, state)
        if after is None:
            return super().forward(input, hx)
        return after if self.mode == "LSTM" else after[0]

    def _state(self, x: Any, hx: Any) -> Leaves | None:
        """The leaves of hx, or zeros, each [*rows, H]; None where the arguments do not fit (torch reports it)."""
        if self.mode not in KINDS or not isinstance(x, Tensor):
            return None
        if x.dim() not in (1, 2) or x.shape[-1] != self.input_size:
            return None
        shape = (*x.shape[:-1], self.hidden_size)
        return KINDS[self.mode].state(hx, x, (shape, shape))

    def _run(self, x: Tensor, state: Leaves) -> Leaves | None:
        if x.dim() == 1:
            after = self._run(x.unsqueeze(0), tuple(leaf.unsqueeze(0) for leaf in state))
            return None if after is None else tuple(leaf.squeeze(0) for leaf in after)
        kind, weights = KINDS[self.mode], Weights(self.weight_hh, self.weight_ih, self.bias_ih, self.bias_hh)
        steps, lengths = x.unsqueeze(1), full_lengths(x.shape[0], 1)
        reason = kind.refuses(steps, lengths, state, (weights,))
        if reason:
            log_fallback(type(self).__name__, reason)
            return None
        _, after = kind.scan.run(steps, lengths, state, weights, kind.step)
        return kind.cast(after, state, projected=False)
