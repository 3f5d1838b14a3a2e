"""Building n-grams: what may come in, what is refused and how, memory that makes no difference, and KenLM's numbers."""

import gzip
import lzma
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from textbook import BEGIN, END, UNKNOWN, Backoff

from ostinato import _core
from ostinato.errors import ConfigError, DataError, ResourceError
from ostinato.lm.ngram.build import build, memory_bytes
from ostinato.lm.ngram.smoothing import smoothings

LINES = "the cat sat\n\n  a dog\tsat \r\nthe dog\n"
SENTENCES = [["the", "cat", "sat"], ["a", "dog", "sat"], ["the", "dog"]]


def same(a, b):
    return (
        a.order == b.order
        and a.vocabulary == b.vocabulary
        and all(np.array_equal(x, y) for n in range(1, a.order + 1) for x, y in zip(a.read(n), b.read(n), strict=True))
    )


def test_text_comes_from_files_of_three_kinds_or_as_sentences(tmp_path):
    (tmp_path / "plain.txt").write_text(LINES)
    (tmp_path / "text.gz").write_bytes(gzip.compress(LINES.encode()))
    (tmp_path / "text.xz").write_bytes(lzma.compress(LINES.encode()))
    wanted = build(SENTENCES, 3)
    for name in ("plain.txt", "text.gz", "text.xz"):
        found = build(tmp_path / name, 3)
        assert same(found.grams, wanted.grams)
        assert (found.sentences, found.tokens, found.blank_lines) == (3, 11, 1)
    (tmp_path / "end.txt").write_text("the cat sat\na dog sat")  # without a last line end
    (tmp_path / "more.txt").write_text("the dog\n")
    assert same(build([tmp_path / "end.txt", str(tmp_path / "more.txt")], 3).grams, wanted.grams)
    words = ["the", "cat", "sat", "a", "dog"]
    numbers = [np.array([words.index(w) for w in s]) for s in SENTENCES]
    assert same(build(numbers, 3, vocabulary=words).grams, wanted.grams)


def test_words_may_be_cut_anywhere_between_two_reads():
    text = "ein süßes Wörtchen\nund   noch eins\n".encode()
    wanted = None
    for size in range(1, 9):
        corpus = _core.NGramCorpus(tempfile.gettempdir(), False, 0)
        for at in range(0, len(text), size):
            corpus.read(text[at : at + size])
        corpus.end_of_file()
        found = (corpus.vocabulary, corpus.tokens, corpus.sentences)
        assert wanted in (None, found)
        wanted = found
    assert wanted[0] == [UNKNOWN, BEGIN, END, "ein", "süßes", "Wörtchen", "und", "noch", "eins"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "there is no sentence to count"),
        (b" \n\n\t\n", "there is no sentence to count"),
        (b"a\nb <s> c\n", "line 2: '<s>' stands there as a word"),
        (b"a\nb\n</s>", "line 3: '</s>' stands there as a word"),
        (b"a <unk>\n", r"line 1: '<unk>' stands there as a word.*\(\"unknown\"\)"),
        (b"a\nb\xff\n", "line 2: a word is not UTF-8"),
        (b"a\n\xed\xa0\x80\n", "line 2: a word is not UTF-8"),
        (b"a\n\nb\0c\n", "line 3: a word holds a zero byte"),
    ],
)
def test_a_text_that_is_wrong_is_named_with_its_line(tmp_path, text, said):
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    with pytest.raises(DataError, match=said) as caught:
        build(path, 2)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_and_missing_files(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        build(tmp_path / "none.txt", 2)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LINES.encode() * 999)[:-9])
    with pytest.raises(DataError, match="cannot be decompressed"):
        build(tmp_path / "cut.gz", 2)
    with pytest.raises(DataError, match="temporary file cannot be made"):
        build(SENTENCES, 2, folder=tmp_path / "none")


