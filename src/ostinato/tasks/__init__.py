"""Tasks: what a model is for. Here the neural column and the symbolic column meet."""

from ostinato.tasks.base import Batch, Loss, Partial, Prediction, Reader, Speaker, Task, carried, register, tasks
from ostinato.tasks.language import LanguageBatch, LanguageTask, Scored

__all__ = [
    "Batch",
    "LanguageBatch",
    "LanguageTask",
    "Loss",
    "Partial",
    "Prediction",
    "Reader",
    "Scored",
    "Speaker",
    "Task",
    "carried",
    "register",
    "tasks",
]
