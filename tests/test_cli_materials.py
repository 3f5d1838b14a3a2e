"""The verbs that work on materials: tokenize and data."""

import gzip
import json
import lzma
import os
import re
from pathlib import Path

import pytest
import tokenizers as library
from test_cli import run  # noqa: F401 - a fixture

from ostinato.data.catalog import catalog

ROOT = Path(__file__).parents[1]
RECIPES = (ROOT / "recipes", ROOT / "src" / "ostinato" / "recipes")

NO_MIRROR = {"OSTINATO_DATA": ""}
TEXT = "the cat sat on the mat\nthe dog sat on the cat\n" * 20


@pytest.fixture
def said(run, tmp_path):  # noqa: F811
    """What a command prints, or, where it must fail, its last sentence."""

    def said(*arguments, stdin="", code=0, **environment):
        left = run(*arguments, stdin=stdin.encode(), XDG_CACHE_HOME=str(tmp_path), **environment)
        if code == 0:
            return left.fine().out
        left.refused(code)
        return left.err.splitlines()[-1]

    return said


@pytest.fixture
def made(tmp_path, said):
    (tmp_path / "text").write_text(TEXT)
    said("tokenize", "train", tmp_path / "text", "--kind", "bpe", "--size", 300, "-o", tmp_path / "t.json")
    return tmp_path / "t.json"


