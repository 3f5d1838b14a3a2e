"""Prefetch: batches read and collated before they are asked for, on a thread."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ostinato.data.batching.base import Batches
from ostinato.errors import ConfigError

T = TypeVar("T")
Place: TypeAlias = tuple[int, int]
"""Epoch and index."""

LAST_SECONDS: Final = 1.0
"""How long the end waits for a batch that is being made: the interpreter should not end under a library's feet."""


class Prefetched(Generic[T]):
    """`make(batches.batch(epoch, index))`, made before it is asked for, for one reader.

    Behind the batch that is asked for, the next `ahead` are made meanwhile. Any other place may be asked for as well:
    reading then goes on from there. So batches and their order are what they are without this, and an error of one is
    raised to whoever asks for that one.

    A process that was forked reads on a thread of its own. Ctrl-C is not held up by more than a second. The thread ends
    with `close`, with a `with` block, and when nobody holds this any more; asking again starts another.

    `batches` and `make` are called on that thread and must not mind (by drawing from torch's own rng, say). It helps
    where reading waits for a disk, or where it and what is done meanwhile leave Python's lock; Python code itself does
    not get faster. Raises ConfigError where `ahead` is less than 1.
    """

    def __init__(self, batches: Batches, make: Callable[[Sequence[Any]], T], ahead: int = 2):
        if ahead < 1:
            raise ConfigError(f"prefetch: {ahead} batches ahead are none; make it at least 1, or read without it")
        self._batches, self._make, self._ahead = batches, make, ahead
        self._asked: deque[Place] = deque()  # what the thread was told to make and nobody has taken yet
        self._thread: _Thread[T] | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def __enter__(self) -> "Prefetched[T]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def batch(self, epoch: int, index: int) -> T:
        """What is made of batch `index` of epoch `epoch`, once it is there."""
        if not 0 <= index < len(self):
            raise IndexError(f"prefetch: there is no batch {index} in an epoch of {len(self)}")
        thread, asked = self._thread, self._asked
        if thread is None or thread.process != os.getpid() or not asked or asked[0] != (epoch, index):
            thread, asked = self._started(), deque()
        while len(asked) <= self._ahead:
            asked.append(self._following(asked[-1]) if asked else (epoch, index))
            thread.wanted.put(asked[-1])
        self._asked = deque()  # so that who is interrupted here begins anew
        batch, error = thread.made.get()
        asked.popleft()
        self._asked = asked
        if error is not None:
            raise error
        return batch  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread; wait a second at most for what it is making."""
        if self._end is not None:
            self._end()
        self._thread = self._end = None

    def _started(self) -> "_Thread[T]":
        if self._thread is not None and self._end is not None:
            self._end.detach()
            self._thread.end(None)  # two never call the batches at once
        self._thread = _Thread(self._batches, self._make)
        self._end = weakref.finalize(self, self._thread.end, LAST_SECONDS)  # or as the interpreter ends
        return self._thread

    def _following(self, place: Place) -> Place:
        epoch, index = place
        return (epoch, index + 1) if index + 1 < len(self) else (epoch + 1, 0)


class _Thread(Generic[T]):
    """Makes what is wanted, one after the other. It does not know its reader, and so does not keep it alive.

    Its queues are such that a garbage collector may call `end` anywhere, even in the middle of one of them.
    """

    def __init__(self, batches: Batches, make: Callable[[Sequence[Any]], T]):
        self.process = os.getpid()
        self.wanted: SimpleQueue[Place | None] = SimpleQueue()
        self.made: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._batches, self._make, self._ended = batches, make, False
        self._thread = threading.Thread(target=self._run, name="ostinato prefetch", daemon=True)
        self._thread.start()

    def end(self, seconds: float | None) -> None:
        """Make nothing more, and wait for what is being made."""
        if self.process != os.getpid():  # after a fork: the thread is the parent's, and the queues may be locked
            return
        self._ended = True
        self.wanted.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (place := self.wanted.get()) is not None and not self._ended:
            self.made.put(self._tried(place))

    def _tried(self, place: Place) -> tuple[T | None, BaseException | None]:
        try:
            return self._make(self._batches.batch(*place)), None
        except BaseException as error:  # whatever it is: the reader waits for it
            return None, error
