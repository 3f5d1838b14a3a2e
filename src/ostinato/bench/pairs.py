"""Two contenders timed in pairs: they alternate, also in who goes first, so that other load affects both equally."""

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

WARM_UP_SECONDS = 0.3
TURN_SECONDS = 1e-3
LEAST_PAIRS = 7


@dataclass(frozen=True)
class Paired:
    """Medians of `pairs` pairs: `ours` and `theirs` in seconds a call, `ratio` of the pairs' own ratios, theirs over
    ours."""

    ours: float
    theirs: float
    ratio: float
    quartiles: tuple[float, float]  # of the ratio
    pairs: int


def paired(ours: Callable[[], object], theirs: Callable[[], object], seconds: float, lead: float = 0.0) -> Paired:
    """Times both calls for `seconds` after a warm-up. A turn is one call, or as many as fill a millisecond.

    Each turn begins with `lead` seconds of calls that are not counted, and then lasts at least as long: threads that
    the other contender left spinning go to sleep meanwhile.
    """
    turn_seconds = max(TURN_SECONDS, lead)
    turns = [_Turn(ours, turn_seconds, seconds), _Turn(theirs, turn_seconds, seconds)]
    times: tuple[list[float], list[float]] = ([], [])
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times[0]) < LEAST_PAIRS:
            first = len(times[0]) % 2
            for side in (first, 1 - first):
                times[side].append(turns[side].take(lead))
    finally:
        if collecting:
            gc.enable()
    ratios = [theirs / ours for ours, theirs in zip(*times, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Paired(statistics.median(times[0]), statistics.median(times[1]), middle, (low, high), len(ratios))


class _Turn:
    """One contender, warmed up, and the number of calls in its turn."""

    def __init__(self, call: Callable[[], object], turn_seconds: float, seconds: float) -> None:
        self._call, self._calls = call, 1
        times: list[float] = []
        end = time.perf_counter() + min(WARM_UP_SECONDS, seconds) / 2
        while time.perf_counter() < end or len(times) < 2:
            times.append(self.take())
        self._calls = math.ceil(turn_seconds / statistics.median(times))

    def take(self, lead: float = 0.0) -> float:
        """Runs a turn; gives seconds a call."""
        call = self._call
        if lead:
            end = time.perf_counter() + lead
            while time.perf_counter() < end:
                call()
        start = time.perf_counter()
        for _ in range(self._calls):
            call()
        return (time.perf_counter() - start) / self._calls
