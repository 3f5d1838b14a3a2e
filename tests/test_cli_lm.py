"""ostinato lm: models built, scored, converted, pruned, mixed and asked for text, as a person does it."""

import gzip
import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import pytest
from test_cli import run  # noqa: F401 - a fixture

TRAIN = """the cat sat on the mat
the dog sat on the cat
a dog and a cat ran
the mat ran on
"""
HELD = "the dog ran on the mat\na bird sat on the cat\n"


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str

    def fine(self):
        assert self.code == 0, self.err
        return self

    def refused(self, code, *words):
        assert self.code == code, self.out + self.err
        assert "Traceback" not in self.err
        last = self.err.strip().splitlines()[-1]
        for word in words:
            assert word in last

    @property
    def json(self):
        return json.loads(self.fine().out)


@pytest.fixture
def lm(tmp_path, run):  # noqa: F811
    """`ostinato lm …` in a folder with texts."""
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "held.txt").write_text(HELD)

    def command(*arguments, verb="lm"):
        left = run(verb, *arguments, cwd=tmp_path)
        return Ran(left.code, left.out, left.err)

    return command


def test_a_unigram_scores_as_counted_by_hand(lm, tmp_path):
    """Laplace's, so that everything can be counted here; `bird` is unknown and has no count."""
    laplace = '{ name = "additive", gamma = 1.0 }'
    lm("build", "train.txt", "--order", 1, "--smoothing", laplace, "-o", "one.ngram").fine()
    found = lm("score", "one.ngram", "held.txt", "--json").json
    seen = Counter(word for line in TRAIN.splitlines() for word in [*line.split(), "</s>"])
    kinds, total = len(seen) + 1, seen.total()
    held = [word for line in HELD.splitlines() for word in [*line.split(), "</s>"]]
    nats = {word: -math.log((seen[word] + 1) / (total + kinds)) for word in held}
    assert found["tokens"] == len(held) == 14
    assert found["oovs"] == 1
    known = [word for word in held if word != "bird"]
    assert math.isclose(found["perplexity"], math.exp(sum(nats[w] for w in held) / len(held)), rel_tol=1e-6)
    assert math.isclose(
        found["perplexity_excluding_oovs"], math.exp(sum(nats[w] for w in known) / len(known)), rel_tol=1e-6
    )
    # The characters of the held-out text, all but those of <unk>'s word, are what its tokens say.
    assert math.isclose(found["nats_per_character"], sum(nats[w] for w in held) / len(HELD), rel_tol=1e-6)
    assert found["interval"][0] <= found["perplexity"] <= found["interval"][1]
    assert found["signature"]["oov"] == "<unk> predicted 1 times"
    assert found["signature_excluding_oovs"]["oov"] == "<unk> left out 1 times"
    words = [json.loads(line) for line in lm("score", "one.ngram", "held.txt", "--per", "word").out.splitlines()]
    assert [each["word"] for each in words] == held
    assert all(math.isclose(each["nats"], nats[each["word"]], rel_tol=1e-5) for each in words)
    rows = [json.loads(line) for line in lm("score", "one.ngram", "held.txt", "--per", "sentence").out.splitlines()]
    assert [(each["tokens"], each["oovs"]) for each in rows] == [(7, 0), (7, 1)]
    assert math.isclose(sum(each["nats"] for each in rows), sum(nats[w] for w in held), rel_tol=1e-6)
    assert "perplexity excluding oovs" in lm("score", "one.ngram", "held.txt").fine().out


@pytest.mark.parametrize("unit", ["word", "character", "byte"])
def test_converted_there_and_back_a_model_scores_the_same(lm, tmp_path, unit):
    built = lm("build", "train.txt", "--order", 3, "--unit", unit, "-o", "m.ngram").fine()
    assert "discounts" in built.err  # a corpus this small has none in closed form, and that is said
    first = lm("score", "m.ngram", "held.txt", "--json").json
    lm("convert", "m.ngram", "-o", "m.arpa.gz").fine()
    lm("convert", "m.arpa.gz", "-o", "back.ngram").fine()
    lm("convert", "m.ngram", "--quantize", "-o", "less.ngram").fine()
    for name, tolerance in (("m.arpa.gz", 1e-6), ("back.ngram", 1e-6), ("less.ngram", 1e-2)):
        found = lm("score", name, "held.txt", "--json").json
        assert math.isclose(found["perplexity"], first["perplexity"], rel_tol=tolerance)
    assert first["tokens"] == {"word": 14, "character": len(HELD), "byte": len(HELD)}[unit]


