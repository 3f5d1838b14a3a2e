"""GenerativeTask: a task whose model writes: it goes on from a prompt."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy.typing as npt
from torch import nn

from ostinato.lm.protocol import Predictor
from ostinato.tasks.base import B, P, Task


class GenerativeTask(Task[B, P]):
    """A task that generates. What is written need not be text: `read_prompt` and `write` are its own."""

    @abstractmethod
    def read_prompt(self, prompt: Any) -> npt.NDArray[Any]:
        """Ids [T] of a prompt as a user gives it (a text, a file). Raises ConfigError for what is not one."""

    def generator(self, model: nn.Module) -> Predictor:
        """What a search asks for the next token. Raises ConfigError where the model predicts no next token."""
        from ostinato.errors import ConfigError

        if not isinstance(model, Predictor):
            raise ConfigError(f"model: {type(model).__name__} predicts no next token, so it cannot generate")
        return model

    @abstractmethod
    def write(self, tokens: Iterable[int], prompt: npt.NDArray[Any] | None = None) -> Iterator[Any]:
        """What is written, piece by piece as the tokens come; `prompt` are the ids [T] that stand before them."""
