"""Cells: recurrences, each defined by one step, one a file."""

from ostinato.cells.base import Cell, Masks, cells, register
from ostinato.cells.gru import GRU, GRUState
from ostinato.cells.lstm import LSTM, LSTMState
from ostinato.cells.rnn import RNN, RNNState

__all__ = ["GRU", "LSTM", "RNN", "Cell", "GRUState", "LSTMState", "Masks", "RNNState", "cells", "register"]
