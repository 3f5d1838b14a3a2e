"""Laws of a Streamer: an input (bytes, or an array of samples) gives the same prediction however it is cut.

A law takes the Streamer, two inputs that can be sliced, and a function from a prediction to numbers to compare. It
raises AssertionError with the difference.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import torch

from ostinato.errors import StreamError
from ostinato.stream import Streamer
from ostinato.testing.samples import generator

Numbers: TypeAlias = Callable[[Any], Sequence[float]]
Law: TypeAlias = Callable[[Streamer, Any, Any, Numbers], None]

SHARE: Final = 1e-6


def any_cutting_gives_the_offline_answer(streamer: Streamer, first: Any, second: Any, numbers: Numbers) -> None:
    """One chunk, single elements and random cuts give the same prediction and the same number of stable answers."""
    answers, expected = heard(streamer, [first])
    for ends in ([*range(1, len(first))], [], *(_ends(len(first), seed) for seed in range(6))):
        chunks = [first[a:b] for a, b in zip([0, *ends], [*ends, len(first)])]
        again, prediction = heard(streamer, chunks)
        assert _alike(numbers(prediction), numbers(expected)), f"cut at {ends}: {prediction} where {expected} is due"
        assert len(again) == len(answers), f"cut at {ends}: {len(again)} stable answers, not {len(answers)}"


def streams_do_not_see_each_other(streamer: Streamer, first: Any, second: Any, numbers: Numbers) -> None:
    """Two inputs, pushed together or in turn, beside a stream that closes early, have the predictions that each has
    alone."""
    expected = [numbers(heard(streamer, [raw])[1]) for raw in (first, second)]
    a, b, passing = streamer.open(), streamer.open(), streamer.open()
    streamer.push([a, passing], [first[:2], second[:3]])
    streamer.push([b], [second[:1]])
    streamer.close(passing)
    streamer.push([b, a], [second[1:3], first[2:3]])
    streamer.push([a, b], [first[3:], second[3:]])
    predictions = [numbers(streamer.close(stream)[1]) for stream in (a, b)]
    for number, (mine, alone) in enumerate(zip(predictions, expected)):
        assert _alike(mine, alone), f"stream {number}: {mine} beside others, {alone} alone"


def a_closed_stream_takes_nothing(streamer: Streamer, first: Any, second: Any, numbers: Numbers) -> None:
    """The Streamer raises StreamError for a closed stream, for one given twice, and for a missing chunk."""
    stream = streamer.open()
    streamer.push([stream], [first])
    for call in (lambda: streamer.push([stream, stream], [first, second]), lambda: streamer.push([stream], [])):
        assert _refuses(call), "a push that does not fit was taken"
    streamer.close(stream)
    assert _refuses(lambda: streamer.push([stream], [first])), "a closed stream took a chunk"
    assert _refuses(lambda: streamer.close(stream)), "a closed stream was closed again"
    assert streamer.push([], []) == [], "a push of no streams has answers"


LAWS: Final[tuple[Law, ...]] = (
    any_cutting_gives_the_offline_answer,
    streams_do_not_see_each_other,
    a_closed_stream_takes_nothing,
)


def heard(streamer: Streamer, chunks: Sequence[Any]) -> tuple[list[Any], Any]:
    """The stable answers of a new stream over `chunks`, and its prediction."""
    stream = streamer.open()
    answers = [thing for chunk in chunks for thing in streamer.push([stream], [chunk])[0].stable]
    last, prediction = streamer.close(stream)
    return [*answers, *last.stable], prediction


def _ends(length: int, seed: int) -> list[int]:
    return sorted(torch.randint(0, length + 1, (seed,), generator=generator(seed)).tolist())


def _alike(numbers: Sequence[float], expected: Sequence[float]) -> bool:
    if len(numbers) != len(expected):
        return False
    scale = max((abs(number) for number in expected), default=0.0) or 1.0
    return all(abs(a - b) <= SHARE * scale for a, b in zip(numbers, expected))


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except StreamError:
        return True
    return False