def test_a_model_of_tokens_is_nothing_without_its_tokenizer(lm, tmp_path):
    lm("build", "train.txt", "--unit", "character", "-o", "c.ngram").fine()
    beside = tmp_path / "c.ngram.tokenizer.json"
    kept = beside.read_text()
    beside.unlink()
    lm("score", "c.ngram", "held.txt").refused(5, "c.ngram.tokenizer.json", "put it back")
    lm("build", "held.txt", "--unit", "character", "-o", "other.ngram").fine()
    beside.write_text((tmp_path / "other.ngram.tokenizer.json").read_text())
    lm("score", "c.ngram", "held.txt").refused(5, "not the tokenizer")
    beside.write_text(kept)
    lm("build", "train.txt", "-o", "c.ngram").fine()
    assert not beside.exists()  # or the model of words would be read as one of characters


def test_pruned_models_are_smaller_and_still_models(lm):
    lm("build", "train.txt", "--order", 3, "-o", "m.ngram").fine()
    said = lm("prune", "m.ngram", "--entropy", "1e-2", "-o", "p.arpa").fine().err.splitlines()[-1]
    left, whole = said.removeprefix("p.arpa: ").split(" n-grams of ")
    assert [int(x) for x in left.split(",")] < [int(x) for x in whole.split(",")]
    assert lm("score", "p.arpa", "held.txt", "--json").json["perplexity"] < 100
    lm("prune", "m.ngram", "--entropy", "0", "-o", "q.ngram").refused(2, "--entropy")


def test_a_mixture_is_tuned_saved_and_loaded(lm, tmp_path):
    (tmp_path / "parts").mkdir()
    words = ["--vocabulary", "train.txt"]
    lm("build", "train.txt", "--order", 2, *words, "-o", "parts/a.ngram").fine()
    lm("build", "held.txt", "--order", 2, *words, "-o", "parts/b.ngram").fine()
    found = lm("mix", "parts/a.ngram", "parts/b.ngram", "--tune", "held.txt", "-o", "m.json", "--json").json
    weights = [each["weight"] for each in found["models"]]
    assert math.isclose(sum(weights), 1)
    assert weights[1] > 0.9  # it has learnt the very text
    assert found["perplexity"] <= min(each["perplexity"] for each in found["models"]) + 1e-6
    assert math.isclose(lm("score", "m.json", "held.txt", "--json").json["perplexity"], found["perplexity"])
    nats = [
        [json.loads(line)["nats"] for line in lm("score", name, "held.txt", "--per", "word").fine().out.splitlines()]
        for name in ("parts/a.ngram", "parts/b.ngram", "m.json")
    ]
    for a, b, both in zip(*nats):
        assert math.isclose(math.exp(-both), weights[0] * math.exp(-a) + weights[1] * math.exp(-b), rel_tol=1e-6)
    lm("mix", "m.json", "parts/b.ngram", "--weights", "1,3", "-o", "parts/again.json").fine()
    assert json.loads((tmp_path / "parts/again.json").read_text())["models"][0]["path"] == "../m.json"
    lm("score", "parts/again.json", "held.txt").fine()
    lm("mix", "parts/a.ngram", "parts/b.ngram", "--weights", "0.5,0.5", "--kind", "log-linear", "-o", "l.json").fine()
    logs = lm("score", "l.json", "held.txt", "--json").json
    assert logs["perplexity"] < lm("score", "parts/a.ngram", "held.txt", "--json").json["perplexity"]
    lm("build", "held.txt", "--order", 3, *words, "-o", "parts/a.ngram").fine()
    lm("score", "m.json", "held.txt").refused(5, "a.ngram", "sha256")


def test_a_cache_helps_where_things_are_said_again(lm, tmp_path):
    (tmp_path / "again.txt").write_text("".join(letter * 40 for letter in "abcdefgh"))
    lm("build", "again.txt", "--order", 1, "--unit", "character", "-o", "c.ngram").fine()
    found = lm("mix", "c.ngram", "--cache", 12, "--tune", "again.txt", "-o", "m.json", "--json").json
    assert found["models"][1]["perplexity"] is None  # alone it holds most things impossible
    assert found["perplexity"] < found["models"][0]["perplexity"]
    assert math.isclose(lm("score", "m.json", "again.txt", "--json").json["perplexity"], found["perplexity"])
    lm("build", "train.txt", "-o", "w.ngram").fine()
    lm("mix", "w.ngram", "--cache", 5, "--tune", "held.txt", "-o", "n.json").refused(2, "cache", "each begins anew")


