"""Laws of a Tokenizer. Each takes one that was trained on `TEXT` and raises AssertionError with the difference."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final, TypeAlias

import torch

from ostinato.testing.samples import generator
from ostinato.text import Tokenizer, load

Law: TypeAlias = Callable[[Tokenizer], None]

TEXT: Final = "It was the best of times,\r\nit was the worst — naïve «ünï©ode» 😀\0\t</s> <unk> ﷽ e\u0301\ufeff\n"
"""The training text of the laws: characters of one to four bytes, and the names of boundary and unknown."""
UNSEEN: Final = "Zebra 音楽 🎵"
"""A text most of whose characters are not in TEXT."""


def what_is_known_comes_back(tokenizer: Tokenizer) -> None:
    """Decoding inverts encoding, and the counts are those of the text."""
    ids = tokenizer.encode(TEXT)
    normal = tokenizer.normalize(TEXT)
    assert tokenizer.decode(ids) == normal, f"{tokenizer.decode(ids)!r} came back"
    assert tokenizer.normalize(normal) == normal, "what is normal is changed again"
    assert tokenizer.count_characters(ids) == len(normal), f"{tokenizer.count_characters(ids)} characters"
    assert tokenizer.count_bytes(ids) == len(normal.encode()), f"{tokenizer.count_bytes(ids)} bytes"
    assert len(tokenizer.pieces(ids)) == len(ids), "a token without a piece to show"


def ids_are_below_the_size(tokenizer: Tokenizer) -> None:
    """Ids of any text are of `dtype`, from 0 to size − 1, and none is the boundary."""
    for text in (TEXT, UNSEEN, ""):
        ids = tokenizer.encode(text)
        assert ids.dtype == tokenizer.dtype, f"ids are {ids.dtype}"
        assert all(0 <= i < tokenizer.size and i != tokenizer.eos for i in ids.tolist()), f"{text!r}: {ids.tolist()}"
    unknown = tokenizer.unknown
    assert 0 <= tokenizer.eos < tokenizer.size, "the boundary is no id"
    assert unknown is None or (0 <= unknown < tokenizer.size and unknown != tokenizer.eos), "unknown is no id"
    back = tokenizer.decode(tokenizer.encode(UNSEEN))
    assert unknown is not None or back == tokenizer.normalize(UNSEEN), "something is unknown after all"


def tokens_stand_where_they_say(tokenizer: Tokenizer) -> None:
    """Spans [T 2], one a token, are inside the text and in order of their starts."""
    for text in (TEXT, UNSEEN, ""):
        spans = tokenizer.spans(text)
        assert spans.shape == (len(tokenizer.encode(text)), 2), f"{text!r}: spans are {spans.shape}"
        assert all(0 <= a <= b <= len(text) for a, b in spans.tolist()), f"{text!r}: {spans.tolist()}"
        assert all(a <= b for a, b in pairwise(spans[:, 0].tolist())), f"{text!r}: a span goes back"


def boundaries_are_no_text(tokenizer: Tokenizer) -> None:
    """Decoding and counts leave boundaries out."""
    ids = [tokenizer.eos, *tokenizer.encode("best").tolist(), tokenizer.eos]
    assert tokenizer.decode(ids) == "best", f"{tokenizer.decode(ids)!r} came back"
    assert (tokenizer.count_characters(ids), tokenizer.count_bytes(ids)) == (4, 4), "a boundary was counted"
    assert len(tokenizer.encode("")) == 0, "nothing has a token"
    assert tokenizer.decode([]) == "", "no token is a text"


def what_is_saved_is_the_same(tokenizer: Tokenizer) -> None:
    """A tokenizer loaded from its tokenizer.json gives the same ids and the same tokenizer.json."""
    again = load(tokenizer.to_json())
    assert type(again) is type(tokenizer), f"a {type(tokenizer).__name__} came back as {type(again).__name__}"
    assert (again.size, again.eos, again.unknown) == (tokenizer.size, tokenizer.eos, tokenizer.unknown), "other ids"
    for text in (TEXT, UNSEEN):
        assert again.encode(text).tolist() == tokenizer.encode(text).tolist(), f"{text!r} has other ids"
    assert again.to_json() == tokenizer.to_json(), "it is saved otherwise the second time"


def any_cutting_reads_as_the_whole(tokenizer: Tokenizer) -> None:
    """The incremental encoder gives the ids of the whole text, wherever its bytes are cut."""
    raw = (TEXT + UNSEEN).encode()
    expected = tokenizer.encode(TEXT + UNSEEN).tolist()
    for parts in _cuttings(raw):
        reader = tokenizer.incremental_encoder()
        ids = [i for number, part in enumerate(parts) for i in reader.read(part, number == len(parts) - 1).tolist()]
        assert ids == expected, f"read in {len(parts)} chunks it has other ids"


def any_cutting_writes_as_the_whole(tokenizer: Tokenizer) -> None:
    """The incremental decoder gives the text of `decode`, also for ids that are not whole characters."""
    ids = torch.randint(0, tokenizer.size, (80,), generator=generator(1)).tolist()
    for tokens in (tokenizer.encode(TEXT).tolist(), ids):
        for parts in _cuttings(tokens):
            writer = tokenizer.incremental_decoder()
            written = "".join([writer.write(part) for part in parts]) + writer.close()
            assert written == tokenizer.decode(tokens), f"written in {len(parts)} pieces it is {written!r}"


LAWS: Final[tuple[Law, ...]] = (
    what_is_known_comes_back,
    ids_are_below_the_size,
    tokens_stand_where_they_say,
    boundaries_are_no_text,
    what_is_saved_is_the_same,
    any_cutting_reads_as_the_whole,
    any_cutting_writes_as_the_whole,
)


def _cuttings(whole: Any) -> Iterator[list[Any]]:
    yield [whole[i : i + 1] for i in range(len(whole))]
    for seed in range(5):
        ends = sorted(torch.randint(0, len(whole) + 1, (2 * seed,), generator=generator(seed)).tolist())
        yield [whole[a:b] for a, b in pairwise([0, *ends, len(whole)])]
