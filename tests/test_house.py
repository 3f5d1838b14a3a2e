"""The house keeps its own rules: imports, forbidden calls, lengths of files, names, and what docstrings say."""

import ast
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import house_docs
import house_rules
import house_shapes
import pytest
from house_rules import PACKAGE, ROOT

import ostinato
from ostinato.cells import cells
from ostinato.layers import SequenceLayer, layers
from ostinato.layers.outputs import outputs
from ostinato.models import models

SOURCES = sorted(PACKAGE.rglob("*.py"))
C_SOURCES = sorted((ROOT / "csrc").rglob("*.[ch]pp"))
FILE_LINES, FUNCTION_LINES = 400, 60

FORBIDDEN = {
    "pickle": r"\bpickle\b|\bcloudpickle\b|\bdill\b|\bjoblib\b|\bmarshal\b|\bshelve\b",
    "torch.load": r"(?<!safetensors\.)\btorch\.(load|save)\b",
    "allow_pickle": r"allow_pickle\s*=\s*True",
    "eval or exec": r"(?<![\w.])(eval|exec)\(",
    "yaml.load": r"\byaml\.(unsafe_|full_)?load\b",
    "a shell": r"shell\s*=\s*True|os\.system|os\.popen",
}


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    above = os.pathsep.join([str(PACKAGE.parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": above, "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False, **options
    )


def test_imports_go_down():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    done = run(str(linter), "--no-cache")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "0 broken" in done.stdout


def code_of(path: Path) -> str:
    """The file without its comments and strings: what it says is not what it does."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for number in range(node.lineno - 1, node.end_lineno):
                first = node.col_offset if number == node.lineno - 1 else 0
                last = node.end_col_offset if number == node.end_lineno - 1 else None
                raw = lines[number].encode()
                width = len(raw) if last is None else last
                lines[number] = (raw[:first] + b" " * (width - first) + raw[width:]).decode(errors="replace")
    return "\n".join(line.partition("#")[0] for line in lines)


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
def test_nothing_unpickles_evaluates_or_opens_a_shell(path):
    code = code_of(path)
    for what, pattern in FORBIDDEN.items():
        match = re.search(pattern, code)
        assert match is None, f"{path.relative_to(ROOT)}: {what}: {match.group()}"


def test_the_search_for_what_is_forbidden_can_find_it(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import pickle  # fine in a comment: eval(\nx = 'torch.load'\ny = model.eval()\n")
    code = code_of(bad)
    assert [what for what, pattern in FORBIDDEN.items() if re.search(pattern, code)] == ["pickle"]
    bad.write_text("x = eval(y)\ntorch.load(y, weights_only=True)\nnumpy.load(f, allow_pickle=True)\n")
    assert len([what for what, pattern in FORBIDDEN.items() if re.search(pattern, code_of(bad))]) == 3


@pytest.mark.parametrize("path", [*SOURCES, *C_SOURCES], ids=ids([*SOURCES, *C_SOURCES]))
def test_files_can_be_read_at_one_sitting(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
def test_functions_can_be_seen_at_once(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=ids(SOURCES))
def test_shapes_are_checked(path):
    """Postponed annotations are strings, and nobody checks a string."""
    assert "from __future__ import annotations" not in path.read_text()


def test_files_are_named_for_what_is_in_them():
    vague = {"utils", "util", "helpers", "helper", "common", "core", "misc", "shared", "tools"}
    names = {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(PACKAGE).parts}
    names |= {path.name.partition(".")[0] for path in C_SOURCES}
    assert not names & vague


def test_no_file_knows_the_machine_it_was_written_on():
    tracked = run("git", "ls-files", "-z").stdout.split("\0")
    paths = [ROOT / name for name in tracked if name] or [*SOURCES, *C_SOURCES]
    absolute = re.compile(r"(?<![\w./-])/(home|root|work|Users|mnt|data|opt|workspace)/[\w.-]+")
    for path in paths:
        if path.is_file() and path.suffix in {".py", ".hpp", ".cpp", ".toml", ".md", ".txt", ".json", ".cmake"}:
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                match = absolute.search(line)
                assert match is None, f"{path.relative_to(ROOT)}:{number}: {match.group()}"


def modules() -> list[str]:
    names = [info.name for info in pkgutil.walk_packages(ostinato.__path__, "ostinato.")]
    return [name for name in names if not name.rpartition(".")[2].startswith("_")]


RULES = {**house_rules.RULES, **house_docs.RULES}


@pytest.mark.parametrize("rule", RULES)
def test_the_sources_keep_the_rules(rule):
    broken = sorted(set(RULES[rule]()))
    assert not broken, "\n".join(broken)


BAD = {
    "class": "class Padded: 'Another one.'",
    "circle": "import ostinato.bad.deep",
    "variable": "def f(x):\n    found = x",
    "error": "from ostinato.errors import DataError\ndef f():\n    'Raises.'\n    raise DataError('no')",
    "shape": "from ostinato.shapes import Mask\nclass A:\n    'A.'\n    def f(self, x: Mask | None):\n        'Masks.'",
    "unit": "def f(width: int):\n    'Wide.'",
}


@pytest.mark.parametrize("rule", BAD)
def test_the_rules_can_be_broken(rule, monkeypatch):
    texts = {"ostinato.bad": BAD[rule], "ostinato.bad.deep": "from ostinato.bad import x"}
    known = {name: house_rules.parsed(name, Path("bad.py"), text) for name, text in texts.items()}
    known |= {name: house_rules.modules()[name] for name in ("ostinato.errors", "ostinato.shapes", "ostinato.padded")}
    monkeypatch.setattr(house_rules, "modules", lambda: known)
    monkeypatch.setattr(house_docs, "modules", lambda: known)
    for cached in (house_docs.places, house_docs.array_aliases):
        monkeypatch.setattr(house_docs, cached.__name__, cache(cached.__wrapped__))
    lines = list(RULES[rule]())
    assert lines
    assert all("ostinato.bad" in line for line in lines)


@pytest.mark.parametrize("name", cells.names())
def test_cells_have_the_shapes_that_their_docstrings_state(name):
    house_shapes.check_cell(cells.build(cells.example(name), inputs=3))


@pytest.mark.parametrize("name", layers.names())
def test_layers_have_the_shapes_that_their_docstrings_state(name):
    house_shapes.check_layer(layers.build(layers.example(name), inputs=3))


@pytest.mark.parametrize("name", models.names())
def test_models_have_the_shapes_that_their_docstrings_state(name):
    model = models.build(models.example(name), inputs=3, outputs=4, size=7, eos=0)
    if not isinstance(model, SequenceLayer):
        pytest.skip(f"{name} is called in its own way")
    house_shapes.check_layer(model)


@pytest.mark.parametrize("name", outputs.names())
def test_output_layers_have_the_shapes_that_their_docstrings_state(name):
    house_shapes.check_output(outputs.build(outputs.example(name), inputs=8, size=7))


@pytest.mark.parametrize("name", ["ostinato", *modules()])
def test_what_is_public_is_told(name):
    """Every module has a docstring; every name in `__all__` exists and, if it is ours, has one of its own."""
    if name == "ostinato.testing.strategies" and importlib.util.find_spec("hypothesis") is None:
        pytest.skip("hypothesis is not installed")
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        ours = getattr(thing, "__module__", "").startswith("ostinato")
        if ours and (inspect.isclass(thing) or inspect.isfunction(thing)):
            assert thing.__doc__, f"{name}.{public} does not say what it is"


@pytest.mark.parametrize("name", ["ostinato", "ostinato.cli", "ostinato.registry", "ostinato.text", "ostinato.data"])
def test_importing_is_cheap_and_silent(name):
    if name == "ostinato.cli" and not (PACKAGE / "cli").exists():
        pytest.skip("there is no command line")
    code = f"import sys, {name}; print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    done = run(sys.executable, "-W", "error::UserWarning", "-c", code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
    assert done.stderr == ""


def test_help_does_not_make_anyone_wait():
    """The best of five: 300 ms of an idle machine's work, half as much again of one that others use."""
    program = "import sys; sys.argv[0] = 'ostinato'; from ostinato.cli import main; main()"
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run(sys.executable, "-c", program, "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        assert done.returncode == 0, done.stderr
        assert "train" in done.stdout
    assert min(seconds) < 0.45, f"the best of {seconds} seconds"
