"""Cells: one step each, in one file each."""

from ostinato.cells.base import Cell, Masks, cells, register
from ostinato.cells.lstm import LSTM, LSTMState

__all__ = ["LSTM", "Cell", "LSTMState", "Masks", "cells", "register"]
