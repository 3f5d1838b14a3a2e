"""fit: what ends a run, what is written on the way, and what is done about numbers that are not numbers."""

import csv
import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import sys
import types

import pytest
import tiny_task
import torch
from tiny_task import TinyTask, Windows, tiny_recipe

import ostinato
from ostinato.errors import BundleError, ConfigError, DataError, DivergedError, ResourceError
from ostinato.training import Silent, checkpoint, fit


def rows(out, kind="train"):
    return [row for row in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if row["kind"] == kind]


def digest(out):
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def test_a_run_leaves_a_bundle_a_curve_and_checkpoints(tmp_path):
    fitted = fit(tiny_recipe(), tmp_path / "out", Silent())
    out = tmp_path / "out"
    assert (fitted.steps, fitted.stopped) == (20, "finished")
    assert [row["step"] for row in rows(out)] == list(range(2, 21, 2))
    assert [row["step"] for row in rows(out, "scores")] == [6, 12, 18, 20]
    assert rows(out)[0].keys() == {
        "kind", "step", "epoch", "loss", "rate", "gradient_norm", "clipped", "skipped", "tokens_a_second", "seconds",
    }  # fmt: skip
    assert rows(out, "scores")[0]["scores"][0].keys() >= {"name", "value", "unit", "signature"}
    assert fitted.scores[0].value == min(row["scores"][0]["value"] for row in rows(out, "scores"))
    assert torch.equal(ostinato.load(str(out)).model.head.weight, fitted.bundle.model.head.weight)
    assert len(checkpoint.folders(out)) in (2, 3)
    assert rows(out)[-1]["epoch"] == 2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(tiny_recipe(seed=seed), tmp_path / name, Silent())
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_how_often_a_model_is_judged_and_kept_does_not_change_it(tmp_path):
    fit(tiny_recipe(evaluate_every=20), tmp_path / "a", Silent())
    fit(tiny_recipe(evaluate_every=3, checkpoint_every=1), tmp_path / "b", Silent())
    losses = [[row["loss"] for row in rows(tmp_path / name)] for name in "ab"]
    assert losses[0] == losses[1]


def test_accumulated_batches_equal_one_large_one(tmp_path, monkeypatch):
    whole = TinyTask.collate

    def halves(self, examples):
        # The batches of the accumulating run: each is half of one of the other run's, and the halves differ in size.
        self.calls = getattr(self, "calls", -1) + 1
        return whole(self, examples[:3] if self.calls % 2 == 0 else examples[3:])

    plain = {
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "model_dropout": 0.0,
        "batch_size": 8,
        "steps": 1,
        "clip": {},
    }
    fit(tiny_recipe(**plain, data_length=2), tmp_path / "large", Silent())
    monkeypatch.setattr("tiny_task.Windows.batch", same_batch)
    monkeypatch.setattr(TinyTask, "collate", halves)
    monkeypatch.setattr(TinyTask, "evaluation_batches", lambda self, split: self.batches(split, 16, 0))
    fit(tiny_recipe(**plain, data_length=2, accumulate=2), tmp_path / "small", Silent())
    large, small = (ostinato.load(str(tmp_path / name)).model.state_dict() for name in ("large", "small"))
    for name in large:
        torch.testing.assert_close(small[name], large[name], rtol=1e-5, atol=1e-7)
    assert rows(tmp_path / "small")[0]["loss"] == pytest.approx(rows(tmp_path / "large")[0]["loss"])


BATCH = Windows.batch


def same_batch(self, epoch, index):
    return BATCH(self, epoch, 0)


@pytest.mark.parametrize(
    ("settings", "steps"),
    [({"steps": 7}, 7), ({"steps": 50, "epochs": 2}, 20), ({"steps": 5, "epochs": 2}, 5),
     ({"steps": 50, "epochs": 0.25}, 3), ({"steps": 50, "epochs": 1.5, "accumulate": 4}, 4)],
)  # fmt: skip
def test_the_least_limit_ends_the_run(tmp_path, settings, steps):
    assert fit(tiny_recipe(**settings), tmp_path / "out", Silent()).steps == steps


