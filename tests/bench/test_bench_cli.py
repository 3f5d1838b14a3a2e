"""`ostinato bench` as it is typed: a table, JSON, a page, and what is wrong in one sentence."""

import json
import subprocess
import sys

import pytest

from ostinato.bench import cores
from ostinato.cli.bench import bench
from ostinato.errors import ConfigError
from ostinato.training.progress import Silent


@pytest.fixture
def run(capsys, monkeypatch):
    """The verb itself, without its progress: its stdout and stderr."""
    monkeypatch.setattr("ostinato.training.progress.standard", Silent)

    def run(**options):
        bench(quick=True, **{"seconds": 0.001, **options})
        return capsys.readouterr()

    return run


def test_a_quick_run_as_it_is_typed():
    words = ["bench", "--quick", "--seconds", "0.001", "--only", "infer B=1"]
    command = [sys.executable, "-m", "ostinato", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "gru infer B=1 T=256 H=64 float32 threads=1" in done.stdout
    assert "≥ 8" in done.stdout
    assert "tagger infer" in done.stdout
    assert "slower" in done.stdout
    assert "measuring" in done.stderr


def test_one_json_object_and_a_page(run, tmp_path):
    said = run(only="rnn infer", as_json=True, out=tmp_path / "page.md")
    found = json.loads(said.out)
    assert found["machine"]["cores"] == cores()
    assert found["seed"] == 1
    (row,) = found["rows"]
    assert row["against"]["torch"]["ratio"] > 0
    assert row["target_ratio"] == 5
    page = (tmp_path / "page.md").read_text("utf-8")
    assert page.startswith("# Performance")
    assert found["command"] in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"only": "gruu"}, ["--only", "'gruu'", "did you mean 'gru'?"]),
        ({"only": "gru lstm"}, ["--only", "fewer words"]),
        ({"threads": "0"}, ["--threads", "'0'", f"from 1 to {cores()}"]),
        ({"threads": "1,x"}, ["--threads", "'1,x'"]),
        ({"threads": f"{cores() + 1}"}, ["--threads", f"from 1 to {cores()}"]),
        ({"threads": ""}, ["--threads"]),
        ({"seconds": 0.0}, ["--seconds", "above 0"]),
        ({"seconds": float("nan")}, ["--seconds"]),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(run, capsys, options, words):
    with pytest.raises(ConfigError) as refused:
        run(**options)
    assert capsys.readouterr().out == ""
    for word in words:
        assert word in str(refused.value)


def test_a_page_goes_into_a_file_of_a_folder_that_is_there(run, tmp_path):
    with pytest.raises(ConfigError, match=r"--out: .* is a folder"):
        run(out=tmp_path)
    with pytest.raises(ConfigError, match=r"--out: there is no folder .*nowhere"):
        run(out=tmp_path / "nowhere" / "page.md")


def test_interrupted_it_shows_what_it_has(run, monkeypatch, capsys):
    import ostinato.bench

    measure, rows = ostinato.bench.measure, iter([1])

    def interrupted(*arguments):
        if next(rows, None) is None:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(ostinato.bench, "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(only="infer")
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("gru infer")]) == 1
