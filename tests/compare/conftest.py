"""Nothing here cuts the power, and waiting for the disk would be most of the time that these tests take."""

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _quick_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def tiny(tmp_path):
    """Writes the small comparison, with text in it replaced and more of it at the end."""
    from functools import partial

    from small_comparison import written

    return partial(written, tmp_path)
