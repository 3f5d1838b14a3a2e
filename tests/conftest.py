"""For every test: shapes are checked, chance is seeded, one thread computes."""

import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Before anything imports the package: every annotated shape and type of it is checked while the tests run.
# OSTINATO_SHAPES=0 turns that off (say, to time something).
if os.environ.get("OSTINATO_SHAPES", "1") != "0":
    sys.path.insert(0, str(Path(__file__).parent))
    install_import_hook("ostinato", "checked.check")

import torch

settings.register_profile(
    "ostinato", deadline=None, max_examples=25, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
settings.register_profile("night", parent=settings.get_profile("ostinato"), max_examples=2000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ostinato"))


def pytest_collection_modifyitems(items):
    """The slow ones first: workers that have nothing left to do would otherwise wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _same_chance_every_time():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of public data sets; tests that need it skip where OSTINATO_DATA does not name one."""
    folder = os.environ.get("OSTINATO_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("OSTINATO_DATA names no folder of data sets; set it to run this test")
    return Path(folder)
