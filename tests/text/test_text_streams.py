"""However a stream of text is cut, it reads and writes as the whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.errors import DataError, StreamError
from ostinato.text import Bytes, Tokenizer, tokenizers

KNOWN = "aé€😀\n</s>"
names = pytest.mark.parametrize("name", tokenizers.names())


def made(name: str) -> Tokenizer:
    tokenizer = tokenizers.build(tokenizers.example(name))
    tokenizer.train([KNOWN])
    return tokenizer


def chunks(whole, cuts):
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    return [whole[a:b] for a, b in pairwise(edges)]


def check_reads_as_whole(tokenizer: Tokenizer, text: str, cuts: list[int]) -> None:
    raw, reader = text.encode(), tokenizer.incremental_encoder()
    parts = chunks(raw, cuts)
    ids = [reader.read(part, final=i == len(parts) - 1) for i, part in enumerate(parts)]
    np.testing.assert_array_equal(np.concatenate(ids), tokenizer.encode(text))


def check_writes_as_whole(tokenizer: Tokenizer, ids: list[int], cuts: list[int]) -> None:
    writer = tokenizer.incremental_decoder()
    written = "".join(writer.write(part) for part in chunks(ids, cuts)) + writer.close()
    assert written == tokenizer.decode(ids)


@names
@given(text=st.text(alphabet=KNOWN + "z", max_size=30), cuts=st.lists(st.integers(0, 60), max_size=8))
@settings(deadline=None, max_examples=60)
def test_any_cut_reads_as_the_whole(name, text, cuts):
    check_reads_as_whole(made(name), text, cuts)


@names
@given(data=st.data(), cuts=st.lists(st.integers(0, 40), max_size=8))
@settings(deadline=None, max_examples=60)
def test_any_cut_writes_as_the_whole(name, data, cuts):
    tokenizer = made(name)
    check_writes_as_whole(tokenizer, data.draw(st.lists(st.integers(0, tokenizer.size - 1), max_size=30)), cuts)


@given(raw=st.binary(max_size=30), cuts=st.lists(st.integers(0, 30), max_size=8))
def test_bytes_that_are_not_utf8_write_as_the_whole(raw, cuts):
    check_writes_as_whole(Bytes(), list(raw), cuts)


@names
def test_strings_and_bytes_may_alternate(name):
    tokenizer, reader = made(name), made(name).incremental_encoder()
    ids = [reader.read("aé"), reader.read(b"\xe2\x82"), reader.read(b"\xac"), reader.read("😀", final=True)]
    np.testing.assert_array_equal(np.concatenate(ids), tokenizer.encode("aé€😀"))


@names
@pytest.mark.parametrize("cut", range(1, 8))
def test_bad_bytes_are_named_by_their_place(name, cut):
    raw = b"a\xc3\xa9a\xc3(a"
    reader = made(name).incremental_encoder()
    with pytest.raises(DataError, match=r"byte 4 is not UTF-8"):
        [reader.read(part) for part in chunks(raw, [cut])]


@names
def test_an_end_within_a_character_is_named(name):
    reader = made(name).incremental_encoder()
    assert len(reader.read(b"a\xe2\x82")) <= 1
    assert reader.pending == b"\xe2\x82"
    with pytest.raises(DataError, match=r"byte 1 is not UTF-8 \(unexpected end"):
        reader.read(b"", final=True)


@names
def test_a_refused_chunk_is_not_taken_in(name):
    tokenizer = made(name)
    reader = tokenizer.incremental_encoder()
    first = reader.read(b"a\xe2")
    with pytest.raises(DataError):
        reader.read(b"a\xff")
    with pytest.raises(DataError, match="byte 1 "):
        reader.read("a")  # a character cannot start inside another
    found = np.concatenate([first, reader.read(b"\x82\xac", final=True)])
    np.testing.assert_array_equal(found, tokenizer.encode("a€"))


def test_a_chunk_that_the_tokenizer_refuses_is_not_taken_in():
    tokenizer = tokenizers.build({"name": "wordpiece", "size": 2000, "unknown": "error"})
    tokenizer.train(["It was the best of times, it was the worst of times."])
    reader = tokenizer.incremental_encoder()
    first = reader.read("It was")
    with pytest.raises(DataError, match="has characters that the vocabulary lacks"):
        reader.read(" Ω the")
    rest = reader.read(" the", final=True)
    np.testing.assert_array_equal(np.concatenate([first, rest]), tokenizer.encode("It was the"))


@names
def test_nothing_is_read_after_the_end(name):
    reader = made(name).incremental_encoder()
    reader.read("a", final=True)
    with pytest.raises(StreamError, match="make a new encoder"):
        reader.read("a")


@names
def test_a_lone_surrogate_is_refused(name):
    with pytest.raises(DataError, match="surrogate"):
        made(name).incremental_encoder().read("\ud800")


def test_an_unfinished_character_waits():
    writer = Bytes().incremental_decoder()
    assert [writer.write(byte) for byte in "€".encode()] == ["", "", "€"]
    assert writer.write([0xE2, 0x82]) == ""
    assert writer.close() == "\ufffd"