def test_seconds_are_fixed_as_steps_once_and_then_kept(tmp_path):
    recipe = tiny_recipe(steps=100_000, seconds=1.5, evaluate_every=50, model_hidden=64, data_length=50)
    progress = Silent()
    fitted = fit(recipe, tmp_path / "out", progress)
    notes = rows(tmp_path / "out", "note")
    assert [note["note"] for note in notes] == ["total_steps"]
    assert notes[0]["total_steps"] == fitted.steps == rows(tmp_path / "out")[-1]["step"]
    assert notes[0]["seconds"] < 0.5
    assert 0.5 < rows(tmp_path / "out", "scores")[-1]["seconds"] < 4
    assert any(f"{fitted.steps:,} steps" in said for said in progress.said)
    assert fitted.steps < 100_000


def test_training_stops_early_and_keeps_the_best(tmp_path):
    fitted = fit(tiny_recipe(task_worse=True, stop_after=2, evaluate_every=3), tmp_path / "out", Silent())
    assert (fitted.stopped, fitted.steps) == ("early", 9)
    assert rows(tmp_path / "out", "final")[0]["best_step"] == 3
    found = checkpoint.read(tmp_path / "out" / "checkpoints" / checkpoint.name_of(3))
    assert found.bundle["model.safetensors"] == (tmp_path / "out" / "model.safetensors").read_bytes()


def test_the_averaged_weights_are_judged_and_kept(tmp_path):
    plain = fit(tiny_recipe(), tmp_path / "plain", Silent())
    averaged = fit(tiny_recipe(ema_decay=0.8), tmp_path / "averaged", Silent())
    assert [row["loss"] for row in rows(tmp_path / "plain")] == [row["loss"] for row in rows(tmp_path / "averaged")]
    assert plain.scores[0].value != averaged.scores[0].value
    last = checkpoint.read(checkpoint.folders(tmp_path / "averaged")[0])
    assert not torch.equal(last.tensors["raw.head.weight"], last.tensors["average.head.weight"])


def test_the_clipped_share_is_logged(tmp_path):
    fit(tiny_recipe(clip={"norm": 1e-4}), tmp_path / "all", Silent())
    fit(tiny_recipe(clip={}), tmp_path / "none", Silent())
    assert {row["clipped"] for row in rows(tmp_path / "all")} == {1.0}
    assert {row["clipped"] for row in rows(tmp_path / "none")} == {0.0}
    assert all(row["gradient_norm"] > 1e-4 for row in rows(tmp_path / "all"))


# NaN ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    tiny_task.register()
    return fit(tiny_recipe(data_length=60, steps=60), tmp_path_factory.mktemp("clean") / "out", Silent())


@pytest.mark.parametrize("bad", [0, 17, 58, 59])
def test_a_bad_step_is_skipped_and_counted(tmp_path, bad, clean):
    fitted = fit(tiny_recipe(data_length=60, steps=60, task_bad=[bad]), tmp_path / "out", Silent())
    assert rows(tmp_path / "out")[-1]["skipped"] == 1
    assert fitted.steps == 60
    assert fitted.scores[0].value == pytest.approx(clean.scores[0].value, rel=0.02)
    for folder in checkpoint.folders(tmp_path / "out"):
        assert all(tensor.isfinite().all() for tensor in checkpoint.read(folder).tensors.values())


def test_three_bad_steps_go_back_with_half_the_rate(tmp_path):
    progress = Silent()
    fit(tiny_recipe(task_bad=[7, 8, 9], schedule={"name": "constant"}), tmp_path / "out", progress)
    notes = rows(tmp_path / "out", "note")
    assert [(note["note"], note["from_step"], note["step"], note["rate_scale"]) for note in notes] == [
        ("return", 10, 6, 0.5), ("return", 16, 12, 0.25),
    ]  # fmt: skip
    assert [row["step"] for row in rows(tmp_path / "out")] == list(range(2, 21, 2))
    assert rows(tmp_path / "out")[-1]["rate"] == pytest.approx(2e-3 / 4)
    assert sum("of the rate" in said for said in progress.said) == 2


