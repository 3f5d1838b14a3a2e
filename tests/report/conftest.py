"""Runs small enough to be trained in a second, made once."""

import os
import shutil
from pathlib import Path

import pytest
from small_runs import trained


@pytest.fixture(autouse=True, scope="session")
def _quick_disk():
    """Nothing here cuts the power, and waiting for the disk would be most of the time that these tests take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder of runs: two by characters, one by bytes, one of a synthetic problem."""
    return trained(tmp_path_factory.mktemp("made"))


@pytest.fixture
def copied(made, tmp_path):
    """A copy of one of them under another name, to be changed."""

    def copy(name: str, to: str = "copy") -> Path:
        return Path(shutil.copytree(made / name, tmp_path / to))

    return copy
