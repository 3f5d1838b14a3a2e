"""Checkpoints: whole or refused, the right ones kept, and the newest that verifies found."""

import resource
import shutil
import subprocess

import pytest
import torch

from ostinato.errors import BundleError, ResourceError
from ostinato.training import checkpoint


def write(out, step, regular=True, best=None, size=100):
    training = {"regular": regular, "best_checkpoint": best, "run": {"step": step}}
    bundle = {"config.json": b"{}", "model.safetensors": b"weights"}
    return checkpoint.write(out, bundle, training, {"x": torch.arange(size)})


def names(out):
    return [int(folder.name.removeprefix("step-")) for folder in checkpoint.folders(out)]


def test_what_was_written_is_read(tmp_path):
    found = checkpoint.read(write(tmp_path, 7))
    assert found.step == 7
    assert found.bundle == {"config.json": b"{}", "model.safetensors": b"weights"}
    assert torch.equal(found.tensors["x"], torch.arange(100))


def test_the_last_two_and_the_best_are_kept(tmp_path):
    for step in range(10):
        write(tmp_path, step, best=checkpoint.name_of(min(step, 3)))
    assert names(tmp_path) == [9, 8, 3]


def test_one_that_stands_between_costs_no_regular_one(tmp_path):
    for step, regular in ((0, True), (10, True), (13, False), (17, False)):
        write(tmp_path, step, regular)
    assert names(tmp_path) == [17, 13, 10, 0]
    write(tmp_path, 20)
    assert names(tmp_path) == [20, 17, 13, 10]
    write(tmp_path, 30)
    assert names(tmp_path) == [30, 20]


def test_steps_sort_as_numbers(tmp_path):
    for step in (99_999_999, 100_000_000):
        write(tmp_path, step)
    assert checkpoint.newest(tmp_path, print).step == 100_000_000
    checkpoint.discard_after(tmp_path, 99_999_999)
    assert names(tmp_path) == [99_999_999]


def test_none_is_none(tmp_path):
    assert checkpoint.newest(tmp_path, print) is None


@pytest.mark.parametrize("file", ["model.safetensors", "training.json", "training.safetensors", "ostinato.json"])
@pytest.mark.parametrize("harm", ["missing", "short", "empty"])
def test_the_newest_that_verifies_is_found_and_the_others_are_named(tmp_path, file, harm):
    write(tmp_path, 1)
    path = write(tmp_path, 2) / file
    data = path.read_bytes()
    path.unlink()
    if harm != "missing":
        path.write_bytes(data[:-1] if harm == "short" else b"")
    said = []
    assert checkpoint.newest(tmp_path, said.append).step == 1
    assert len(said) == 1
    assert "skipped checkpoint step-00000002" in said[0]
    assert file in said[0]


def test_if_none_verifies_that_is_an_error(tmp_path):
    for step in (1, 2):
        (write(tmp_path, step) / "training.json").unlink()
    said = []
    with pytest.raises(BundleError, match="none of its 2 checkpoints can be read; start again with --fresh") as error:
        checkpoint.newest(tmp_path, said.append)
    assert error.value.exit_code == 5
    assert len(said) == 2


def test_a_bundle_is_no_checkpoint(tmp_path):
    from ostinato.bundle_folder import write_folder

    write_folder(tmp_path / "bundle", {"config.json": b"{}"})
    with pytest.raises(BundleError, match=r"it has no 'training\.json'"):
        checkpoint.read(tmp_path / "bundle")


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    folder = write(tmp_path, 1)
    monkeypatch.undo()
    with pytest.raises(BundleError, match="its format is 2 and this version continues 1"):
        checkpoint.read(folder)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)]
    if mount is None or subprocess.run(command, check=False).returncode:
        pytest.skip("a small file system can only be mounted as root")
    try:
        write(mounted, 1)
        with pytest.raises(ResourceError, match=r"room for 8,\d{3},\d{3} bytes \([12],\d{3},\d{3} are free"):
            write(mounted, 2, size=1_000_000)
        assert names(mounted) == [1]
        assert checkpoint.newest(mounted, print).step == 1
        assert not list((mounted / "checkpoints").glob(".*"))
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_file_that_may_not_grow_leaves_the_last_good_checkpoint(tmp_path):
    write(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(ResourceError, match="the disk is full"):
            write(tmp_path, 2, size=1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert checkpoint.newest(tmp_path, print).step == 1
    assert names(tmp_path) == [1]
