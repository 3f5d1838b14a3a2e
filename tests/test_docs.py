"""The documents: their Python runs, their commands parse, their links lead somewhere, there is one version."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import ostinato
from ostinato.cli.app import PLANNED, app
from ostinato.recipe import load
from ostinato.recipe_catalog import recipe_path
from ostinato.training import Settings, Silent, fit

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(path for path in ROOT.glob("docs/**/*.md") if path.parent.name != "api")]
SMALL = ("task.bptt_steps=8", "model.cell.hidden=8", "model.embedding=4", "train.steps=3", "train.batch_size=4")


SHORTER = {'"train.seconds": 60': '"train.steps": 2'}
"""What a reader may wait for and a test may not."""


def fences(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def commands() -> list[str]:
    """Every line of a page that calls ours."""
    lines = [line for page in PAGES for block in fences(page, "") for line in block.splitlines()]
    return sorted({line.split("#")[0].strip() for line in lines if re.match(r"(\.venv/bin/)?ostinato ", line)})


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    """A folder in which runs/demo is there, if hardly trained, and a novel."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "novel.txt").write_text("The cat sat on the mat. The import statement is not a mat. " * 40)
    fit(load("char-rnn", SMALL, Settings), folder / "runs" / "demo", Silent())
    return folder


@pytest.mark.parametrize("page", [page for page in PAGES if fences(page, "python")], ids=lambda page: page.stem)
def test_the_python_in_it_runs(page, demo):
    """Each block has a namespace of its own; one process runs a page's, for importing torch takes seconds."""
    runs = "import json, sys\nfor code in json.load(sys.stdin):\n    exec(code, {'__name__': '__main__'})"
    blocks = fences(page, "python")
    for long, short in SHORTER.items():
        blocks = [block.replace(long, short) for block in blocks]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", runs], input=json.dumps(blocks), cwd=demo,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_there_are_commands_to_check():
    assert len(commands()) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_recipes_it_trains_and_compares_are_shipped(page):
    """In tables and sentences too; a name in capitals is the reader's own."""
    for verb, name in re.findall(r"ostinato (train|compare) ([a-z][^\s`]*)", page.read_text("utf-8")):
        assert recipe_path(name, verb).is_file(), f"ostinato {verb} {name}"


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line):
    import typer.main

    group = typer.main.get_command(app)
    verb, *arguments = shlex.split(line)[1:]
    command = group.commands[verb]
    assert verb not in PLANNED
    with command.make_context(verb, arguments) as context:
        assert context.command is command


def test_the_targets_in_the_pages_are_in_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", page.read_text("utf-8"), re.M))
        assert {name for pair in named for name in pair if name} <= targets, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py."""
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "docs" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_options_is_current(build):
    assert (ROOT / "docs" / "options.md").read_text("utf-8") == build.options_page(), "run make docs"


def test_the_api_reference_has_every_public_name(build):
    pages = build.api_pages()
    packages = [name.removesuffix(".md") for name in pages if name != "index.md"]
    assert {"ostinato", "ostinato.cells", "ostinato.decode", "ostinato.metrics", "ostinato.training"} <= set(packages)
    for package in packages:
        for name in importlib.import_module(package).__all__:
            assert f"\n## {name}\n" in pages[f"{package}.md"]
    assert "Raises BundleError" in pages["ostinato.md"]


def test_there_is_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ostinato.__version__


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make; install it to run this test")
def test_the_makefile_s_targets_are_whole():
    for target in ("setup", "demo", "test", "test-all", "check", "sanitize", "bench", "docs", "quality", "wheel"):
        done = subprocess.run(["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
