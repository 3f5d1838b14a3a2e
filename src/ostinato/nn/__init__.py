"""torch.nn's recurrent layers and cells, run by the compiled kernels, and their use inside a torch model."""

from ostinato.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from ostinato.nn.replacement import Report, accelerate, restore

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "Report", "accelerate", "restore"]
