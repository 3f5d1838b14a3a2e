"""torch.compile and torch.export of what takes a Padded equal eager; torch itself is the judge."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch.utils import _pytree as pytree

import ostinato
from ostinato.padded import Padded

PROGRAM = Path(__file__).with_name("compiled.py")


def test_compiled_and_exported_it_equals_eager():
    above = str(Path(ostinato.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        env={**os.environ, "PYTHONPATH": above, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, _, _ in lines] == ["stack", "both_ways", "language"]
    for name, compiled, exported in lines:
        assert float(compiled) <= 1e-5, name
        assert float(exported) <= 1e-6, name


def test_padded_is_a_pytree_of_its_two_tensors():
    x = Padded(torch.randn(2, 3), torch.tensor([3, 1]))
    leaves, spec = pytree.tree_flatten({"x": (x, 1)})
    assert [leaf is part for leaf, part in zip(leaves, (x.data, x.lengths))] == [True, True]
    back = pytree.tree_unflatten(leaves, spec)["x"][0]
    assert isinstance(back, Padded)
    assert back.data is x.data
    doubled = pytree.tree_map(lambda leaf: leaf * 2, x)
    assert doubled.lengths.tolist() == [6, 2]
    paths = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(x)[0]]
    assert paths == [".data", ".lengths"]
    assert pytree.treespec_loads(pytree.treespec_dumps(pytree.tree_structure(x))) == pytree.tree_structure(x)
