"""Tasks: what a model is for. Here the neural column and the symbolic column meet."""

from ostinato.tasks.base import Batch, Loss, Prediction, Task, carried, register, tasks
from ostinato.tasks.generative import GenerativeTask
from ostinato.tasks.language import LanguageBatch, LanguageTask, TextLogProbs
from ostinato.tasks.live import LiveTask, Partial, StreamPredictor, StreamReader

__all__ = [
    "Batch",
    "GenerativeTask",
    "LanguageBatch",
    "LanguageTask",
    "LiveTask",
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
