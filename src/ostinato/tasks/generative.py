"""GenerativeTask: a task whose model writes: it continues a prompt."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from ostinato.decode import Generation
from ostinato.errors import ConfigError
from ostinato.lm.protocol import Predictor
from ostinato.padded import Padded
from ostinato.tasks.base import B, P, Task


class GenerativeTask(Task[B, P]):
    """A task that generates. What is read and written need not be text: `read_prompt` and `write` are its own."""

    @abstractmethod
    def read_prompt(self, prompt: Any) -> npt.NDArray[Any]:
        """Ids [T] of a prompt as a user gives it (a text, a file). Raises ConfigError for what is not one."""

    @abstractmethod
    def write(self, tokens: Iterable[int], prompt: npt.NDArray[Any]) -> Iterator[Any]:
        """What is written, piece by piece as the tokens come; `prompt` are the ids [T] that stand before them."""

    def generate(self, model: nn.Module, prompt: npt.NDArray[Any], generation: Generation) -> Iterator[int]:
        """The ids after the prompt [T], each as soon as it is known. Raises ConfigError where the model predicts no
        next token."""
        if not isinstance(model, Predictor):
            raise ConfigError(f"model: {type(model).__name__} predicts no next token, so it cannot generate")
        ids = torch.from_numpy(prompt.astype("int64"))
        return generation.tokens(model, Padded.full(ids.unsqueeze(0)) if len(ids) else None)
