"""Text models: every kind reads the same text as the same tokens, and pays what its language model says."""

import math

import numpy as np
import pytest
import torch
from three_methods import ThreeMethods

from ostinato.data import DataSplits
from ostinato.errors import ComparisonError
from ostinato.lm.ngram import NGram, freeze
from ostinato.lm.ngram.token_build import build_of_tokens, words_of
from ostinato.metrics import NatsPerCharacter, Perplexity, comparable, evaluate
from ostinato.open_scorer import open_scorer
from ostinato.padded import Padded
from ostinato.scoring import TokenScorer, mixed, whole
from ostinato.scoring.ngrams import save_tokenizer
from ostinato.scoring.score_tokens import score_tokens
from ostinato.tasks import LanguageTask
from ostinato.text import Bytes, Characters, Words

TEXT = "one two three\ntwo three one\nthree <s> two </s> one\n" * 30
HELD = "two one three ø\nthree three two\n" * 20


@pytest.fixture
def text(tmp_path):
    (tmp_path / "train.txt").write_text(TEXT)
    (tmp_path / "held.txt").write_text(HELD)
    return whole(tmp_path / "train.txt")


@pytest.fixture(params=["character", "byte", "word"])
def made(request, tmp_path, text):
    """A tokenizer, and the file of a 3-gram of its tokens."""
    tokenizer = {"character": Characters, "byte": Bytes, "word": Words}[request.param]()
    tokenizer.train(text.pieces())
    freeze(build_of_tokens([text], tokenizer, 3).grams, tmp_path / "m.ngram")
    save_tokenizer(tmp_path / "m.ngram", tokenizer)
    return tokenizer, tmp_path / "m.ngram"


def test_words_of_a_tokenizer_are_words(made):
    tokenizer, _ = made
    words = words_of(tokenizer)
    assert len(set(words)) == len(words) == tokenizer.size
    assert all(word and len(word.split()) == 1 for word in words)
    assert words[tokenizer.eos] == "</s>"
    assert "<s>" not in words
    assert ("<unk>" in words) == (tokenizer.unknown is not None)


def test_without_torch_costs_the_same_as_with_it_and_as_the_three_methods(made, tmp_path):
    tokenizer, path = made
    held, model = whole(tmp_path / "held.txt"), open_scorer(path)
    reading = model.read(held)
    ids = torch.from_numpy(tokenizer.encode(HELD).astype(np.int64))
    with_torch, _ = model.lm.token_log_probs(Padded.full(ids[None]), model.lm.start(torch.arange(1)))
    np.testing.assert_allclose(reading.log_probs, with_torch[0].numpy(), atol=2e-6)
    others = TokenScorer(path, tokenizer, ThreeMethods(model.lm)).read(held)
    np.testing.assert_allclose(others.log_probs, reading.log_probs, atol=2e-6)
    assert reading.tokens == len(ids)
    assert reading.oov == (int((ids == tokenizer.unknown).sum()) if tokenizer.unknown is not None else 0)
    assert "".join(model.pieces(held)) == "".join(tokenizer.pieces(ids.numpy()))


def test_its_numbers_mean_what_a_task_of_language_modelling_prints(made, tmp_path, text):
    tokenizer, path = made
    held, model = whole(tmp_path / "held.txt"), open_scorer(path)
    task = LanguageTask()
    task.tokenizer = tokenizer
    task.prepare(DataSplits({"valid": held}, tmp_path / "work"))
    table = score_tokens(ThreeMethods(model.lm), task.files["valid"], tokenizer).table()
    expected = [evaluate(metric, table) for metric in task.metrics_for("valid")]
    for ours, theirs in zip(model.read(held).scores(), expected, strict=True):
        comparable(ours, theirs)
        assert math.isclose(ours.value, theirs.value, rel_tol=1e-6)


def test_perplexity_with_and_without_the_unknown(tmp_path, text):
    tokenizer = Characters()
    tokenizer.train(text.pieces())
    ngram = NGram.of(build_of_tokens([text], tokenizer, 2).grams, tokens=words_of(tokenizer))
    reading = TokenScorer(tmp_path, tokenizer, ngram).read(whole(tmp_path / "held.txt"))
    known = [p for p, character in zip(reading.log_probs, HELD) if character != "ø"]
    assert reading.oov == HELD.count("ø")
    assert math.isclose(reading.score(oov_left_out=True).value, math.exp(-np.mean(known)))
    assert math.isclose(reading.score(Perplexity).value, math.exp(-np.mean(reading.log_probs)))
    assert math.isclose(reading.score(NatsPerCharacter).value, -reading.log_probs.sum() / len(HELD))
    with pytest.raises(ComparisonError, match="oov"):
        comparable(reading.score(), reading.score(oov_left_out=True))


def test_only_readings_of_the_same_tokens_are_mixed(tmp_path, text):
    first, second = (TokenScorer(tmp_path, kind, _uniform(kind)).read(text) for kind in (_trained(text), Bytes()))
    with pytest.raises(ComparisonError, match="same tokens"):
        mixed([first, second], np.array([0.5, 0.5]))


def _trained(text):
    tokenizer = Characters()
    tokenizer.train(text.pieces())
    return tokenizer


def _uniform(tokenizer):
    from ostinato.lm import UniformBaseline

    return UniformBaseline(size=tokenizer.size, eos=tokenizer.eos)
