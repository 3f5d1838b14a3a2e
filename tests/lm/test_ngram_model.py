"""Frozen n-gram models against the definition, KenLM's numbers and the laws of language models."""

import json
import lzma
import math
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from backoff import BEGIN, END, UNKNOWN, drawn
from hypothesis import given
from hypothesis import strategies as st

from ostinato.decode import beam, greedy
from ostinato.errors import BundleError, ConfigError, DataError, StreamError
from ostinato.lm import NGram, Predictor
from ostinato.lm.ngram import build, freeze, write_arpa
from ostinato.lm.protocol import fold
from ostinato.padded import Padded
from ostinato.testing.language_models import LAWS

KENLM = Path(__file__).parents[1] / "golden" / "by-kenlm"
TEXT = ["a b c a b", "a c b", "b c a a b c", "c b a"]


def loaded(plain, folder) -> NGram:
    (folder / "model.arpa").write_text(plain.arpa())
    return NGram.load(folder / "model.arpa")


def proper(order=3) -> NGram:
    """Of a smoothing whose probabilities sum to one."""
    return NGram.of(build([line.split() for line in TEXT * 3], order, smoothing="witten_bell").grams)


@given(seed=st.integers(0, 10**6), order=st.integers(1, 5), words=st.integers(1, 9))
def test_scores_are_those_of_the_definition(tmp_path, seed, order, words):
    plain = drawn(seed, order, words)
    lm, dice = loaded(plain, tmp_path), random.Random(seed)
    assert lm.order == order
    assert sum(lm.counts) == len(plain.log_probs)
    choice = ["w0", "w1", "w2", "other", f"w{words - 1}"]
    texts = [[dice.choice(choice) for _ in range(dice.randint(0, 9))] for _ in range(9)]
    for begin in (True, False):
        for end in (True, False):
            wanted = [plain.sentence(text, begin, end) for text in texts]
            found = lm.score_texts([" ".join(text) for text in texts], begin=begin, end=end)
            for text, row, span in zip(texts, wanted, found.sentences(), strict=True):
                np.testing.assert_allclose(found.log10[span], [log10 for log10, _ in row], atol=2e-6)
                assert found.lengths[span].tolist() == [length for _, length in row]
                assert found.unknown[span].tolist() == [word not in plain.words for word in [*text, *[END] * end]]
                slow = lm.full_scores(" ".join(text), begin=begin, end=end)
                np.testing.assert_allclose([score.log10 for score in slow], [log10 for log10, _ in row], atol=2e-6)
                assert [score.length for score in slow] == [length for _, length in row]


@given(seed=st.integers(0, 10**6), order=st.integers(1, 4))
def test_distributions_are_those_of_the_definition(tmp_path, seed, order):
    plain = drawn(seed, order, 5)
    lm, dice = loaded(plain, tmp_path), random.Random(seed)
    rows = torch.tensor([[dice.choice([0, 3, 4, 5, 6, 7]) for _ in range(5)] for _ in range(4)])
    state = lm.start(torch.arange(4))
    for t in range(5):
        found = lm.log_probs(state)
        for row in range(4):
            context = [BEGIN, *(lm.vocabulary[token] for token in rows[row, :t].tolist())]
            wanted = [-math.inf if w == BEGIN else plain.look(context, w)[0] * math.log(10) for w in lm.vocabulary]
            torch.testing.assert_close(found[row], torch.tensor(wanted), atol=1e-5, rtol=1e-6)
        state = lm.advance(state, rows[:, t])


def test_equal_contexts_go_on_equally(tmp_path):
    """A state keeps no word that the model cannot use, and every word that it can."""
    plain = drawn(5, 4, 4)
    lm = loaded(plain, tmp_path)
    dice = random.Random(0)
    seen = {}
    for _ in range(400):
        words = [dice.choice(["w0", "w1", "w2", "w3", "x"]) for _ in range(dice.randint(1, 6))]
        context = (BEGIN,)
        for word in words:
            context = lm.look(word, context).context
        ahead = tuple(round(plain.look([BEGIN, *words], word)[0], 9) for word in plain.words)
        assert seen.setdefault(context, ahead) == ahead
        assert (
            not context
            or any(gram[: len(context)] == context and len(gram) > len(context) for gram in plain.log_probs)
            or plain.backoffs.get(context, 0)
        )
    assert len(seen) > 20


