"""`ostinato compare` as it is typed: tables, JSON, a figure, a page."""

import json
import subprocess
import sys

import pytest
from small_comparison import written

from ostinato.cli.compare import compare
from ostinato.errors import ConfigError
from ostinato.training import Silent

CHANGES = ["train.steps=1", "compare.seeds=[3]"]


def test_as_it_is_typed(tmp_path):
    command = [sys.executable, "-m", "ostinato", "compare", "tiny.toml"]
    command += ["--plot", "curves.svg", "--page", "page.md"]
    written(tmp_path)
    for change in CHANGES:
        command += ["--set", change]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, budget, _, header, *rows = done.stdout.splitlines()
    assert first == "tiny.toml: accuracy on test, higher is better"
    assert budget == "equal for all: what the recipe says; seeds 3"
    assert header.split()[:2] == ["contestant", "mean"]
    assert [row.split()[0] for row in rows] == ["gru", "bag", "one"]
    assert "run 2 of 2: bag, seed 3" in done.stderr
    assert (tmp_path / "runs" / "compare" / "tiny" / "bag" / "seed-3" / "model.safetensors").is_file()
    assert (tmp_path / "curves.svg").read_text("utf-8").startswith("<?xml")
    page = (tmp_path / "page.md").read_text("utf-8")
    typed = "ostinato compare tiny.toml --set train.steps=1 --set 'compare.seeds=[3]' --plot curves.svg --page page.md"
    assert f"```\n{typed}\n```" in page
    assert "](curves.svg)" in page
    assert "| threads | " in page


def test_one_json_object(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ostinato.training.progress.standard", Silent)
    compare(str(written(tmp_path)), changes=CHANGES, out=tmp_path / "out", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [row["contestant"] for row in found["rows"]] == ["gru", "bag"]
    assert found["rows"][0]["runs"][0]["seed"] == 3


@pytest.mark.parametrize("option", ["plot", "page"])
def test_where_nothing_can_be_written_nothing_is_trained(tmp_path, option):
    for path, words in ((tmp_path, "is a folder; name a file"), (tmp_path / "no" / "x.svg", "there is no folder")):
        with pytest.raises(ConfigError, match=f"--{option}: .*{words}"):
            compare(str(written(tmp_path)), out=tmp_path / "out", **{option: path})
    assert not (tmp_path / "out").exists()