def test_after_three_returns_training_gives_up(tmp_path):
    with pytest.raises(DivergedError, match=r"after 3 returns.*lower train\.optimizer\.learning_rate") as error:
        fit(tiny_recipe(task_bad=list(range(1, 10))), tmp_path / "out", Silent())
    assert error.value.exit_code == 4
    assert checkpoint.newest(tmp_path / "out", print).step == 0


def test_weights_that_overflow_are_never_kept(tmp_path):
    wild = {"optimizer": {"name": "sgd", "learning_rate": 1e30}, "schedule": {"name": "constant"}, "clip": {}}
    with pytest.raises(DivergedError):
        fit(tiny_recipe(**wild), tmp_path / "out", Silent())
    found = checkpoint.newest(tmp_path / "out", print)
    assert all(tensor.isfinite().all() for tensor in found.tensors.values())


# The folder -----------------------------------------------------------------------------------------------------------


def test_a_finished_run_returns_at_once(tmp_path, monkeypatch):
    first = fit(tiny_recipe(), tmp_path / "out", Silent())
    before = (tmp_path / "out" / "metrics.jsonl").read_bytes()
    monkeypatch.setattr(TinyTask, "prepare", lambda *_: pytest.fail("it was prepared again"))
    again = fit(tiny_recipe(), tmp_path / "out", Silent())
    assert (again.steps, again.stopped) == (first.steps, first.stopped)
    assert again.scores == first.scores
    assert (tmp_path / "out" / "metrics.jsonl").read_bytes() == before


def test_another_recipe_is_refused_by_its_keys(tmp_path):
    fit(tiny_recipe(), tmp_path / "out", Silent())
    with pytest.raises(ConfigError, match=r"model\.hidden \(4 then, 5 now\), train\.seed.*--out.*--fresh"):
        fit(tiny_recipe(model_hidden=5, seed=3), tmp_path / "out", Silent())
    assert fit(tiny_recipe(model_hidden=5), tmp_path / "out", Silent(), fresh=True).bundle.model.cell.hidden_size == 5


def test_other_data_is_refused(tmp_path, monkeypatch):
    interrupted(tiny_recipe(), tmp_path / "out", 4)
    monkeypatch.setattr("tiny_task.SEED", 1)
    with pytest.raises(DataError, match="not what this run began with"):
        fit(tiny_recipe(), tmp_path / "out", Silent())


def interrupted(recipe, out, step):
    import signal

    from ostinato.training import Interrupted

    class Stopper(Silent):
        def training(self, view):
            if view.step == step:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as error:
        fit(recipe, out, Stopper())
    assert error.value.exit_code == 130


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_that_is_no_run_is_left_alone(tmp_path, fresh):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="no training run"):
        fit(tiny_recipe(), tmp_path, Silent(), fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_second_process_is_told(tmp_path):
    fit(tiny_recipe(), tmp_path / "out", Silent())
    with open(tmp_path / "out" / "run.lock") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another process"):
            fit(tiny_recipe(), tmp_path / "out", Silent(), fresh=True)
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_a_run_whose_checkpoints_were_deleted_is_trained_anew(tmp_path):
    first = fit(tiny_recipe(), tmp_path / "out", Silent())
    shutil.rmtree(tmp_path / "out" / "checkpoints")
    second = fit(tiny_recipe(seed=2), tmp_path / "out", Silent())
    assert not torch.equal(first.bundle.model.head.weight, second.bundle.model.head.weight)
    loaded = ostinato.load(str(tmp_path / "out"))
    assert torch.equal(loaded.model.head.weight, second.bundle.model.head.weight)


def test_a_damaged_best_checkpoint_is_an_error(tmp_path):
    fit(tiny_recipe(task_worse=True), tmp_path / "out", Silent())
    (tmp_path / "out" / "ostinato.json").unlink()
    best = tmp_path / "out" / "checkpoints" / checkpoint.name_of(6) / "model.safetensors"
    best.write_bytes(best.read_bytes()[:-1])
    with pytest.raises(BundleError, match="its best checkpoint cannot be read"):
        fit(tiny_recipe(task_worse=True), tmp_path / "out", Silent())


@pytest.mark.parametrize(("number", "kind"), [(errno.EIO, ResourceError), (errno.EROFS, ResourceError)])
def test_a_failing_disk_is_one_sentence(tmp_path, monkeypatch, number, kind):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match="the disk cannot be written"):
        fit(tiny_recipe(), tmp_path / "out", Silent())


