"""Layers: from sequences to sequences, offline and streaming by the same call."""

from ostinato.layers.base import Memoryless, SequenceLayer, layers, nothing, register, unread, whole
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Backward, Bidirectional, Recurrent, Residual, ResidualState, Stack, Whole

__all__ = [
    "Backward",
    "Bidirectional",
    "Dropout",
    "Embedding",
    "Memoryless",
    "Recurrent",
    "Residual",
    "ResidualState",
    "SequenceLayer",
    "Stack",
    "Whole",
    "layers",
    "nothing",
    "register",
    "unread",
    "whole",
]
