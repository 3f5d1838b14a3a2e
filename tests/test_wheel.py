"""The wheel: what it takes to build stays behind; it runs where there is no compiler and no repository."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCAN = """
import torch, ostinato
from ostinato.cells import LSTM
from ostinato.layers import Recurrent
from ostinato.padded import Padded
layer = Recurrent(LSTM(3, inputs=2))
assert layer(Padded.full(torch.ones(1, 4, 2)))[0].data.shape == (1, 4, 3)
print(ostinato.__file__)
"""
RECIPE = """
[task]
name = "language"
bptt_steps = 16
[data]
name = "text"
text = "text.txt"
[model]
name = "language"
embedding = 8
cell = { name = "lstm", hidden = 8 }
[train]
batch_size = 4
steps = 3
"""


def test_what_an_extra_needs_the_developers_have():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = {needed for extra in project["project"]["optional-dependencies"].values() for needed in extra}
    assert extras - set(project["dependency-groups"]["dev"]) == set()


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The interpreter of a fresh environment that has the wheel, and beside it only what the wheel depends on."""
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        pytest.skip("there is no C++ compiler to build a wheel with; install g++ or clang++ to run this test")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # In the build folder that an editable install left: what is compiled there is not compiled again.
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", str(ROOT), *options, "--wheel-dir", str(folder)], check=True, env=tools)
    (wheel,) = folder.glob("ostinato-*.whl")

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "fresh")], check=True)
    python = folder / "fresh" / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(str(Path(torch.__file__).parents[1]))
    subprocess.run([*pip, "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], check=True)
    return python


def run(folder: Path, *command: str | Path) -> str:
    """The output of a command that has nothing on its path and knows nothing of this repository."""
    bare = {"PATH": str(folder / "nothing"), "HOME": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=bare, cwd=folder, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_runs_without_a_compiler(python, tmp_path):
    assert Path(run(tmp_path, python, "-c", SCAN).strip()).is_relative_to(python.parents[1])
    assert run(tmp_path, python, "-m", "ostinato", "--version").startswith("ostinato ")
    assert "ostinato train char-rnn" in run(tmp_path, python, "-m", "ostinato", "recipes")


@pytest.mark.slow
def test_a_wheel_trains_and_writes(python, tmp_path):
    (tmp_path / "text.txt").write_text("to be or not to be, that is the question\n" * 50, "utf-8")
    (tmp_path / "tiny.toml").write_text(RECIPE, "utf-8")
    command = python.parent / "ostinato"
    run(tmp_path, command, "train", "tiny.toml", "--out", "run")
    assert run(tmp_path, command, "generate", "run", "--prompt", "to ", "--length", "20").startswith("to ")
    if "recipes" in run(tmp_path, command, "--help").split():
        assert "char-rnn" in run(tmp_path, command, "recipes")