def test_half_written_things_are_removed(tmp_path):
    interrupted(tiny_recipe(), tmp_path / "out", 4)
    left = tmp_path / "out" / "checkpoints" / ".step-00000099.tmp-1", tmp_path / ".out.tmp-7"
    for folder in left:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
    fit(tiny_recipe(), tmp_path / "out", Silent())
    assert not any(folder.exists() for folder in left)


# Logs -----------------------------------------------------------------------------------------------------------------


def test_csv_says_what_the_log_says(tmp_path):
    interrupted(tiny_recipe(log=["csv"]), tmp_path / "out", 7)
    fit(tiny_recipe(log=["csv"]), tmp_path / "out", Silent())
    with open(tmp_path / "out" / "metrics.csv") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["step"]) for line in lines] == list(range(2, 21, 2))
    assert [float(line["loss"]) for line in lines] == [row["loss"] for row in rows(tmp_path / "out")]
    with open(tmp_path / "out" / "scores.csv") as file:
        assert [int(line["step"]) for line in csv.DictReader(file)] == [6, 12, 18, 20]


def test_tensorboard_gets_every_point(tmp_path, monkeypatch):
    points = []

    class Writer:
        def __init__(self, folder, purge_step):
            points.append(("purge", purge_step))

        def add_scalar(self, name, value, step):
            points.append((name, step))

        def flush(self):
            pass

        def close(self):
            pass

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    interrupted(tiny_recipe(log=["tensorboard"]), tmp_path / "out", 7)
    fit(tiny_recipe(log=["tensorboard"]), tmp_path / "out", Silent())
    assert [point for point in points if point[0] == "purge"] == [("purge", 1), ("purge", 7)]
    assert [step for name, step in points if name == "train/loss"] == list(range(2, 21, 2))
    assert [step for name, step in points if name == "valid/squared_error"] == [6, 12, 18, 20]


def test_a_missing_extra_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ConfigError, match=r'pip install "ostinato\[tensorboard\]"') as error:
        fit(tiny_recipe(log=["tensorboard"]), tmp_path / "out", Silent())
    assert error.value.exit_code == 2


# Memory and disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_full_memory_is_one_sentence(tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(TinyTask, "loss", full)
    with pytest.raises(ResourceError, match=r"2 rows; halve train\.batch_size and double") as caught:
        fit(tiny_recipe(), tmp_path / "out", Silent())
    assert caught.value.exit_code == 6


def test_another_runtime_error_is_not_hidden(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes")

    monkeypatch.setattr(TinyTask, "loss", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        fit(tiny_recipe(), tmp_path / "out", Silent())


@pytest.mark.parametrize("call", range(1, 40, 8))
def test_a_disk_that_fills_at_any_moment_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, call):
    calls = [0]

    def full(descriptor):
        calls[0] += 1
        if calls[0] >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="the disk is full") as error:
        fit(tiny_recipe(checkpoint_every=1), tmp_path / "out", Silent())
    assert error.value.exit_code == 6
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    said = []
    checkpoint.newest(tmp_path / "out", said.append)
    assert said == []
    fit(tiny_recipe(checkpoint_every=1), tmp_path / "out", Silent())
    fit(tiny_recipe(checkpoint_every=1), tmp_path / "clean", Silent())
    assert digest(tmp_path / "out") == digest(tmp_path / "clean")


def test_infinite_scores_are_never_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr("tiny_task.SquaredError.score_of_sum", lambda self, total: math.inf)
    with pytest.raises(DivergedError, match="no evaluation gave a finite squared_error"):
        fit(tiny_recipe(), tmp_path / "out", Silent())
