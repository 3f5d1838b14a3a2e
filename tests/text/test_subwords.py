"""What each tokenizer over the `tokenizers` library promises beyond the laws of all."""

import json
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import tokenizers as library

from ostinato.errors import ConfigError, DataError
from ostinato.text import BPE, Tokenizer, Unigram, WordPiece, Words, load, tokenizers

TEXT = (
    "Die Katze, die der Hund vom Ende der Strasse gestern jagte, schläft. The cat that the dog chased is asleep.\n"
    "  Two spaces,\ta tab, numbers 1 234, don't — and 音楽 twice: 音楽.\n\n" * 3
)
SIZES = {"word": 200, "bpe": 400, "wordpiece": 400, "unigram": 200}
each = pytest.mark.parametrize("name", SIZES)


def trained(name: str, text: str = TEXT, **options) -> Tokenizer:
    tokenizer = tokenizers.build({"name": name, "size": SIZES[name], **options})
    tokenizer.train([text])
    return tokenizer


def theirs(tokenizer: Tokenizer, text: str) -> list[int]:
    return library.Tokenizer.from_str(tokenizer.to_json()).encode(text, add_special_tokens=False).ids


@each
def test_the_size_counts_every_id(name):
    tokenizer = trained(name, special=["<s>", "<pad>"])
    assert tokenizer.size <= SIZES[name]
    assert sorted(tokenizer.special) == ["</s>", "<pad>", "<s>"]
    assert tokenizer.decode([tokenizer.special["<s>"], *tokenizer.encode("cat").tolist(), tokenizer.eos]) == "cat"
    assert load(tokenizer.to_json()).special == tokenizer.special


@each
def test_a_normal_form(name):
    tokenizer = trained(name, form="nfkc", lowercase=True)
    assert tokenizer.normalize("The ﬁne CAT") == "the fine cat"
    assert tokenizer.decode(tokenizer.encode("The CAT")) == "the cat"
    assert theirs(tokenizer, "The CAT") == tokenizer.encode("the cat").tolist() == tokenizer.encode("The CAT").tolist()


@each
def test_spans_point_into_the_text_as_it_came(name):
    tokenizer = trained(name, lowercase=True)
    for text in (TEXT, "  THE   cat"):
        shown = [text[a:b].lower() for a, b in tokenizer.spans(text).tolist()]
        for seen, piece in zip(shown, tokenizer.pieces(tokenizer.encode(text)), strict=True):
            assert piece.startswith("<") or seen.strip() in piece, (seen, piece)


@pytest.mark.parametrize("name", ["word", "wordpiece", "unigram"])
def test_the_unknown_is_a_token_or_an_error(name):
    tokenizer = trained(name)
    assert tokenizer.unknown in tokenizer.encode("the Ω cat").tolist()
    strict = trained(name, unknown="error")
    assert strict.unknown is None
    assert strict.decode(strict.encode("the cat")) == "the cat"
    for use in (strict.encode, strict.spans):
        with pytest.raises(DataError, match="Ω' has characters that the vocabulary lacks"):
            use("the Ω cat")
    with pytest.raises(DataError, match="Ω"):
        load(strict.to_json()).encode("the Ω cat")


def test_what_is_unknown_may_be_written_in_bytes():
    tokenizer = trained("unigram", size=600, unknown="bytes")
    assert tokenizer.unknown is None
    assert tokenizer.decode(tokenizer.encode("the Ω cat 😀")) == "the Ω cat 😀"
    assert theirs(tokenizer, "the Ω cat 😀") == tokenizer.encode("the Ω cat 😀").tolist()
    assert load(tokenizer.to_json()).unknown is None


def test_a_special_name_that_words_are_made_of_is_refused():
    with pytest.raises(ConfigError, match=r"'\.' is also a token of the training text"):
        trained("wordpiece", special=["."])
    with pytest.raises(ConfigError, match="repeats a name"):
        trained("bpe", special=["</s>"])


def test_a_text_without_words_teaches_nothing():
    for name in SIZES:
        for text in ("", "  \t \n"):
            with pytest.raises(DataError, match="has no word"):
                trained(name, text)