def test_a_long_sentence_is_cut_without_a_trace(tmp_path):
    plain = drawn(3, 5, 4, share=0.8)
    lm, dice = loaded(plain, tmp_path), random.Random(1)
    words = [dice.choice(["w0", "w1", "w2", "w3"]) for _ in range(5000)]
    found = lm.score_texts([" ".join(words)])
    wanted = plain.sentence(words)
    np.testing.assert_allclose(found.log10, [log10 for log10, _ in wanted], atol=2e-6)
    assert found.lengths.max() == 5
    tokens = torch.tensor([[lm.number(word) for word in words]])
    nats, state = lm.token_log_probs(Padded.full(tokens), lm.start(torch.arange(1)))
    np.testing.assert_allclose(nats[0], np.array(wanted)[:-1, 0] * math.log(10), atol=1e-5)
    torch.testing.assert_close(nats, fold(lm, Padded.full(tokens), lm.start(torch.arange(1)))[0])
    assert state[0][0, -1] == tokens[0, -1]


def test_a_file_is_its_lines(tmp_path):
    lm = loaded(drawn(2, 3, 4), tmp_path)
    lines = ["w0 w1", "", "  w2\tw0 x ", "w1", " \t", "<s> </s> <unk> w0"] * 6000
    for name, ending in (("unix", "\n"), ("dos", "\r\n")):
        path = tmp_path / name
        path.write_bytes(ending.join(lines).encode())
        for threads in (1, 2, 5):
            found, wanted = (
                lm.score_file(path, threads=threads),
                lm.score_texts([line for line in lines if line.strip()]),
            )
            assert found.blank_lines == 12000
            assert all(np.array_equal(one, other) for one, other in zip(found[:4], wanted[:4]))
    assert lm.score_file(path).unknown[-5:].tolist() == [True, True, True, False, False]
    (tmp_path / "empty").write_bytes(b"")
    assert lm.score_file(tmp_path / "empty").nats == 0


# ARPA


@given(seed=st.integers(0, 10**6), order=st.integers(1, 4))
def test_arpa_comes_back_the_same(tmp_path, seed, order):
    lm = loaded(drawn(seed, order, 5), tmp_path)
    dice = np.random.default_rng(seed)
    grams = lm.grams()
    for ending in ("", ".gz", ".xz"):
        write_arpa(grams, tmp_path / f"again.arpa{ending}")
        again = NGram.load(tmp_path / f"again.arpa{ending}")
        assert again.counts == lm.counts
        assert again._model.bytes() == lm._model.bytes()
    texts = [" ".join(f"w{i}" for i in dice.integers(0, 6, 6)) for _ in range(5)]
    assert np.array_equal(again.score_texts(texts).log10, lm.score_texts(texts).log10)


def test_order_of_lines_and_small_liberties_do_not_matter(tmp_path):
    plain = drawn(7, 3, 4)
    lm, text = loaded(plain, tmp_path), plain.arpa()
    head, *sections = text.split("\n\n")
    shuffled = []
    for section in sections[:-1]:
        title, *lines = section.split("\n")
        if not title.startswith("\\1-"):
            random.Random(0).shuffle(lines)
        shuffled.append("\n".join([title, *lines]))
    for variant in (
        "\n\n".join([head, *shuffled, sections[-1]]),
        text.replace("\n", "\r\n"),
        "\ufeff" + text,
        "made by hand\n\n" + text,
        text.replace("\t", " "),
        text.replace("<unk>", "<UNK>"),
        text.replace("\n\n", "\n"),
        text + "what stands after the end",
    ):
        (tmp_path / "variant").write_text(variant, newline="")
        assert NGram.load(tmp_path / "variant")._model.bytes() == lm._model.bytes()


SMALL = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1\t<unk>
-99\t<s>\t-0.5
-0.5\t</s>
-0.25\ta\t-0.25

\\2-grams:
-0.125\t<s> a
-0.5\ta </s>

