"""Ctrl-C and SIGTERM: finish the step, write a checkpoint, leave."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from ostinato.errors import OstinatoError


class Interrupted(OstinatoError):  # noqa: N818 nothing went wrong
    """Training was asked to stop and did, with a checkpoint written; it goes on when started again.

    `exit_code` is 130 for Ctrl-C and 143 for SIGTERM. A notebook shows its message without a traceback.
    """

    def __init__(self, signal_number: int, message: str):
        self.signal = signal_number
        self.exit_code = 128 + signal_number
        super().__init__(message)

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Signals:
    """Inside the block the first SIGINT or SIGTERM is only noted in `received`. A second SIGINT raises
    KeyboardInterrupt at once, and a second SIGTERM ends the process.

    Outside the main thread, where Python takes no signals, it notes nothing.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.received is not None:
            os._exit(128 + number)
        self.received = number