def test_words_are_those_of_a_word_language_model():
    tokenizer = trained("word", "a b <unk> a\n\nb </s> a\n")
    assert sorted(tokenizer.pieces(range(tokenizer.size))) == ["\n", "</s>", "<unk>", "a", "b"]
    ids = tokenizer.encode("b  c\ta\n</s>")
    assert tokenizer.pieces(ids) == ["b", "<unk>", "a", "\n", "<unk>"]
    assert tokenizer.eos not in ids.tolist()
    assert tokenizer.decode(ids) == "b <unk> a\n<unk>"


@pytest.mark.parametrize("name", ["bpe", "word", "wordpiece"])
def test_training_twice_is_the_same(name):
    assert trained(name).to_json() == trained(name).to_json()


class TestSample:
    """BPE dropout (Provilkov, Emelianenko and Voita, 2020)."""

    def test_without_dropout_it_is_encode(self):
        tokenizer = trained("bpe")
        assert tokenizer.sample(TEXT, np.random.default_rng(0)).tolist() == tokenizer.encode(TEXT).tolist()

    def test_with_almost_none_it_is_encode_merge_by_merge(self):
        tokenizer = trained("bpe", dropout=1e-12)
        assert tokenizer.sample(TEXT, np.random.default_rng(0)).tolist() == tokenizer.encode(TEXT).tolist()

    def test_with_some_it_is_the_same_text_in_other_tokens(self):
        tokenizer = trained("bpe", dropout=0.3)
        dice = np.random.default_rng(0)
        first, second = tokenizer.sample(TEXT, dice), tokenizer.sample(TEXT, dice)
        assert first.tolist() != second.tolist()
        assert first.tolist() == tokenizer.sample(TEXT, np.random.default_rng(0)).tolist()
        assert tokenizer.decode(first) == tokenizer.decode(second) == TEXT
        assert len(first) > len(tokenizer.encode(TEXT))

    def test_with_nearly_all_it_is_bytes(self):
        tokenizer = trained("bpe", dropout=1 - 1e-12)
        assert len(tokenizer.sample(TEXT, np.random.default_rng(0))) == len(TEXT.encode())


class TestFromElsewhere:
    def made(self, model, pre, trainer, decoder=None, special=("<s>", "</s>", "<unk>")) -> str:
        tokenizer = library.Tokenizer(model)
        tokenizer.pre_tokenizer = pre
        tokenizer.decoder = decoder
        tokenizer.train_from_iterator(
            [TEXT], trainer(vocab_size=300, special_tokens=list(special), show_progress=False)
        )
        return tokenizer.to_str()

    @pytest.mark.parametrize(
        ("kind", "model", "pre", "trainer", "decoder"),
        [
            (BPE, "BPE", "Whitespace", "BpeTrainer", None),
            (BPE, "BPE", "Metaspace", "BpeTrainer", "Metaspace"),
            (WordPiece, "WordPiece", "BertPreTokenizer", "WordPieceTrainer", "WordPiece"),
            (Unigram, "Unigram", "Metaspace", "UnigramTrainer", "Metaspace"),
            (Words, "WordLevel", "Whitespace", "WordLevelTrainer", None),
        ],
    )
    def test_a_tokenizer_json_gives_its_own_ids(self, kind, model, pre, trainer, decoder):
        given = (
            getattr(library.models, model)()
            if model == "Unigram"
            else getattr(library.models, model)(unk_token="<unk>")
        )
        make = getattr(library.trainers, trainer)
        if model == "Unigram":
            make = lambda **options: library.trainers.UnigramTrainer(unk_token="<unk>", **options)  # noqa: E731
        text = self.made(
            given, getattr(library.pre_tokenizers, pre)(), make, decoder and getattr(library.decoders, decoder)()
        )
        ours, other = load(text), library.Tokenizer.from_str(text)
        assert type(ours) is kind
        assert (ours.eos, ours.unknown) == (1, 2)
        ids = ours.encode(TEXT)
        assert ids.tolist() == other.encode(TEXT, add_special_tokens=False).ids
        assert ours.decode(ids) == other.decode(ids.tolist())
        raw, reader, writer = TEXT.encode(), ours.incremental_encoder(), ours.incremental_decoder()
        parts = [reader.read(raw[i : i + 7], final=i + 7 >= len(raw)) for i in range(0, len(raw), 7)]
        assert np.concatenate(parts).tolist() == ids.tolist()
        assert "".join([writer.write(i) for i in ids.tolist()]) + writer.close() == ours.decode(ids)

    @pytest.mark.parametrize("spoil", ["normalizer", "added"])
    def test_what_looks_like_ours_and_is_not_is_encoded_as_a_whole(self, spoil):
        document = json.loads(trained("bpe").to_json())
        if spoil == "normalizer":
            document["normalizer"] = {"type": "Prepend", "prepend": "x"}
        else:
            token = {"id": 400, "content": "cat is", "special": False, "normalized": False}
            document["added_tokens"].append({"single_word": False, "lstrip": False, "rstrip": False, **token})
        ours, other = load(json.dumps(document)), library.Tokenizer.from_str(json.dumps(document))
        text = "the cat is the cat"
        assert ours.encode(text).tolist() == other.encode(text, add_special_tokens=False).ids

    def test_without_a_boundary_it_is_refused(self):
        text = self.made(
            library.models.BPE(), library.pre_tokenizers.Whitespace(), library.trainers.BpeTrainer, special=("<a>",)
        )
        with pytest.raises(DataError, match="none of its added tokens ends a text"):
            load(text)