def test_what_it_writes_depends_on_the_seed_alone(lm):
    lm("build", "train.txt", "-o", "w.ngram").fine()
    lm("build", "train.txt", "--unit", "character", "--order", 5, "-o", "c.ngram").fine()
    for model in ("w.ngram", "c.ngram"):
        first = lm("generate", model, "--prompt", "the ", "--length", 30, "--seed", 3).fine().out
        assert first == lm("generate", model, "--prompt", "the ", "--length", 30, "--seed", 3).out
        assert first != lm("generate", model, "--prompt", "the ", "--length", 30, "--seed", 4).out
        assert first.startswith("the ")
    assert "bird" in lm("generate", "w.ngram", "--prompt", "bird").fine().err
    lm("generate", "w.ngram", "--top-p", "2").refused(2, "--top-p")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--order", "0"], 2, ["order: 0"]),
        (["--smoothing", "knesser_ney"], 2, ["did you mean 'kneser_ney'"]),
        (["--smoothing", "{ name = 3"], 2, ["--smoothing", "is not a table"]),
        (["--prune", "0,1,x"], 2, ["--prune"]),
        (["--prune", "0,2,1"], 2, ["prune"]),
        (["--memory", "12Q"], 2, ["memory"]),
        (["--memory", "12"], 2, ["memory", "too little"]),
        (["--unit", "syllable"], 2, ["--unit", "tokenizer.json"]),
        (["--unit", "character", "--vocabulary", "5"], 2, ["--vocabulary"]),
        (["--unit", "byte", "--reserved", "skip"], 2, ["--reserved"]),
        (["--vocabulary", "nosuch"], 3, ["nosuch"]),
        (["--vocabulary", "0"], 2, ["vocabulary"]),
        (["--reserved", "maybe"], 2, ["reserved"]),
        (["--quantize", "-o", "x.arpa"], 2, ["--quantize"]),
        (["-o", "x.gz"], 2, [".arpa.gz"]),
    ],
)
def test_wrong_calls_are_answered_in_words(lm, options, code, words):
    lm("build", "train.txt", "-o", "x.ngram", *options).refused(code, *words)


def test_bad_input_is_answered_in_words(lm, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "blank.txt").write_text(" \n\n")
    (tmp_path / "marked.txt").write_text("a <unk> b\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait\n")
    (tmp_path / "bad.json").write_text('{"mixture": "linear", "models": []}')
    (tmp_path / "odd.json").write_text('{"mixture": "linear", "models": [{"path": "w.ngram", "weight": 1}]}')
    (tmp_path / "bad.arpa").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.5\ta\n\n\\end\\\n")
    lm("build", "empty.txt", "-o", "x.ngram").refused(3, "empty.txt", "no sentence")
    lm("build", "blank.txt", "-o", "x.ngram").refused(3, "blank.txt", "no sentence")
    lm("build", "empty.txt", "--unit", "character", "-o", "x.ngram").refused(3, "empty.txt", "empty")
    lm("build", "latin.txt", "--unit", "character", "-o", "x.ngram").refused(3, "latin.txt", "byte 3")
    lm("build", "marked.txt", "-o", "x.ngram").refused(3, "marked.txt", "<unk>")
    lm("build", "marked.txt", "--reserved", "unknown", "-o", "x.ngram").fine()
    said = lm("build", "train.txt", "--order", 20, "-o", "w.ngram").fine().err
    assert "order is 8" in said  # <s>, six words and </s>
    lm("score", "w.ngram", "blank.txt").refused(3, "blank.txt", "no word")
    lm("score", "nosuch", "held.txt").refused(3, "nosuch")
    lm("score", "bad.json", "held.txt").refused(5, "bad.json", "not a mixture")
    lm("score", "odd.json", "held.txt").refused(5, "odd.json")
    lm("score", "bad.arpa", "held.txt").refused(3, "bad.arpa", "line")
    lm("convert", "odd.json", "-o", "x.arpa").refused(5, "odd.json")
    lm("convert", "w.ngram", "-o", "x.arpa", "--memory", "1G").refused(2, "--memory")
    lm("score", "w.ngram", "held.txt", "--json", "--per", "word").refused(2, "--json")
    lm("mix", "w.ngram", "-o", "m.json").refused(2, "--tune")
    lm("mix", "w.ngram", "--weights", "1,2", "-o", "m.json").refused(2, "weights")
    lm("mix", "w.ngram", "--tune", "held.txt", "--kind", "log-linear", "-o", "m.json").refused(2, "--tune")
    lm("build", "held.txt", "-o", "h.ngram").fine()
    lm("mix", "w.ngram", "h.ngram", "--tune", "held.txt", "-o", "m.json").refused(2, "not of the same tokens")


