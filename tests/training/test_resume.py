"""A run that was stopped and continued, anywhere and however often, comes to the same bits as one that was not."""

import hashlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_task import tiny_recipe

from ostinato.errors import OstinatoError
from ostinato.training import Interrupted, Silent, checkpoint, fit

ROOT = Path(__file__).parents[2]

# Everything that must be carried: state, dropout, averaged weights, halves of a large batch, a plateau, a return.
SETTINGS = {
    "steps": 24, "accumulate": 2, "ema_decay": 0.9, "evaluate_every": 5, "checkpoint_every": 4, "log_every": 3,
    "schedule": {"name": "plateau", "warmup": 3, "patience": 1}, "task_bad": [2, 13, 15, 17], "data_length": 19,
}  # fmt: skip


class Stops(Silent):
    """Sends a signal after given steps, and in the middle of given evaluations."""

    def __init__(self, steps: set[int], evaluations: set[int]):
        super().__init__()
        self.steps, self.evaluations, self.step = steps, evaluations, 0

    def training(self, view):
        self.step = view.step
        if view.step in self.steps:
            self.steps.discard(view.step)
            signal.raise_signal(signal.SIGTERM)

    def stage(self, what, done, total):
        if what == "evaluate" and done == 1 and self.step in self.evaluations:
            self.evaluations.discard(self.step)
            signal.raise_signal(signal.SIGINT)


def outcome(out: Path) -> tuple[str, list[dict[str, object]]]:
    rows = lines(out)
    curve = [{key: row[key] for key in row if key not in ("seconds", "tokens_a_second")} for row in rows]
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest(), curve


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    import tiny_task

    tiny_task.register()
    out = tmp_path_factory.mktemp("whole") / "out"
    fit(tiny_recipe(**SETTINGS), out, Silent())
    found = outcome(out)
    assert any(row.get("note") == "return" for row in found[1])
    assert found[1][-1]["step"] == 24
    return found


@settings(max_examples=8)
@given(stops=st.sets(st.integers(1, 24), max_size=6), evaluations=st.sets(st.integers(0, 24), max_size=6))
def test_any_split_of_the_steps_gives_the_same_bits(whole, stops, evaluations):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        progress = Stops(stops, evaluations)
        for _ in range(30):
            try:
                fit(tiny_recipe(**SETTINGS), out, progress)
                break
            except Interrupted:
                continue
        assert outcome(out) == whole


def test_a_step_at_a_time_gives_the_same_bits(whole, tmp_path):
    for step in range(1, 25):
        with pytest.raises(Interrupted):
            fit(tiny_recipe(**SETTINGS), tmp_path / "out", Stops({step}, set()))
    fit(tiny_recipe(**SETTINGS), tmp_path / "out", Silent())
    assert outcome(tmp_path / "out") == whole


def test_a_fixed_number_of_steps_stays_fixed(tmp_path):
    recipe = tiny_recipe(steps=100_000, seconds=2.0, evaluate_every=40)
    with pytest.raises(Interrupted):
        fit(recipe, tmp_path / "out", Stops({60}, set()))
    note = [row for row in lines(tmp_path / "out") if row["kind"] == "note"]
    fitted = fit(recipe, tmp_path / "out", Silent())
    if note:
        assert fitted.steps == note[0]["total_steps"]
    assert sum(row["kind"] == "note" for row in lines(tmp_path / "out")) == 1


def test_a_run_killed_before_its_bundle_was_saved_saves_it(whole, tmp_path):
    fit(tiny_recipe(**SETTINGS), tmp_path / "out", Silent())
    for name in ("ostinato.json", "model.safetensors"):
        (tmp_path / "out" / name).unlink()
    fit(tiny_recipe(**SETTINGS), tmp_path / "out", Silent())
    assert outcome(tmp_path / "out") == whole


def test_a_damaged_checkpoint_costs_steps_but_no_bits(whole, tmp_path):
    with pytest.raises(Interrupted):
        fit(tiny_recipe(**SETTINGS), tmp_path / "out", Stops({11}, set()))
    newest = checkpoint.folders(tmp_path / "out")[0]
    (newest / "training.safetensors").write_bytes((newest / "training.safetensors").read_bytes()[:-1])
    progress = Silent()
    fit(tiny_recipe(**SETTINGS), tmp_path / "out", progress)
    assert any("skipped checkpoint step-00000011" in said for said in progress.said)
    assert outcome(tmp_path / "out") == whole


def child(out: Path, pause: float) -> int:
    """A process that trains, one step done; forked, as importing torch anew takes longer than all of these tests."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        return process

    class Slow(Silent):
        def training(self, view):
            if view.step == 1:
                os.write(writing, b"1")
            time.sleep(pause)

    code = 99
    try:
        fit(tiny_recipe(steps=1000), out, Slow())
    except OstinatoError as error:
        (out / "said").write_text(str(error))
        code = error.exit_code
    finally:
        os._exit(code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_process_with_a_checkpoint_and_its_code(tmp_path, number, code):
    process = child(tmp_path / "out", 0.02)
    os.kill(process, number)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == code
    assert "run the same command to go on" in (tmp_path / "out" / "said").read_text()
    assert checkpoint.newest(tmp_path / "out", print).step >= 1


def test_a_second_signal_ends_the_process_at_once(tmp_path):
    process = child(tmp_path / "out", 60)
    os.kill(process, signal.SIGTERM)
    time.sleep(0.3)
    assert os.waitpid(process, os.WNOHANG) == (0, 0)  # still in its step, which takes a minute
    os.kill(process, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 143
    assert checkpoint.newest(tmp_path / "out", print).step == 0


def events_until_death(out: Path, last: int) -> bool:
    """Train in a process that dies at its `last`th change to a checkpoint's folders; whether it came to its end."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1] == 0
    seen = 0

    def watch(event, arguments):
        nonlocal seen
        changes = event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove") or (
            event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        )
        if changes and ("checkpoints" in str(arguments[0]) or event in ("os.rmdir", "os.remove")):
            seen += 1
            if seen == last:
                os._exit(9)

    try:
        sys.addaudithook(watch)
        fit(tiny_recipe(**WALKED), out, Silent())
        os._exit(0)
    finally:
        os._exit(1)


WALKED = {"steps": 4, "evaluate_every": 2, "checkpoint_every": 1, "log_every": 1}


def test_death_at_any_change_to_the_disk_changes_nothing(tmp_path):
    fit(tiny_recipe(**WALKED), tmp_path / "whole", Silent())
    last = 1
    while not events_until_death(tmp_path / f"out-{last}", last):
        fit(tiny_recipe(**WALKED), tmp_path / f"out-{last}", Silent())
        assert outcome(tmp_path / f"out-{last}") == outcome(tmp_path / "whole")
        last += 5
    assert last > 60


@pytest.fixture
def stress(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "stress"))
    return importlib.import_module


def test_kills_at_random_moments_change_nothing(stress, tmp_path):
    found = stress("kill_resume").campaign(tmp_path, kills=10, seed=1)
    assert found["kills"] == 10
    assert found["unreadable_runs"] == found["other_curves"] == found["other_weights"] == 0


def test_no_flipped_bit_is_accepted(stress, tmp_path):
    found = stress("bit_flips").campaign(tmp_path, flips=500, truncations=200, seed=1)
    assert found == {"files": 7, "flips": 500, "flips_accepted": 0, "truncations": 200, "truncations_accepted": 0}
