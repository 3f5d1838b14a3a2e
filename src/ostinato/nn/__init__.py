"""torch.nn's recurrent layers under their own names, run by the compiled scans; and how to put them into a model."""

from ostinato.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from ostinato.nn.replacement import Report, accelerate, restore

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "Report", "accelerate", "restore"]