class TestSentencePiece:
    @pytest.fixture(params=[("unigram", False), ("bpe", False), ("bpe", True), ("unigram", True)], ids=str)
    def model(self, request, tmp_path):
        sentencepiece = pytest.importorskip("sentencepiece", reason="the extra `sentencepiece` is not installed")
        kind, in_bytes = request.param
        (tmp_path / "text").write_text(TEXT, "utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(tmp_path / "text"), model_prefix=str(tmp_path / "m"), vocab_size=400 if in_bytes else 100,
            model_type=kind, byte_fallback=in_bytes, hard_vocab_limit=False, minloglevel=2, character_coverage=1.0,
        )  # fmt: skip
        return tmp_path / "m.model", sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))

    def test_its_ids_are_sentencepieces_own(self, model):
        from ostinato.text.sentencepiece import read

        path, processor = model
        ours = read(path)
        assert (ours.eos, ours.size) == (processor.eos_id(), len(processor))
        for line in [*TEXT.split("\n"), "ﬁne  cats", "a Katze, jagte"]:
            assert ours.encode(line).tolist() == processor.encode(line), line
            assert ours.decode(ours.encode(line)) == processor.decode(processor.encode(line)), line
        assert load(ours.to_json()).encode("The cat").tolist() == processor.encode("The cat")

    def test_what_is_no_model_is_refused(self, tmp_path):
        pytest.importorskip("sentencepiece", reason="the extra `sentencepiece` is not installed")
        from ostinato.text.sentencepiece import read

        (tmp_path / "x.model").write_bytes(b"\x00\x01nonsense")
        with pytest.raises(DataError, match="not a SentencePiece model"):
            read(tmp_path / "x.model")
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path / "y.model")


@pytest.mark.skipif("OSTINATO_DATA" not in os.environ, reason="OSTINATO_DATA is not set")
@each
def test_on_wikitext_ids_are_the_librarys(name):
    path = Path(os.environ["OSTINATO_DATA"], "wikitext2", "wiki.test.tokens.xz")
    text = lzma.decompress(path.read_bytes()).decode()
    tokenizer = trained(name, text[: len(text) // 2], size=3000)
    assert tokenizer.encode(text).tolist() == theirs(tokenizer, text)
    if name != "word":  # of which the vocabulary has not all
        assert tokenizer.decode(tokenizer.encode(text[: len(text) // 2])) == tokenizer.normalize(text[: len(text) // 2])


def test_the_document_holds_what_was_asked():
    document = json.loads(trained("bpe", form="nfc", lowercase=True).to_json())
    assert [step["type"] for step in document["normalizer"]["normalizers"]] == ["NFC", "Lowercase"]
