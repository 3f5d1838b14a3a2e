"""LiveTask: a task whose input may come piece by piece, and is answered as it comes."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from ostinato.state import State
from ostinato.tasks.base import B, P, Prediction, Task


@dataclass(frozen=True)
class Partial:
    """What a stream has said so far that stands, and what it may yet take back."""

    stable: list[Any]
    tentative: list[Any]


class StreamReader(Protocol):
    """From raw chunks to tensors; it keeps the unread rest (half a character, half a frame). `copy.copy` of it goes on
    by itself, so that a chunk that is read and then refused leaves no trace."""

    def read(self, chunk: Any) -> Tensor:
        """[T ...] of what is complete. Raises DataError for a chunk that cannot be read."""
        ...

    def finish(self) -> Tensor:
        """[T ...] of the rest, once the input has ended; T may be 0. Raises DataError where the rest is incomplete."""
        ...


class StreamPredictor(Protocol):
    """From a model's outputs to what is said; one for each stream, holding what its answer still depends on."""

    def advance(self, inputs: Tensor, outputs: Tensor) -> Partial:
        """`inputs` [T ...] as they were read, `outputs` [T' ...] as they became ready."""
        ...

    def finish(self) -> Prediction:
        """The prediction for the whole stream."""
        ...


class LiveTask(Task[B, P]):
    """A task with live input and output; its model is a SequenceLayer."""

    @abstractmethod
    def stream_reader(self) -> StreamReader:
        """The front end of a live stream."""

    def stream_state(self, model: nn.Module) -> State:
        """The state that a live stream begins with, of one row."""
        return model.initial(1)  # type: ignore[operator, no-any-return]

    @abstractmethod
    def stream_predictor(self, model: nn.Module, state: State) -> StreamPredictor:
        """The back end of a live stream that begins with `state`."""