\\end\\
"""
BAD = {
    "no data": ("what is this", "line 1: there is no line .data."),
    "too few": (SMALL.replace("2=2", "2=3"), "line 15: there are 2 n-grams of order 2, not the 3"),
    "too many": (SMALL.replace("1=4", "1=3"), "line 9: there are more n-grams of order 1 than the 3"),
    "huge count": (SMALL.replace("1=4", "1=18446744073709551615"), "line 11: there are 4 n-grams"),
    "no count": (SMALL.replace("1=4", "1=four"), "line 2: 'four' is not a count"),
    "order left out": (SMALL.replace("ngram 1=4\n", ""), "line 2: the count of order 1 should come"),
    "order above": (
        SMALL.replace("\n\n", "".join(f"\nngram {n}=0" for n in range(3, 26)) + "\n\n", 1),
        "order is above 24",
    ),
    "nan": (SMALL.replace("-0.25\ta", "nan\ta"), "line 9: the log-probability is 'nan'"),
    "infinite": (SMALL.replace("a\t-0.25", "a\tinf"), "line 9: the back-off is 'inf'"),
    "not a number": (SMALL.replace("-0.25\ta", "-0.2x\ta"), "line 9: the log-probability is '-0.2x'"),
    "positive": (SMALL.replace("-0.25\ta", "0.25\ta"), "line 9: the log-probability is 0.25, above 0"),
    "overflow": (SMALL.replace("a\t-0.25", "a\t1e99"), "line 9: the back-off is '1e99'"),
    "words missing": (SMALL.replace("<s> a", "<s>"), "line 12: a line of order 2 has"),
    "back-off at the top": (SMALL.replace("<s> a", "<s> a\t-1"), "line 12: an n-gram of the highest order"),
    "unknown word": (SMALL.replace("<s> a", "<s> b"), "line 12: the word 'b' is not among the 1-grams"),
    "word twice": (SMALL.replace("</s>\n-0.25\ta", "a\n-0.25\ta"), "line 9: the word 'a' is there twice"),
    "n-gram twice": (SMALL.replace("a </s>", "<s> a"), "line 15: the n-gram '<s> a' is there twice"),
    "no end": (SMALL.replace("\\end\\\n", ""), "line 14: the file ends before .end"),
    "cut short": (SMALL[: SMALL.index("a </s>")], "line 13: a line of order 2 has"),
    "no section": (SMALL[: SMALL.index("\\2-")], "line 10: the file ends before the n-grams of the next order"),
    "wrong section": (SMALL.replace("\\2-grams", "\\3-grams"), "line 11: there is .*3-grams:.* where .*2-grams:"),
    "long line": (SMALL.replace("</s>\n", "</s>" + "x" * 10_000_000 + "\n", 1), "line 8: the line is longer than"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_with_its_line(what, tmp_path):
    text, said = BAD[what]
    path = tmp_path / "bad.arpa"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        NGram.load(path)
    assert str(caught.value).startswith(f"{path}: line ")


def test_what_can_be_put_right_is(tmp_path):
    path = tmp_path / "model.arpa"
    # No <unk>, <s> or </s>, and an n-gram of which neither prefix nor suffix is there.
    path.write_text("\\data\\\nngram 1=3\nngram 2=0\nngram 3=1\n\\1-grams:\n-1 a -0.5\n-2 b\n-3 c -0.25\n\\2-grams:\n"
                    "\\3-grams:\n-0.125 a b c\n\\end\\\n")  # fmt: skip
    lm = NGram.load(path)
    assert lm.counts == (6, 2, 1)
    assert [score.log10 for score in lm.full_scores("a b c x", begin=False, end=False)] == [-1, -2.5, -0.125, -99.25]
    path.write_text(SMALL.replace("-0.25\ta\t-0.25", "-0.25\ta").replace("-99\t", "-inf\t"))
    assert NGram.load(path).score_texts(["a a"]).log10.tolist() == [-0.125, -0.25, -0.5]


def test_packed_files_that_are_damaged_are_refused(tmp_path):
    for ending in (".gz", ".xz"):
        path = tmp_path / f"model.arpa{ending}"
        write_arpa(proper().grams(), path)
        whole = path.read_bytes()
        for damaged in (whole[:-9], whole[: len(whole) // 2], whole[:40] + b"damage" + whole[46:]):
            path.write_bytes(damaged)
            with pytest.raises(DataError, match=r"cannot be decompressed|it was cut short|line "):
                NGram.load(path)


def test_a_word_with_a_space_is_no_word_of_an_arpa_file(tmp_path):
    lm = NGram.of(build([["a", " ", "b"]] * 3, 2, smoothing="witten_bell").grams)
    with pytest.raises(DataError, match="the word ' ' has white space"):
        write_arpa(lm.grams(), tmp_path / "x.arpa")
    assert not list(tmp_path.iterdir())


# KenLM


def test_kenlm_says_the_same():
    """tests/golden/by-kenlm/scores.json says how its numbers were made."""
    lm = NGram.load(KENLM / "zen.arpa")
    for row in json.loads((KENLM / "scores.json").read_text())["rows"]:
        found = lm.score_texts([row["text"]], begin=row["begin"], end=row["end"])
        np.testing.assert_allclose(found.log10, [log10 for log10, _, _ in row["scores"]], atol=1e-5)
        assert found.unknown.tolist() == [unknown for _, _, unknown in row["scores"]]
        known = ~found.unknown
        assert found.lengths[known].tolist() == [length for _, length, unknown in row["scores"] if not unknown]


def test_kenlm_reads_what_we_write(tmp_path):
    kenlm = pytest.importorskip("kenlm")
    for name, lm in (("zen", NGram.load(KENLM / "zen.arpa")), ("ours", proper(4))):
        path = tmp_path / f"{name}.arpa"
        write_arpa(lm.grams(), path)
        theirs = kenlm.Model(str(path))
        for text in ("a b c a x b", "beautiful is better than ugly . never", ""):
            wanted = [log10 for log10, _, _ in theirs.full_scores(text)]
            np.testing.assert_allclose(lm.score_texts([text]).log10, wanted, atol=1e-5)


# The frozen file


def test_a_file_does_not_depend_on_the_memory_it_was_sorted_in(tmp_path):
    dice = random.Random(0)
    sentences = [[f"w{int(40 * dice.random() ** 2)}" for _ in range(12)] for _ in range(900)]
    grams = build(sentences, 4, smoothing="witten_bell").grams
    freeze(grams, tmp_path / "one")
    freeze(grams, tmp_path / "runs", memory=1)  # a thousand n-grams a run
    assert (tmp_path / "one").read_bytes() == (tmp_path / "runs").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "runs"]
    lm = NGram.load(tmp_path / "one")
    assert lm.counts[-1] > 5000
    lm.verify()
    freeze(lm.grams(), tmp_path / "again")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes()


def test_quantized_is_near_and_smaller(tmp_path):
    dice = random.Random(0)
    sentences = [[f"w{int(60 * dice.random() ** 2)}" for _ in range(12)] for _ in range(1500)]
    lm = NGram.of(build(sentences, 4, smoothing="modified_kneser_ney").grams)
    lm.save(tmp_path / "whole")
    lm.save(tmp_path / "small", quantize=8)
    small = NGram.load(tmp_path / "small")
    small.verify()
    assert (small.quantize, lm.quantize) == (8, None)
    assert (tmp_path / "small").stat().st_size < 0.5 * (tmp_path / "whole").stat().st_size
    texts = [" ".join(words) for words in sentences]
    one, other = lm.score_texts(texts), small.score_texts(texts)
    assert other.nats == pytest.approx(one.nats, rel=1e-3)
    assert np.array_equal(one.lengths, other.lengths)
    with pytest.raises(ConfigError, match="4 bits are not offered"):
        lm.save(tmp_path / "none", quantize=4)
    small.save(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "small").read_bytes()


def test_few_numbers_are_kept_as_they_are(tmp_path):
    path = tmp_path / "model.arpa"
    path.write_text(SMALL)
    NGram.load(path).save(tmp_path / "small", quantize=8)
    small = NGram.load(tmp_path / "small")
    assert small.score_texts(["a a"]).log10.tolist() == NGram.load(path).score_texts(["a a"]).log10.tolist()


def test_every_damage_is_noticed_and_none_is_fatal(tmp_path):
    """Single bits, cut ends, and noise; of the sections after the header, when they are read whole."""
    dice = random.Random(0)
    sentences = [[f"w{int(40 * dice.random() ** 2)}" for _ in range(8)] for _ in range(400)]
    lm = NGram.of(build(sentences, 4, smoothing="witten_bell").grams)
    whole, texts = lm._model.bytes(), [" ".join(words) for words in sentences[:3]]
    tokens = torch.tensor([[3, 4, 5, 3, 4, 2, 5, 5]])
    noticed = flips = 0
    for _ in range(600):
        damaged = bytearray(whole)
        bit = dice.randrange(8 * (4000 if dice.random() < 0.2 else len(whole)))  # the header is 3,600 bytes
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            bad = NGram.from_bytes(bytes(damaged))
        except (BundleError, ConfigError):
            noticed, flips = noticed + 1, flips + 1
            continue
        bad.score_texts(texts)
        bad.log_probs(bad.start(torch.arange(2)))
        bad.token_log_probs(Padded.full(tokens), bad.start(torch.arange(1)))
        assert len(bad.vocabulary) == len(lm.vocabulary)
        try:
            bad.verify()
        except BundleError:
            noticed += 1
        flips += 1
    # What is not noticed lies between sections, where nothing is read.
    assert noticed > 0.95 * flips
    for size in (0, 1, 100, 5000, len(whole) - 1):
        (tmp_path / "short").write_bytes(whole[:size])
        with pytest.raises((BundleError, DataError)):
            NGram.load(tmp_path / "short")
    with pytest.raises(BundleError, match="bytes where its header tells"):
        NGram.from_bytes(whole + b"\0")
    with pytest.raises(DataError, match="no such file"):
        NGram.load(tmp_path / "nothing")


def test_it_goes_through_a_pickle(tmp_path):
    lm = proper()
    lm.save(tmp_path / "model")
    for one in (lm, NGram.load(tmp_path / "model"), NGram.load(tmp_path / "model", tokens=[END, "a", "b", "c"])):
        other = pickle.loads(pickle.dumps(one))
        assert np.array_equal(other.score_texts(["a b x"]).log10, one.score_texts(["a b x"]).log10)
        assert (other.size, other.eos) == (one.size, one.eos)
    assert len(pickle.dumps(NGram.load(tmp_path / "model"))) < 300  # by its path


def test_what_is_told_of_a_model(tmp_path):
    lm = proper()
    assert lm.vocabulary == (UNKNOWN, BEGIN, END, "a", "b", "c")
    assert [word in lm for word in ("a", "x", END, BEGIN, UNKNOWN, 3)] == [True, False, True, True, True, False]
    assert lm.distribution
    assert json.loads(lm.smoothing)["name"] == "witten_bell"
    assert not NGram.of(build([["a", "b"]] * 3, 2, smoothing="stupid_backoff").grams).distribution
    assert "order 3" in repr(lm)
    odd = loaded(drawn(1, 2, 2), tmp_path)
    assert odd.smoothing == ""


# As a LanguageModel

VIEWS = {
    "own words": {},
    "a tokenizer's": {"tokens": ["b", "a", UNKNOWN, END, "c"]},
    "some unknown": {"tokens": ["b", "x", "a", END, "c", "y"]},
    "all known": {"tokens": [END, "c", "b", "a"]},
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("view", VIEWS)
def test_law(view, order, law):
    frozen = proper(order)._model.bytes()
    law(NGram.from_bytes(frozen, **VIEWS[view]))


def test_tokens_are_words():
    lm = proper()
    seen = NGram.from_bytes(lm._model.bytes(), tokens=["b", "x", "a", END, "c", "y"])
    assert (seen.size, seen.eos) == (6, 3)
    assert isinstance(seen, Predictor)
    tokens = Padded.full(torch.tensor([[2, 0, 1, 4]]))
    nats, state = seen.token_log_probs(tokens, seen.start(torch.arange(1)))
    wanted = lm.score_texts(["a b x c"], end=False).log10 * math.log(10)
    wanted[2] -= math.log(2)  # x and y share what is unknown
    np.testing.assert_allclose(nats[0], wanted, atol=1e-6)
    other = seen.token_log_probs(Padded.full(torch.tensor([[2, 0, 5, 4]])), seen.start(torch.arange(1)))[1]
    assert torch.equal(state[0], other[0])
    for wrong in (["a", "b"], [END, END], [END, BEGIN]):
        with pytest.raises(ConfigError, match="one of them </s>"):
            NGram.from_bytes(lm._model.bytes(), tokens=wrong)
    with pytest.raises(DataError, match="a token outside"):
        seen.advance(state, torch.tensor([6]))
    with pytest.raises(StreamError, match="begin with start"):
        seen.log_probs((torch.zeros(1, 5, dtype=torch.int64),))


def test_search_runs_on_it():
    lm = proper()
    (best,) = greedy(lm, max_length=8)
    words = " ".join(lm.vocabulary[token] for token in best.tokens if token != lm.eos)
    found = lm.score_texts([words], end=best.finished)
    assert -found.nats == pytest.approx(best.log_prob, abs=1e-5)
    (hypotheses,) = beam(lm, 4, max_length=8, n_best=3)
    for hypothesis in hypotheses:
        words = " ".join(lm.vocabulary[token] for token in hypothesis.tokens if token != lm.eos)
        assert -lm.score_texts([words], end=hypothesis.finished).nats == pytest.approx(hypothesis.log_prob, abs=1e-5)


def test_text_is_scored_without_torch(tmp_path):
    proper().save(tmp_path / "model")
    (tmp_path / "text").write_text("a b c\n")
    code = (
        "import sys; from ostinato.lm.ngram import NGram, build, read_arpa; from ostinato.lm import NGram as same\n"
        f"lm = NGram.load({str(tmp_path / 'model')!r})\n"
        f"assert len(lm.score_file({str(tmp_path / 'text')!r}).log10) == 4\n"
        "print('torch' in sys.modules, same is NGram)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_wikitext_is_scored_as_kenlm_scores_it(data, tmp_path):
    """Perplexities of `lmplz -o 3` and `query` of KenLM 0.3.0 on the text prepared like this."""
    for split in ("train", "test"):
        with lzma.open(data / "wikitext2" / f"wiki.{split}.tokens.xz", "rt") as file:
            lines = file.read().split("\n")
        lines = [line.strip().replace("<unk>", "<oov>") for line in lines if line.strip()]
        (tmp_path / split).write_text("\n".join(lines))
    lm = NGram.of(build(tmp_path / "train", 3).grams)
    found = lm.score_file(tmp_path / "test")
    assert math.exp(found.nats / len(found.log10)) == pytest.approx(230.886, abs=0.001)
    lm.save(tmp_path / "small", quantize=8)
    small = NGram.load(tmp_path / "small").score_file(tmp_path / "test")
    assert math.exp((small.nats - found.nats) / len(found.log10)) == pytest.approx(1, abs=1e-3)


def test_trained_of_sentences_it_is_what_build_gives(tmp_path, caplog):
    lines = ["the cat sat", "", "the  cat\tran", "a dog sat on\u00a0it"]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines))
    options = {"smoothing": "witten_bell", "prune": 0, "vocabulary": 6}
    of_file = NGram.of(build(path, 3, **options).grams)
    for sentences in (lines, iter(lines), [["the", "cat", "sat"], *lines[1:]]):
        lm = NGram.train(sentences, order=3, **options)
        assert lm.vocabulary == of_file.vocabulary
        assert lm.counts == of_file.counts
        for line in lines:
            assert lm.full_scores(line) == of_file.full_scores(line)
    assert not caplog.records
    assert NGram.train(["a b"], order=5).order == 4  # <s> a b </s>
    assert "no sentence is long enough for order 5" in caplog.text


def test_one_text_is_not_sentences():
    with pytest.raises(ConfigError, match="sentences is one text; give a list"):
        NGram.train("the cat sat", order=2)
    with pytest.raises(DataError, match="no sentence to count"):
        NGram.train(["", " "], order=2)