def test_scores_that_are_no_distribution_have_no_perplexity(lm):
    for name in ("stupid_backoff", "maximum_likelihood"):
        lm("build", "train.txt", "--smoothing", name, "-o", "s.ngram").fine()
        lm("score", "s.ngram", "held.txt").refused(3, name, "no perplexity")
        assert len(lm("score", "s.ngram", "held.txt", "--per", "word").fine().out.splitlines()) == 14
        rows = lm("score", "s.ngram", "held.txt", "--per", "sentence").fine().out.splitlines()
        assert [set(json.loads(row)) for row in rows] == [{"sentence", "nats", "tokens", "oovs"}] * 2
        lm("build", "train.txt", "--smoothing", name, "-o", "s.arpa").refused(2, "s.arpa", "no distribution")
        lm("convert", "s.ngram", "-o", "s.arpa").refused(2, "s.arpa", "no distribution")
        lm("mix", "s.ngram", "--weights", "1", "-o", "m.json").refused(2, "s.ngram", "no distribution")


def test_nothing_that_is_read_is_written_over(lm, tmp_path):
    lm("build", "train.txt", "-o", "a.ngram").fine()
    lm("build", "train.txt", "--order", 2, "-o", "b.ngram").fine()
    lm("mix", "a.ngram", "b.ngram", "--weights", "1,1", "-o", "m.json").fine()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for command in (
        ("build", "train.txt", "-o", "train.txt"),
        ("build", "train.txt", "--vocabulary", "held.txt", "-o", "held.txt"),
        ("convert", "a.ngram", "-o", tmp_path / "a.ngram"),
        ("prune", "a.ngram", "--entropy", "1e-3", "-o", "a.ngram"),
        ("mix", "a.ngram", "b.ngram", "--weights", "1,1", "-o", "b.ngram"),
        ("mix", "m.json", "a.ngram", "--weights", "1,1", "-o", "m.json"),
        ("mix", "m.json", "a.ngram", "--weights", "1,1", "-o", "b.ngram"),
    ):
        lm(*command).refused(2, "is one of the inputs")
    (tmp_path / "folder").mkdir()
    lm("build", "train.txt", "-o", "folder").refused(2, "folder")
    (tmp_path / "folder").rmdir()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_tokenizer_of_somebody_elses_stays_where_it_is(lm, tmp_path):
    mine = tmp_path / "keep.tokenizer.json"
    mine.write_text("{}")
    lm("build", "train.txt", "-o", "keep").refused(2, "keep.tokenizer.json")
    lm("build", "train.txt", "--unit", "character", "-o", "keep").refused(2, "keep.tokenizer.json")
    assert mine.read_text() == "{}"
    lm("build", "train.txt", "-o", "w.ngram").fine()
    alone = lm("score", "w.ngram", "held.txt").fine().out
    lm("build", "train.txt", "--unit", "character", "-o", "c.ngram").fine()
    (tmp_path / "c.ngram.tokenizer.json").rename(tmp_path / "w.ngram.tokenizer.json")
    assert lm("score", "w.ngram", "held.txt").fine().out == alone


def test_a_damaged_model_is_refused_wherever_it_was_hit(lm, tmp_path):
    lm("build", "train.txt", "-o", "w.ngram").fine()
    raw = bytearray((tmp_path / "w.ngram").read_bytes())
    raw[-100] ^= 16
    (tmp_path / "w.ngram").write_bytes(raw)
    lm("score", "w.ngram", "held.txt").refused(5, "w.ngram", "damaged")


