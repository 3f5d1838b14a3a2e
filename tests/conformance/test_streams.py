"""A language model heard live: any cutting of the bytes is the offline answer, and streams do not see each other."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.errors import DataError, StreamError
from ostinato.models import models
from ostinato.stream import LiveStream, Streamer
from ostinato.tasks import tasks
from ostinato.testing import strategies
from ostinato.testing.streams import LAWS, heard
from ostinato.text import tokenizers

TEXT = "Ein Ostinato — «stets wiederkehrend» 🎵 kehrt wieder, wieder."
DEEP = {"layers": 3, "residual": True, "dropout": 0.5, "tied": True}
OTHER = "ganz anders: 音楽は繰り返す 🎵🎵"


def numbers(prediction) -> list[float]:
    return [float(part) for part in prediction]


@cache
def streamer(kind: str, deep: bool = False) -> tuple[Streamer, object]:
    task = tasks.build({"name": "language", "tokenizer": {"name": kind}})
    tokenizer = tokenizers.build({"name": kind})
    tokenizer.train([TEXT])
    task.restore({"tokenizer.json": tokenizer.to_json()})
    table = {"name": "language", "cell": {"name": "lstm", "hidden": 6}, "embedding": 5, **(DEEP if deep else {})}
    return Streamer(task, task.model(models.spec(table))), task


@pytest.mark.parametrize("kind", ["character", "byte"])
@pytest.mark.parametrize("deep", [False, True], ids=["one", "deep"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(kind, deep, law):
    law(streamer(kind, deep)[0], TEXT.encode(), OTHER.encode(), numbers)


@settings(max_examples=12)
@given(chunks=strategies.chunks(TEXT.encode()))
def test_heard_in_any_chunks_is_predicted_as_a_whole(chunks):
    live, task = streamer("character")
    offline, _ = task.predict(live.model, next(task.batches_of([TEXT])))
    said, prediction = heard(live, chunks)
    assert prediction.characters == len(TEXT)
    assert prediction.nats == pytest.approx(-float(offline[0].log_probs.sum()), rel=1e-6)
    assert [thing["element"] for thing in said] == list(TEXT)
    np.testing.assert_allclose([-thing["nats"] for thing in said], offline[0].log_probs, atol=1e-5)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=12))
def test_interleaved_streams_are_as_if_alone(turns):
    live, _ = streamer("byte")
    raws = [TEXT.encode(), OTHER.encode(), b""]
    streams, read = [live.open() for _ in raws], [0, 0, 0]
    for which, count in turns:
        live.push([streams[which]], [raws[which][read[which] : read[which] + count]])
        read[which] = min(read[which] + count, len(raws[which]))
    live.push(streams, [raw[done:] for raw, done in zip(raws, read)])
    for stream, raw in zip(streams, raws):
        assert numbers(live.close(stream)[1]) == pytest.approx(numbers(heard(live, [raw])[1]), rel=1e-6)


def test_what_is_not_text_is_refused_with_its_offset_and_the_stream_goes_on():
    live, _ = streamer("character")
    stream = live.open()
    live.push([stream], [b"Ein"])
    with pytest.raises(DataError, match="byte 4"):
        live.push([stream], [b" \xff"])
    live.push([stream], [b" Ostinato"])
    assert numbers(live.close(stream)[1]) == pytest.approx(numbers(heard(live, [b"Ein Ostinato"])[1]))


def test_a_chunk_that_is_refused_takes_nothing_from_the_streams_beside_it():
    live, _ = streamer("character")
    good, bad = live.open(), live.open()
    for order in ([good, bad], [bad, good]):
        chunks = [b"Ein" if stream is good else b"\xff" for stream in order]
        with pytest.raises(DataError):
            live.push(order, chunks)
    live.push([good], [b"Ein"])
    assert numbers(live.close(good)[1]) == pytest.approx(numbers(heard(live, [b"Ein"])[1]))


@pytest.mark.parametrize("kind", ["character", "byte"])
def test_a_stream_that_ends_inside_a_character_says_so(kind):
    live, _ = streamer(kind)
    stream = live.open()
    live.push([stream], ["🎵".encode()[:2]])
    with pytest.raises(DataError, match="byte 0"):
        live.close(stream)


def test_a_live_stream_forgets_what_it_heard():
    live = LiveStream(streamer("character")[0])
    sizes = []
    for _ in range(3):
        live.push(TEXT * 10)
        sizes.append([tuple(leaf.shape) for leaf in live.state if hasattr(leaf, "shape")])
    assert sizes[0] == sizes[2]
    said, prediction = live.close()
    assert (said.stable, said.tentative) == ([], [])
    assert prediction.characters == 30 * len(TEXT)
    with pytest.raises(StreamError, match="closed"):
        live.push("x")
