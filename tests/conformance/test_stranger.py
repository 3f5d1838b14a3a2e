"""A stranger's cell: one file and an entry point. It has a name, a recipe may ask for it, and the laws judge it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ostinato

MGU = '''
    """Minimal gated unit (Zhou et al., 2016): a GRU whose one gate both forgets and updates."""
    import torch
    from torch import nn

    from ostinato.cells.base import Cell, register
    from ostinato.registry import Hidden
    from ostinato.shapes import GatesAt, OutputAt
    from ostinato.state import State


    @register("mgu", example={"hidden": 5})
    class MGU(Cell):
        """f = σ(x_f + R_f h);  n = tanh(x_n + R_n (f ∘ h));  h' = (1 − f) ∘ h + f ∘ n."""

        gates = 2

        def __init__(self, hidden: Hidden, *, inputs: int):
            super().__init__(hidden, inputs=inputs)
            self.forget = nn.Linear(hidden, hidden, bias=False)
            self.candidate = nn.Linear(hidden, hidden, bias=False)

        def step(self, gates: GatesAt, state: State) -> tuple[OutputAt, State]:
            (h,) = state
            x_f, x_n = gates.chunk(2, dim=-1)
            f = torch.sigmoid(x_f + self.forget(h))
            n = torch.tanh(x_n + self.candidate(f * h))
            h = torch.lerp(h, n, f)
            return h, (h,)
'''
WRONG = MGU.replace("n = torch.tanh(x_n", "n = torch.tanh(h.mean(0) + x_n")

SUITE = """
    import pytest

    from ostinato.cells import cells
    from ostinato.testing.cells import LAWS


    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    def test_law(law):
        law(cells.build(cells.example("mgu"), inputs=3))
"""

RECIPE = """
    from ostinato import recipe
    from ostinato.cells import cells


    def settings(steps: int = 1) -> dict:
        return {"steps": steps}


    table = {
        "task": {"name": "language"},
        "data": {"name": "text", "text": "x.txt"},
        "model": {"name": "language", "cell": {"name": "mgu", "hidden": 8}, "layers": 2},
        "train": {},
    }
    if __name__ == "__main__":
        print(",".join(cells.names()))
        print(recipe.check(table, settings, "here").table["model"]["cell"])
        print(recipe.check(table, settings, "here").model.build(size=7, eos=0).body.layers[1].cell.hidden)
        table["model"]["cell"]["hiden"] = 8
        try:
            recipe.check(table, settings, "here")
        except recipe.ConfigError as error:
            print(error)
"""


@pytest.fixture
def installed(tmp_path):
    """Put a cell where an installed package would stand; gives a function that runs Python beside it."""

    def install(source: str):
        metadata = tmp_path / "stranger-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[ostinato.cells]\nmgu = stranger_mgu\n")
        (tmp_path / "stranger_mgu.py").write_text(textwrap.dedent(source))
        (tmp_path / "test_stranger_mgu.py").write_text(textwrap.dedent(SUITE))
        (tmp_path / "use_recipe.py").write_text(textwrap.dedent(RECIPE))
        (tmp_path / "pytest.ini").write_text("[pytest]\n")

        def run(*command: str) -> subprocess.CompletedProcess[str]:
            above = str(Path(ostinato.__file__).parents[1])
            paths = os.pathsep.join([str(tmp_path), above])
            return subprocess.run(
                [sys.executable, *command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths},
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip

        return run

    return install


def test_it_has_a_name_and_a_recipe_may_ask_for_it(installed):
    done = installed(MGU)("use_recipe.py")
    assert done.returncode == 0, done.stderr
    names, resolved, hidden, *problems = done.stdout.splitlines()
    assert {"lstm", "mgu"} <= set(names.split(","))
    assert resolved == "{'name': 'mgu', 'hidden': 8}"
    assert hidden == "8"
    assert problems == ["here: model.cell.hiden: mgu has no such option; did you mean 'hidden'?"]


@pytest.mark.parametrize(
    "chosen",
    ["not size_does_not_depend_on_time", pytest.param("test_law", marks=pytest.mark.slow)],  # 65,536 steps in Python
    ids=["quickly", "all"],
)
def test_it_passes_the_laws(installed, chosen):
    done = installed(MGU)("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, "test_stranger_mgu.py")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_a_cell_whose_rows_interact_does_not(installed):
    rows = "rows_do_not_interact or empty_inputs_work or starts_from_a_state"
    done = installed(WRONG)("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", rows, "test_stranger_mgu.py")
    assert done.returncode == 1, done.stdout[-3000:]
    assert "FAILED test_stranger_mgu.py::test_law[rows_do_not_interact]" in done.stdout
    assert "starts_from_a_state" not in done.stdout.partition("short test summary")[2]
