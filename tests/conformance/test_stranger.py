"""A stranger's cell: one file and an entry point. It has a name, a recipe may ask for it, and the laws judge it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ostinato
from ostinato.testing.cells import LAWS

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
WRONG = MGU.replace("n = torch.tanh(x_n", "n = torch.tanh(h.mean(0) + x_n").replace('"mgu"', '"leaky"')

SUITE = """
    import pytest

    from ostinato.cells import cells
    from ostinato.testing.cells import LAWS


    @pytest.mark.parametrize("name", ["mgu", "leaky"])
    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    def test_law(law, name):
        law(cells.build(cells.example(name), inputs=3))
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
def run(tmp_path):
    """Two cells where an installed package would stand, one of them wrong; a function that runs Python beside them."""
    metadata = tmp_path / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ostinato.cells]\nmgu = stranger_mgu\nleaky = stranger_leaky\n")
    for name, source in {
        "stranger_mgu.py": MGU,
        "stranger_leaky.py": WRONG,
        "test_strangers.py": SUITE,
        "use_recipe.py": RECIPE,
        "pytest.ini": "[pytest]\n",
    }.items():
        (tmp_path / name).write_text(textwrap.dedent(source))

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        above = str(Path(ostinato.__file__).parents[1])
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), above])},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def test_it_has_a_name_and_a_recipe_may_ask_for_it(run):
    done = run("use_recipe.py")
    assert done.returncode == 0, done.stderr
    names, resolved, hidden, *problems = done.stdout.splitlines()
    assert {"lstm", "mgu", "leaky"} <= set(names.split(","))
    assert resolved == "{'name': 'mgu', 'hidden': 8}"
    assert hidden == "8"
    assert problems == ["here: model.cell.hiden: mgu has no such option; did you mean 'hidden'?"]


@pytest.mark.parametrize(
    "chosen",
    ["not size_does_not_depend_on_time", pytest.param("test_law", marks=pytest.mark.slow)],  # 65,536 steps in Python
    ids=["quickly", "all"],
)
def test_the_right_one_passes_the_laws_and_the_one_whose_rows_interact_does_not(run, chosen):
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "-k", chosen, "test_strangers.py")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    failed = {line.split("[")[1].split("]")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert not [test for test in failed if "mgu" in test], done.stdout[-3000:]
    assert "rows_do_not_interact-leaky" in failed
    assert "starts_from_a_state-leaky" not in failed
    passed = int(done.stdout.split(" passed")[0].split()[-1])
    assert passed + len(failed) == 2 * (len(LAWS) - (chosen != "test_law"))