@pytest.mark.parametrize(
    ("sentences", "options", "error", "said"),
    [
        ([["a", ""]], {}, DataError, "sentence 0, word '': a word is empty"),
        ([["a"], ["b", END]], {}, DataError, "sentence 1: '</s>' stands in a sentence"),
        ([np.array([0, 1])], {}, ConfigError, "there is no vocabulary to look them up in"),
        ([np.array([0, 2])], {"vocabulary": ["a", "b"]}, DataError, "a number outside 0 … 1"),
        ([np.array([[0]])], {"vocabulary": ["a", "b"]}, DataError, "a row of integers"),
        (SENTENCES, {"order": 0}, ConfigError, "order: 0 is not from 1 to 24"),
        (SENTENCES, {"order": 25}, ConfigError, "order: 25"),
        (SENTENCES, {"prune": [0, 2, 1]}, ConfigError, "do not decrease"),
        (SENTENCES, {"prune": [1, 1]}, ConfigError, "limit the vocabulary instead"),
        (SENTENCES, {"prune": [0] * 9}, ConfigError, "9 thresholds"),
        (SENTENCES, {"entropy": -1.0}, ConfigError, "is not a threshold"),
        (SENTENCES, {"vocabulary": 0}, ConfigError, "neither a number of words"),
        (SENTENCES, {"memory": "2 gallons"}, ConfigError, "not an amount of memory"),
        (SENTENCES, {"memory": 1000}, ConfigError, "at least 1M"),
        (SENTENCES, {"smoothing": "kneser"}, ConfigError, "no smoothing 'kneser'"),
        (SENTENCES, {"smoothing": {"name": "katz", "k": 6}}, ConfigError, "smoothing.k"),
        (SENTENCES, {"smoothing": {"name": "absolute", "discount": 0.0}}, ConfigError, "leaves no probability"),
        (SENTENCES, {"smoothing": {"name": "stupid_backoff", "alpha": 1.5}}, ConfigError, "give 1 or less"),
        (SENTENCES, {"smoothing": {"name": "jelinek_mercer", "buckets": 33}}, ConfigError, "give 1 to 32"),
        (SENTENCES, {"smoothing": {"name": "additive", "gamma": 0.0}}, ConfigError, "smoothing.gamma"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(sentences, options, error, said):
    with pytest.raises(error, match=said):
        build(sentences, **{"order": 2, **options})


def test_amounts_of_memory():
    assert memory_bytes("2G") == memory_bytes("2gb") == 2 << 30
    assert memory_bytes("1.5M") == memory_bytes(3 << 19) == 3 << 19
    assert memory_bytes("50%") == memory_bytes(None)


def test_an_order_above_every_sentence_gives_the_highest_there_is():
    found = build(SENTENCES, 9)
    assert found.grams.order == 5
    assert found.notes[0] == "no sentence is long enough for order 9; the model's order is 5"
    assert same(found.grams, build(SENTENCES, 5).grams)


@pytest.mark.parametrize("order", [1, 2, 24])
@pytest.mark.parametrize("name", smoothings.names())
def test_one_word_once(name, order):
    grams = build([["a"]], order, smoothing=smoothings.example(name)).grams
    assert grams.vocabulary == [UNKNOWN, BEGIN, END, "a"]
    assert grams.order == min(order, 3)


def test_reserved_words_in_a_text(tmp_path):
    (tmp_path / "a.txt").write_text("<s> the cat </s>\n<unk>\n<unk> cat\n")
    found = build(tmp_path / "a.txt", 2, reserved="skip")
    assert (found.skipped_words, found.sentences, found.blank_lines) == (4, 2, 1)
    assert same(found.grams, build([["the", "cat"], ["cat"]], 2).grams)
    (tmp_path / "b.txt").write_text("the cat\n<unk> cat\n")
    found = build(tmp_path / "b.txt", 2, reserved="unknown")
    assert found.unknown_words == 1
    assert same(found.grams, build([["the", "cat"], [UNKNOWN, "cat"]], 2).grams)


def test_a_vocabulary_limits_what_is_known():
    found = build([*SENTENCES, ["cat"]], 2, vocabulary=3)  # the, cat, sat, dog twice, and dog came last
    assert found.grams.vocabulary == [UNKNOWN, BEGIN, END, "the", "cat", "sat"]
    assert found.unknown_words == 3
    renamed = [[w if w in ("the", "cat", "sat") else UNKNOWN for w in s] for s in [*SENTENCES, ["cat"]]]
    assert same(found.grams, build(renamed, 2, vocabulary=["the", "cat", "sat"]).grams)
    given = build(SENTENCES, 2, vocabulary=["dog", "bird"])
    assert given.grams.vocabulary == [UNKNOWN, BEGIN, END, "dog", "bird"]
    model = Backoff(given.grams)
    assert abs(sum(10 ** model.log_prob(w, ("dog",)) for w in (UNKNOWN, END, "dog", "bird")) - 1) < 1e-6


def long_text(path, lines=12_000):
    dice = random.Random(9)
    with path.open("w") as file:
        for _ in range(lines):
            file.write(" ".join(f"w{int(3000 * dice.random() ** 4)}" for _ in range(dice.randrange(1, 20))) + "\n")


@pytest.mark.parametrize("name", ["modified_kneser_ney", "katz", "additive", "jelinek_mercer"])
def test_memory_makes_no_difference(tmp_path, name):
    long_text(tmp_path / "long.txt")
    table = {"name": name}
    little = build(tmp_path / "long.txt", 4, smoothing=table, memory="1M", prune=[0, 0, 1])
    much = build(tmp_path / "long.txt", 4, smoothing=table, prune=[0, 0, 1])
    assert same(little.grams, much.grams)
    pruned = [build(tmp_path / "long.txt", 3, memory=m, entropy=1e-6) for m in ("1M", None)]
    assert same(pruned[0].grams, pruned[1].grams)


def test_an_end_in_the_middle_leaves_nothing_behind(tmp_path):
    long_text(tmp_path / "long.txt")
    (tmp_path / "work").mkdir()

    class StopError(Exception):
        pass

    def stop(what, done, total):
        if what == "estimate":
            raise StopError

    with pytest.raises(StopError):
        build(tmp_path / "long.txt", 4, memory="1M", folder=tmp_path / "work", progress=stop)
    assert list((tmp_path / "work").iterdir()) == []


def test_ctrl_c_ends_a_build_at_once(tmp_path):
    long_text(tmp_path / "long.txt", 60_000)
    (tmp_path / "work").mkdir()
    code = (
        "from ostinato.lm.ngram.build import build; print('now', flush=True)\n"
        f"while True: build({str(tmp_path / 'long.txt')!r}, 8, memory='1M', folder={str(tmp_path / 'work')!r})"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as child:
        child.stdout.readline()
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, said = child.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert "KeyboardInterrupt" in said
    assert list((tmp_path / "work").iterdir()) == []


def test_a_full_disk_is_said(tmp_path):
    resource = pytest.importorskip("resource")
    long_text(tmp_path / "long.txt")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(ResourceError, match="temporary file cannot be written"):
            build(tmp_path / "long.txt", 4, memory="1M", folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


# Made by lmplz of KenLM (github.com/kpu/kenlm, the sources of its Python package 0.3.0) from WikiText-2's training
# text, blank lines dropped, lines stripped, <unk> renamed <oov>: how many n-grams of each order there are.
LMPLZ = [
    ((), 3, [33280, 619591, 1398959]),
    ((0, 0, 1, 2), 4, [33280, 619591, 201431, 34265]),
]


@pytest.fixture(scope="module")
def wikitext(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wikitext")
    for split in ("train", "valid", "test"):
        with lzma.open(data / "wikitext2" / f"wiki.{split}.tokens.xz", "rt", encoding="utf-8") as file:
            lines = (line.strip().replace("<unk>", "<oov>") for line in file)
            (folder / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("prune", "order", "counts"), LMPLZ)
def test_wikitext_has_as_many_n_grams_as_by_kenlm(wikitext, prune, order, counts):
    grams = build(wikitext / "train.txt", order, prune=prune or 0).grams
    assert [grams.count(n) for n in range(1, order + 1)] == counts


def test_wikitext_costs_what_it_costs_kenlm(wikitext):
    """Order 3, validation and test, </s> counted."""
    grams = build(wikitext / "train.txt", 3).grams
    number = {word: i for i, word in enumerate(grams.vocabulary)}
    needed, texts = {}, {}
    for split in ("valid", "test"):
        rows = []
        for line in (wikitext / f"{split}.txt").read_text(encoding="utf-8").splitlines():
            rows += [1, *(number.get(word, 0) for word in line.split()), 2]
        texts[split] = np.array(rows, np.uint64)
    keyed = {n: table(grams, n) for n in (1, 2, 3)}
    for split, row in texts.items():
        needed[split] = log_probs(row, keyed)
    found = {split: 10 ** -float(np.mean(logs)) for split, logs in needed.items()}
    assert found["valid"] == pytest.approx(247.656, abs=5e-4)
    assert found["test"] == pytest.approx(230.886, abs=5e-4)


def table(grams, n):
    """Keys in order, and their values."""
    words, log_probs, backoffs = grams.read(n)
    keys = pack(words.astype(np.uint64))
    order = np.argsort(keys)
    return keys[order], log_probs[order], (backoffs[order] if len(backoffs) else None)


def pack(words):
    return np.bitwise_or.reduce([words[..., i] << np.uint64(17 * i) for i in range(words.shape[-1])])


def look(keyed, words):
    keys, log_probs, backoffs = keyed[words.shape[-1]]
    wanted = pack(words)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    there = keys[at] == wanted
    return there, log_probs[at], np.where(there, backoffs[at], 0) if backoffs is not None else None


def log_probs(row, keyed):
    """log10 p of each word after its two before, or the one before where that is <s>."""
    places = np.flatnonzero(row != 1)
    places = places[places > 0]
    one, two = row[places][:, None], np.stack([row[places - 1], row[places]], -1)
    found = look(keyed, one)[1].astype(float)
    there, seen, _ = look(keyed, two)
    found = np.where(there, seen, found + look(keyed, two[:, :1])[2])
    far = row[places - 1] != 1
    three = np.stack([row[places[far] - 2], *two[far].T], -1)
    there, seen, _ = look(keyed, three)
    found[far] = np.where(there, seen, found[far] + look(keyed, three[:, :2])[2])
    return found
