"""The wheel: what it takes to build stays behind; it runs where there is no compiler."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCAN = """
import torch, ostinato
from ostinato.cells import LSTM
from ostinato.layers import Recurrent
from ostinato.padded import Padded
layer = Recurrent(LSTM(3, inputs=2))
assert layer(Padded.full(torch.ones(1, 4, 2)))[0].data.shape == (1, 4, 3)
print(ostinato.__file__)
"""


def test_a_wheel_runs_without_a_compiler(tmp_path):
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        pytest.skip("there is no C++ compiler to build a wheel with; install g++ or clang++ to run this test")
    root, pip = Path(__file__).parents[1], [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # In the build folder that an editable install left: what is compiled there is not compiled again.
    options = ["--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", str(root), *options, "--wheel-dir", str(tmp_path)], check=True, env=tools)
    (wheel,) = tmp_path.glob("ostinato-*.whl")

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh")], check=True)
    python = str(tmp_path / "fresh" / "bin" / "python")
    where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True)

    bare = {"PATH": str(tmp_path / "nothing")}
    found = subprocess.run([python, "-c", SCAN], check=True, capture_output=True, text=True, env=bare, cwd=tmp_path)
    assert Path(found.stdout.strip()).is_relative_to(site)
    said = subprocess.run([python, "-m", "ostinato", "--version"], check=True, capture_output=True, env=bare)
    assert said.stdout.startswith(b"ostinato ")
    listed = subprocess.run([python, "-m", "ostinato", "recipes"], check=True, capture_output=True, env=bare)
    assert b"ostinato train char-rnn" in listed.stdout
