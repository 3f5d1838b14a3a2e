"""Tasks: what a model is for. Here the neural column and the symbolic column meet."""

from ostinato.tasks.base import (
    Batch,
    Loss,
    Partial,
    Prediction,
    StreamPredictor,
    StreamReader,
    Task,
    carried,
    register,
    tasks,
)
from ostinato.tasks.language import LanguageBatch, LanguageTask, TextLogProbs

__all__ = [
    "Batch",
    "LanguageBatch",
    "LanguageTask",
    "Loss",
    "Partial",
    "Prediction",
    "StreamPredictor",
    "StreamReader",
    "Task",
    "TextLogProbs",
    "carried",
    "register",
    "tasks",
]
