"""RNN, LSTM and GRU, and their cells: torch.nn's, run by the compiled scans."""

from torch import nn

from ostinato.nn.cells import CellMixin
from ostinato.nn.layers import LayerMixin


class RNN(LayerMixin, nn.RNN):
    """torch.nn.RNN (Elman, 1990), its options, parameters, inputs and outputs:

    h_t = tanh or relu of (W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).
    """


class LSTM(LayerMixin, nn.LSTM):
    """torch.nn.LSTM (Hochreiter and Schmidhuber, 1997), its options, parameters, inputs and outputs:

    i, f, g, o = σ, σ, tanh, σ of (W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), four blocks of H;
    c_t = f ∘ c_{t-1} + i ∘ g;  h_t = o ∘ tanh(c_t), times W_hr where there is a `proj_size` (Sak et al., 2014).
    """


class GRU(LayerMixin, nn.GRU):
    """torch.nn.GRU (Cho et al., 2014, with the reset gate after the product), its options, parameters, inputs, outputs:

    r, z = σ of (W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), two blocks of H;
    n = tanh(W_in x_t + b_in + r ∘ (W_hn h_{t-1} + b_hn));  h_t = (1 − z) ∘ n + z ∘ h_{t-1}.
    """


class RNNCell(CellMixin, nn.RNNCell):
    """torch.nn.RNNCell: one step of RNN, x [B D] and h [B H] to h' [B H]; one row without its axis as well."""

    @property
    def mode(self) -> str:  # type: ignore[override]
        """The recurrence's name, as nn.RNN spells it."""
        return {"tanh": "RNN_TANH", "relu": "RNN_RELU"}.get(self.nonlinearity, "")


class LSTMCell(CellMixin, nn.LSTMCell):
    """torch.nn.LSTMCell: one step of LSTM, x [B D], h and c [B H] to h', c' [B H]; one row without its axis as well."""

    mode = "LSTM"


class GRUCell(CellMixin, nn.GRUCell):
    """torch.nn.GRUCell: one step of GRU, x [B D] and h [B H] to h' [B H]; one row without its axis as well."""

    mode = "GRU"
