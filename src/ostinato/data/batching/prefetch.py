"""Prefetch: batches are read and collated on a thread, before they are asked for."""

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
"""How long the end waits for a batch that is being made, so that the interpreter does not end in the middle of it."""


class Prefetched(Generic[T]):
    """`make(batches.batch(epoch, index))`, computed on a thread before it is asked for, for one reader.

    While a batch is used, the next `ahead` batches are made. Any other batch may be asked for as well; reading then
    continues from there. So the batches and their order are the same as without prefetching, and an error in making a
    batch is raised where that batch is asked for.

    A forked process starts a thread of its own. Ctrl-C is delayed by at most a second. The thread ends with `close`, at
    the end of a `with` block, and with the last reference to this object; asking again starts another.

    `batches` and `make` are called on that thread, so they must not depend on the calling thread (on torch's global
    random state, for example). Prefetching helps where reading waits for a disk, or where it and the work beside it
    release Python's lock; Python code itself does not get faster. Raises ConfigError where `ahead` is less than 1.
    """

    def __init__(self, batches: Batches, make: Callable[[Sequence[Any]], T], ahead: int = 2):
        if ahead < 1:
            raise ConfigError(f"prefetch: ahead is {ahead}; make it at least 1, or read without Prefetched")
        self._batches, self._make, self._ahead = batches, make, ahead
        self._requested: deque[Place] = deque()  # batches that the thread is to make and that were not taken yet
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
        """What `make` returns for batch `index` of epoch `epoch`; waits for it.

        Raises IndexError where an epoch has no such batch, and what `batches` or `make` raise for it.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"prefetch: there is no batch {index} in an epoch of {len(self)}")
        thread, requested = self._thread, self._requested
        if thread is None or thread.process != os.getpid() or not requested or requested[0] != (epoch, index):
            thread, requested = self._started(), deque()
        while len(requested) <= self._ahead:
            requested.append(self._following(requested[-1]) if requested else (epoch, index))
            thread.places.put(requested[-1])
        self._requested = deque()  # so that an interrupt here starts over
        result, error = thread.results.get()
        requested.popleft()
        self._requested = requested
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread; wait at most a second for the batch that it is making."""
        if self._end is not None:
            self._end()
        self._thread = self._end = None

    def _started(self) -> "_Thread[T]":
        if self._thread is not None and self._end is not None:
            self._end.detach()
            self._thread.end(None)  # no two threads call the batches at once
        self._thread = _Thread(self._batches, self._make)
        self._end = weakref.finalize(self, self._thread.end, LAST_SECONDS)  # or as the interpreter ends
        return self._thread

    def _following(self, place: Place) -> Place:
        epoch, index = place
        return (epoch, index + 1) if index + 1 < len(self) else (epoch + 1, 0)


class _Thread(Generic[T]):
    """Makes the batches at `places`, in turn. It has no reference to its reader, so it does not keep it alive.

    A garbage collector may call `end` anywhere, even inside an operation of a queue: SimpleQueue allows that.
    """

    def __init__(self, batches: Batches, make: Callable[[Sequence[Any]], T]):
        self.process = os.getpid()
        self.places: SimpleQueue[Place | None] = SimpleQueue()
        self.results: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._batches, self._make, self._ended = batches, make, False
        self._thread = threading.Thread(target=self._run, name="ostinato prefetch", daemon=True)
        self._thread.start()

    def end(self, seconds: float | None) -> None:
        """Make no more batches, and wait at most `seconds` (None: without limit) for the one that is being made."""
        if self.process != os.getpid():  # after a fork: the thread is the parent's, and the queues may be locked
            return
        self._ended = True
        self.places.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def _run(self) -> None:
        while (place := self.places.get()) is not None and not self._ended:
            self.results.put(self._result(place))

    def _result(self, place: Place) -> tuple[T | None, BaseException | None]:
        try:
            return self._make(self._batches.batch(*place)), None
        except BaseException as error:  # whatever it is: the reader waits for it
            return None, error