class TestTokenize:
    def test_what_was_trained_encodes_and_decodes(self, said, made):
        ids = said("tokenize", "encode", made, stdin="the cat\nsat\n")
        theirs = library.Tokenizer.from_file(str(made))
        assert [[int(i) for i in line.split()] for line in ids.splitlines()] == [
            theirs.encode("the cat").ids,
            theirs.encode("sat").ids,
        ]
        assert said("tokenize", "decode", made, stdin=ids) == "the cat\nsat\n"
        assert said("tokenize", "encode", made, "--pieces", stdin="the cat\n") == "the  cat\n"
        found = json.loads(said("tokenize", "encode", made, "--json", stdin="the cat\n"))
        assert found["pieces"] == ["the", " cat"]
        assert [b for _, b in found["spans"]] == [3, 7]

    def test_options_are_the_kinds_own(self, said, tmp_path, made):
        out = tmp_path / "w.json"
        said("tokenize", "train", tmp_path / "text", "--kind", "word", "--set", "lowercase=true", "-o", out)
        assert json.loads(out.read_text())["normalizer"]["normalizers"] == [{"type": "Lowercase"}]

    def test_a_table_of_kinds(self, said, tmp_path, made):
        table = said("tokenize", "table", tmp_path / "text", "--size", 300)
        assert [line.split()[0] for line in table.splitlines()[1:]] == [
            "bpe", "byte", "character", "unigram", "word", "wordpiece",
        ]  # fmt: skip
        found = json.loads(said("tokenize", "table", tmp_path / "text", made, "--json"))
        assert found[str(made)]["words"] == 240
        assert found[str(made)]["unknown_rate"] == 0

    @pytest.mark.parametrize(
        ("arguments", "stdin", "code", "sentence"),
        [
            (("train", "nowhere"), "", 3, "there is no such file"),
            (("train", "TEXT", "--kind", "bpa"), "", 2, "did you mean 'bpe'"),
            (("train", "TEXT", "--kind", "byte", "--size", 9), "", 2, "byte has no size"),
            (("train", "TEXT", "--size", 100), "", 2, "too few for 256 bytes"),
            (("train", "TEXT", "--set", "lowercse=true"), "", 2, "did you mean 'lowercase'"),
            (("encode", "nowhere"), "", 3, "name a tokenizer.json"),
            (("encode", "TEXT"), "", 3, "it is not JSON"),
            (("encode", "MADE", "nowhere"), "", 3, "name a text file"),
            (("decode", "MADE"), "1 2 x\n", 3, "-:1: '1 2 x' is not a list of ids"),
            (("decode", "MADE"), "99999\n", 3, "-:1: there is no id 99999"),
            (("decode", "MADE"), "9" * 23 + "\n", 3, f"-:1: there is no id {'9' * 23}"),
            (("train", "TEXT", "--set", "name=word"), "", 2, "--set name: use --kind"),
            (("train", "TEXT", "--size", 300, "--set", "size=280"), "", 2, "--size, --set size: both set"),
            (("train", "TEXT", "--size", 0), "", 2, "--size"),
            (("table", "TEXT", "--size", 0), "", 2, "--size"),
            (("table", "TEXT", "MADE", "--size", 7), "", 2, "--size: saved tokenizers have their sizes"),
            (("encode", "MADE", "--json", "--pieces"), "", 2, "leave --pieces out"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_sentence(self, said, tmp_path, made, arguments, stdin, code, sentence):
        places = {"TEXT": tmp_path / "text", "MADE": made, "nowhere": tmp_path / "nowhere"}
        assert sentence in said("tokenize", *(places.get(a, a) for a in arguments), stdin=stdin, code=code)

    def test_no_text_is_written_over(self, said, tmp_path):
        text = tmp_path / "x.txt"
        text.write_text(TEXT)
        (tmp_path / "link").symlink_to(text)
        for out in (text, tmp_path / "link"):
            left = said("tokenize", "train", text, "--size", 300, "-o", out, code=2)
            assert "is one of the texts and would be overwritten; name another file" in left
            assert text.read_text() == TEXT

    @pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (lzma.compress, "xz")])
    def test_packed_texts_are_encoded(self, said, tmp_path, made, pack, ending):
        packed, plain = tmp_path / f"x.txt.{ending}", said("tokenize", "encode", made, tmp_path / "text")
        packed.write_bytes(pack(TEXT.encode()))
        assert said("tokenize", "encode", made, packed) == plain
        packed.write_bytes(packed.read_bytes()[:-9])
        assert f"x.txt.{ending}: it cannot be decompressed" in said("tokenize", "encode", made, packed, code=3)

    def test_what_cannot_be_learnt_from_is_said(self, said, tmp_path):
        text = tmp_path / "x.txt"
        text.write_bytes(b"one\ntw\xf6\n")
        left = said("tokenize", "train", text, "-o", tmp_path / "w.json", code=3)
        assert "byte 6 is not UTF-8 (invalid start byte, in line 2); convert the file to UTF-8 (iconv does)" in left
        for raw, kinds in ((b"", ("bpe", "character", "word")), (b" \n\t\n", ("bpe", "word"))):
            text.write_bytes(raw)
            for kind in kinds:
                left = said("tokenize", "train", text, "--kind", kind, "-o", tmp_path / "w.json", code=3)
                assert "the training text has no" in left
                assert not (tmp_path / "w.json").exists()
        said("tokenize", "train", text, "--kind", "byte", "-o", tmp_path / "w.json")


class TestData:
    def test_the_list_says_where_each_is(self, said):
        found = json.loads(said("data", "list", "--json", **NO_MIRROR))
        assert len(found) == 23
        assert found["wnut17"]["licence"] == "CC BY 4.0"
        assert found["wnut17"]["folder"] is None
        assert "mirror only" in said("data", "list", **NO_MIRROR)

    def test_the_list_says_what_each_holds_and_what_trains_on_it(self, said):
        blocks = {block.partition(":")[0]: block for block in said("data", "list", **NO_MIRROR).split("\n\n")}
        assert len(blocks) == 23
        assert "13,084 utterances" in blocks["snips"]
        assert "a row: words, tags, intent" in blocks["snips"]
        assert "for classification and tagging" in blocks["snips"]
        assert "no recipe trains on it yet" in blocks["snips"]
        assert "ostinato train tiny-shakespeare" in blocks["tinyshakespeare"]
        assert "8,640 ETTh1 and 8,640 ETTh2" in blocks["etth"]

    def test_the_recipes_of_a_set_are_those_that_read_it(self):
        """A recipe that reads a set of the catalog stands there, and one that stands there reads it."""
        texts = {path.stem: path.read_text("utf-8") for folder in RECIPES for path in folder.glob("*.toml")}
        assert texts
        for each in catalog:
            reads = {name for name, text in texts.items() if f"mirror:{each.name}/" in text or f'"{each.name}"' in text}
            assert set(each.recipes) == reads

    def test_the_page_which_recipe_names_recipes(self):
        page = (ROOT / "docs" / "which-recipe.md").read_text("utf-8")
        names = set(re.findall(r"ostinato train ([\w-]+)", page))
        assert len(names) >= 2
        assert names <= {path.stem for folder in RECIPES for path in folder.glob("*.toml")}

    def test_a_set_that_is_not_here(self, said):
        assert "mirror only" in said("data", "get", "wnut17", code=3, **NO_MIRROR)
        assert "did you mean 'wnut17'" in said("data", "get", "wnut71", code=2)
        assert "no data set is on this machine" in said("data", "check", code=3, **NO_MIRROR)

    @pytest.mark.skipif("OSTINATO_DATA" not in os.environ, reason="OSTINATO_DATA is not set")
    def test_a_check_prints_the_sources_counts(self, said):
        assert "3,394 posts, 62,730 words, 1,975 entities" in said("data", "check", "wnut17")
        found = json.loads(said("data", "check", "wnut17", "--json"))
        assert found["wnut17"]["test"]["found"] == found["wnut17"]["test"]["source"]
        assert said("data", "get", "wnut17").strip().endswith("wnut17")


class TestShow:
    @pytest.fixture
    def table(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("a,b\n1,x\nz,é\n3,q\n")
        return f"path={path}"

    def test_rows_are_printed(self, said, table):
        options = ("--set", table, "--set", "columns.a=integer", "--set", "bad_rows=skip", "--set", "valid=0.0")
        found = [json.loads(line) for line in said("data", "show", "csv", *options).splitlines()]
        assert [row["fields"] for row in found] == [{"a": 1}, {"a": 3}]
        assert found[1]["key"].endswith("t.csv:4")
        assert len(said("data", "show", "csv", *options, "--rows", 1).splitlines()) == 1
        (drawn,) = said("data", "show", "synthetic", "--set", "problem.name=parity", "--rows", 1).splitlines()
        assert set(json.loads(drawn)) == {"inputs", "targets", "scored", "key"}

    def test_what_is_wrong_is_said_in_a_sentence(self, said, table):
        wrong = ("data", "show", "csv", "--set", table, "--set", "valid=0.0")
        assert "t.csv: line 3, column 'a': 'z' is not an integer" in said(*wrong, "--set", "columns.a=integer", code=3)
        assert "--split: csv has no split 'valid' here; choose from train" in said(*wrong, "--split", "valid", code=2)
        assert "did you mean 'csv'" in said("data", "show", "cvs", code=2)
        assert "source.path: csv needs it" in said("data", "show", "csv", code=2)
        assert "--set name: the source is an argument" in said(*wrong, "--set", "name=lines", code=2)
        assert "is one text, not rows" in said("data", "show", "text", "--set", "text=builtin:pydoc", code=2)

    def test_rows_that_were_left_out_are_counted_with_shares_too(self, run, tmp_path):  # noqa: F811
        path = tmp_path / "a.csv"
        path.write_text("a\n" + "".join(f"{number}\n" for number in range(40)) + "x\ny\n")
        options = ("--set", f"path={path}", "--set", "columns.a=integer", "--set", "bad_rows=skip")
        err = run("data", "show", "csv", *options).fine().err
        assert [line.endswith(" rows, 2 left out") for line in err.splitlines()[-2:]] == [True, False]

    def test_what_is_no_json_is_not_printed(self, said, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet")
        import pyarrow

        parquet.write_table(pyarrow.table({"a": [1.0, float("nan")]}), tmp_path / "p.parquet")
        options = ("--set", f"path={tmp_path / 'p.parquet'}", "--set", "valid=0.0")
        left = said("data", "show", "parquet", *options, code=3)
        assert "p.parquet: row 1, column 'a': nan is not finite; write a finite number, or null" in left
