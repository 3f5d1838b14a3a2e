"""The compiled kernels as torch functions: recurrences over sequences, linear maps, single steps."""

from ostinato._core import isa
from ostinato.kernels.linear import affine, linear
from ostinato.kernels.scan import Scan, Weights, gru, gru_before, lstm, rnn_relu, rnn_tanh

__all__ = ["Scan", "Weights", "affine", "gru", "gru_before", "isa", "linear", "lstm", "rnn_relu", "rnn_tanh"]
