"""`ostinato report` as it is typed."""

import json
import subprocess
import sys

import pytest
from parsed import Page
from small_runs import best, drawn, reported, rows

from ostinato.bundle import Bundle
from ostinato.cli.report import report
from ostinato.errors import ConfigError, DataError
from ostinato.training import Silent


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """Calls the verb in an empty folder, without drawing; what it said on stdout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ostinato.training.progress.standard", Silent)
    monkeypatch.setattr("ostinato.report.charts.svg", lambda series, **_: "<svg></svg>")

    def call(*runs, **options):
        report(list(runs), **options)
        return capsys.readouterr().out

    return call


def test_as_it_is_typed(copied):
    run = copied("recall")
    command = [sys.executable, "-m", "ostinato", "report", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, f"{run / 'report.html'}\n"), done.stderr
    assert done.stderr.startswith("read the runs")
    written = (run / "report.html").read_text("utf-8")
    assert Page(written).section("curves").all("path")
    Bundle.load(run)


def test_the_page_of_several_is_written_here_or_where_it_is_said(called, made, tmp_path):
    assert called(made / "lstm", made / "gru") == "report.html\n"
    assert Page((tmp_path / "report.html").read_text("utf-8")).root.all("h1")[0].text == "Report: lstm and gru"
    other = tmp_path / "new" / "page.html"
    assert called(made / "lstm", out=other) == f"{other}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["new", "page.html", "report.html"]


def test_the_facts_as_one_object(called, made):
    found = json.loads(called(made / "lstm", made / "gru", as_json=True))
    assert found["page"] == "report.html"
    for name in ("lstm", "gru"):
        run = found["runs"][name]
        assert {score["name"]: score for score in run["best"]["scores"]} == best(made / name)
        assert run["recipe"] == Bundle.load(made / name).recipe
        assert run["unfinished_lines"] == 0
        (row,) = rows(made / name, "baselines")
        assert run["baselines"] == row["scores"]
        assert isinstance(run["sample"], str)
    assert found["differences"]["model.cell.name"] == {"lstm": "lstm", "gru": "gru"}


def test_where_something_is_wrong_no_page_is_written(called, made, copied, tmp_path):
    run = copied("lstm")
    (run / "metrics.jsonl").write_text("{}\n{}\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl: line 1: "):
        called(made / "gru", run, out=tmp_path / "page.html")
    with pytest.raises(ConfigError, match="it is a folder; name a file in it"):
        called(made / "gru", out=tmp_path)
    assert not (tmp_path / "page.html").exists()


def test_without_matplotlib_it_is_said_what_to_install(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install \"ostinato\[plots\]\""):
        drawn(made / "gru")


def test_the_same_runs_give_the_same_page(made):
    assert reported(made / "lstm", made / "gru") == reported(made / "lstm", made / "gru")
