"""The tiny task is there while these tests run, and gone for the laws that walk the registries."""

import os

import pytest
import tiny_task


@pytest.fixture(autouse=True)
def _tiny():
    tiny_task.register()
    yield
    tiny_task.unregister()


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch):
    # Nothing here cuts the power, and waiting for the disk would be most of the time that these tests take.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