def test_a_text_is_utf_8_and_a_byte_order_mark_is_no_part_of_a_word(lm, tmp_path):
    lm("build", "train.txt", "-o", "w.ngram").fine()
    (tmp_path / "latin.txt").write_bytes(b"the cat\nle caf\xe9\n")
    lm("score", "w.ngram", "latin.txt").refused(3, "latin.txt", "line 2", "UTF-8")
    lm("w.ngram", "--text", "latin.txt", verb="evaluate").refused(3, "latin.txt", "UTF-8")
    plain = lm("score", "w.ngram", "held.txt").fine().out
    for name, text in (("train.txt", TRAIN), ("held.txt", HELD)):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    lm("build", "train.txt", "-o", "w.ngram").fine()
    assert lm("score", "w.ngram", "held.txt").fine().out == plain


def test_a_model_without_weight_says_nothing(lm):
    lm("build", "train.txt", "--order", 2, "--smoothing", "witten_bell", "-o", "a.ngram").fine()
    lm("build", "train.txt", "--order", 1, "-o", "b.ngram").fine()
    lm("mix", "a.ngram", "b.ngram", "--weights", "1,0", "-o", "m.json").fine()
    alone, both = lm("score", "a.ngram", "held.txt", "--json"), lm("score", "m.json", "held.txt", "--json")
    assert alone.json == both.json
    assert "Warning" not in both.err


def test_options_without_an_effect_are_refused(lm):
    lm("build", "train.txt", "-o", "w.ngram").fine()
    lm("w.ngram", "--text", "held.txt", "--split", "test", verb="evaluate").refused(2, "--split")
    lm("w.ngram", "w.ngram", "--text", "held.txt", verb="evaluate").refused(2, "w.ngram", "twice")


def test_a_vocabulary_may_be_compressed(lm, tmp_path):
    (tmp_path / "words.txt").write_text("the cat sat")
    (tmp_path / "words.txt.gz").write_bytes(gzip.compress(b"the cat sat"))
    for name in ("words.txt", "words.txt.gz"):
        lm("build", "train.txt", "--vocabulary", name, "-o", f"{name}.ngram").fine()
    assert (tmp_path / "words.txt.ngram").read_bytes() == (tmp_path / "words.txt.gz.ngram").read_bytes()


def test_a_word_model_stands_beside_one_of_characters_where_the_text_says_the_same(lm, tmp_path):
    """One text, two cuts: per character comparable, per token not; with an unknown word, or white space that words do
    not say, refused."""
    (tmp_path / "known.txt").write_text("the dog sat on the mat\nthe cat ran\n")
    lm("build", "train.txt", "-o", "w.ngram").fine()
    lm("build", "train.txt", "--unit", "character", "--order", 4, "-o", "c.ngram").fine()
    found = lm("w.ngram", "c.ngram", "--text", "known.txt", "--json", verb="evaluate")
    assert "perplexity: left out" in found.err
    per = {name: scores["nats_per_character"]["value"] for name, scores in found.json.items()}
    for name in per:
        words = lm("score", name, "known.txt", "--per", "word").out.splitlines()
        nats = sum(json.loads(line)["nats"] for line in words)
        assert math.isclose(per[name], nats / len("the dog sat on the mat\nthe cat ran\n"), rel_tol=1e-5)
    lm("w.ngram", "c.ngram", "--text", "held.txt", verb="evaluate").refused(3, "oov")
    (tmp_path / "spaced.txt").write_text(" the dog  sat\n\nthe cat ran \n")
    lm("w.ngram", "c.ngram", "--text", "spaced.txt", verb="evaluate").refused(3, "corpus")
    lm("w.ngram", verb="evaluate").refused(2, "--text", "no data of its own")


@pytest.mark.parametrize("verb", ["build", "score"])
def test_counting_and_scoring_wait_for_no_torch(tmp_path, lm, verb):
    lm("build", "train.txt", "-o", "w.ngram").fine()
    code = (
        "import sys; from ostinato.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as leaving: assert leaving.code == 0\n"
        "print([name for name in ('torch', 'matplotlib') if name in sys.modules])"
    )
    calls = {
        "build": (["build", "train.txt", "-o", "x.ngram"], ["build", "train.txt", "--unit", "byte", "-o", "c.ngram"]),
        "score": (["score", "w.ngram", "held.txt"], ["score", "w.ngram", "held.txt", "--per", "word"]),
    }
    for call in calls[verb]:
        done = subprocess.run(
            [sys.executable, "-c", code, "lm", *call], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"
