"""Every registered tokenizer obeys every law of theirs; a new registration is tested with no new test."""

import pytest

from ostinato.testing.tokenizers import LAWS, TEXT
from ostinato.text import Bytes, Characters, tokenizers


@pytest.mark.parametrize("name", tokenizers.names())
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(name, law):
    tokenizer = tokenizers.build(tokenizers.example(name))
    tokenizer.train([TEXT[:20], TEXT[20:]])
    law(tokenizer)


class LosesBytes(Bytes):
    def decode(self, ids):
        return super().decode([int(i) for i in ids if i != 10])


class SaysTooMuch(Characters):
    def encode(self, text):
        return super().encode(text) + 1


class CountsBoundaries(Characters):
    def count_characters(self, ids):
        return len(ids)


class ForgetsItsWords(Characters):
    def to_json(self):
        other = Characters()
        other.train(["ab"])
        return other.to_json()


class DropsTheRest(Bytes):
    def incremental_encoder(self):
        class Forgetful:
            def read(inner, chunk, final=False):
                text = chunk.decode("utf-8", errors="ignore")
                return self.encode(text)

        return Forgetful()

    def incremental_decoder(self):
        class Forgetful:
            def write(inner, ids):
                return self.decode(ids)

            def close(inner):
                return ""

        return Forgetful()


class PointsBehindTheText(Characters):
    def spans(self, text):
        return super().spans(text) + 1


WRONG = [
    (PointsBehindTheText, "tokens_stand_where_they_say"),
    (LosesBytes, "what_is_known_comes_back"),
    (SaysTooMuch, "ids_are_below_the_size"),
    (CountsBoundaries, "boundaries_are_no_text"),
    (ForgetsItsWords, "what_is_saved_is_the_same"),
    (DropsTheRest, "any_cutting_reads_as_the_whole"),
    (DropsTheRest, "any_cutting_writes_as_the_whole"),
]


@pytest.mark.parametrize(("kind", "name"), WRONG, ids=lambda thing: getattr(thing, "__name__", thing))
def test_a_wrong_tokenizer_is_refused(kind, name):
    tokenizer = kind()
    tokenizer.train([TEXT])
    with pytest.raises(AssertionError):
        next(law for law in LAWS if law.__name__ == name)(tokenizer)


def test_every_law_refuses_something():
    assert {law.__name__ for law in LAWS} == {name for _, name in WRONG}
