"""Streamer: many live inputs, one batched step. The same forward as in training, with time in between."""

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.errors import StreamError
from ostinato.padded import Padded
from ostinato.state import State, cat, select
from ostinato.tasks import Prediction, Task
from ostinato.tasks.live import LiveTask, Partial


class Stream:
    """One live input: its state, the unread rest of its input, and what its answers still depend on."""

    def __init__(self, task: LiveTask[Any, Any], model: nn.Module):
        self.state: State = task.stream_state(model)
        self.reader = task.stream_reader()
        self.predictor = task.stream_predictor(model, self.state)
        self.closed = False


class Streamer:
    """Any cutting of an input into chunks gives the offline answer, and streams do not see one another.

    Raises StreamError when it is made for a model that must see the whole sequence.
    """

    def __init__(self, task: Task[Any, Any], model: nn.Module):
        if getattr(model, "latency", None) is None:
            raise StreamError(
                f"{type(model).__name__}: it needs the whole sequence before it answers and cannot stream; use predict"
            )
        if not isinstance(task, LiveTask):
            raise StreamError(f"{type(task).__name__}: it has no live input; use predict")
        self.task, self.model = task, model.eval()

    def open(self) -> Stream:
        """A new live input."""
        with torch.inference_mode():
            return Stream(self.task, self.model)

    def push(self, streams: Sequence[Stream], chunks: Sequence[Any]) -> list[Partial]:
        """Reads a chunk for each of `streams`, all in one batch, and returns the answers of each; a stream may occur
        once.

        Where one chunk is refused, no stream has read any. Raises StreamError for a closed stream, one that occurs
        twice, or another number of chunks.
        """
        if len(streams) != len(chunks) or len({id(stream) for stream in streams}) != len(streams):
            raise StreamError(
                f"push: {len(streams)} streams and {len(chunks)} chunks; give each stream once, with one chunk"
            )
        for stream in streams:
            _open(stream)
        readers = [copy(stream.reader) for stream in streams]
        answers = self._step(streams, [reader.read(chunk) for reader, chunk in zip(readers, chunks)])
        for stream, reader in zip(streams, readers):
            stream.reader = reader
        return answers

    def close(self, stream: Stream) -> tuple[Partial, Prediction]:
        """The stream's last words, and its prediction as a whole; it takes nothing more."""
        _open(stream)
        rest = stream.reader.finish()
        answer = self._step([stream], [rest])[0]
        stream.closed = True
        with torch.inference_mode():
            late: Padded = self.model.finish(stream.state)  # type: ignore[operator]
            if late.steps:
                last = stream.predictor.advance(rest[:0], late.rows()[0])
                answer = Partial(answer.stable + last.stable, last.tentative)
            return answer, stream.predictor.finish()

    def _step(self, streams: Sequence[Stream], inputs: Sequence[Tensor]) -> list[Partial]:
        if not streams:
            return []
        with torch.inference_mode():
            x = Padded.of(list(inputs))
            out, state = self.model(x, cat([stream.state for stream in streams]))
            answers = []
            for row, (stream, read, outputs) in enumerate(zip(streams, inputs, out.rows())):
                stream.state = select(state, [row])
                answers.append(stream.predictor.advance(read, outputs))
        return answers


class LiveStream:
    """One stream of a Streamer of its own."""

    def __init__(self, streamer: Streamer):
        self._streamer, self._stream = streamer, streamer.open()

    @property
    def state(self) -> State:
        """What the stream remembers; its size does not grow with what was heard."""
        return self._stream.state

    def push(self, chunk: Any) -> Partial:
        """Reads a chunk and returns the answers that are new."""
        return self._streamer.push([self._stream], [chunk])[0]

    def close(self) -> tuple[Partial, Prediction]:
        """The last words, and the prediction as a whole."""
        return self._streamer.close(self._stream)


def _open(stream: Stream) -> None:
    if stream.closed:
        raise StreamError("stream: it was closed and takes nothing more; open another")
