"""Layers: from sequences to sequences, offline and streaming by the same call."""

from ostinato.layers.base import (
    Memoryless,
    SequenceLayer,
    WholeSequence,
    layers,
    no_steps,
    nothing,
    register,
    started,
    whole,
)
from ostinato.layers.bidirectional import Backward, Bidirectional
from ostinato.layers.dropout import Dropout
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.residual import Residual, ResidualState
from ostinato.layers.stack import Stack
from ostinato.layers.subsample import Subsample, SubsampleState

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
    "Subsample",
    "SubsampleState",
    "WholeSequence",
    "layers",
    "no_steps",
    "nothing",
    "register",
    "started",
    "whole",
]
