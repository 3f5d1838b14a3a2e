"""fit: from a recipe to a bundle, through anything that stops a process on the way."""

import contextlib
import errno
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ostinato.bundle import Bundle, load_weights
from ostinato.bundle_folder import MANIFEST
from ostinato.errors import BundleError, ConfigError, ResourceError
from ostinato.files import FULL_DISK_ERRNOS, full_disk
from ostinato.metrics.base import Score
from ostinato.recipe import Recipe
from ostinato.tasks.building import build_model
from ostinato.training import checkpoint
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.evaluation import SPLIT
from ostinato.training.log import Log, rows_of
from ostinato.training.progress import Progress
from ostinato.training.run_folder import held
from ostinato.training.run_state import RunState, plain, scores_of
from ostinato.training.settings import Settings
from ostinato.training.signals import Interrupted, Signals
from ostinato.training.trainer import Trainer


@dataclass(frozen=True)
class Fitted:
    """The best model, all its scores on `valid` and those of the task's baselines by name, how many steps were done,
    how many seconds they took, and why there were no more. `resumed` says that it had ended before and nothing was
    trained."""

    bundle: Bundle
    scores: tuple[Score, ...]
    baselines: Mapping[str, tuple[Score, ...]]
    steps: int
    seconds: float
    stopped: Literal["finished", "early"]
    resumed: bool = False


def fit(
    recipe: Recipe[Settings], out: Path, progress: Progress, *, fresh: bool = False, baselines: bool = True
) -> Fitted:
    """Train what the recipe says, in the folder `out`, and leave the best model there as a bundle.

    A run that was stopped there goes on where its newest checkpoint stands, to the same bits that it would have come to
    without the stop; one that had ended returns at once. `fresh` deletes it first. Raises Interrupted after SIGINT or
    SIGTERM with a checkpoint written, ConfigError where `out` holds another run, BundleError where none of its
    checkpoints can be read, DivergedError, ResourceError.
    """
    out = out.absolute()
    try:
        with _resources(recipe.train, out), held(out, fresh), Signals() as signals:
            saved = checkpoint.newest(out, progress.say)
            if saved is not None:
                _same(recipe.table, saved.training["recipe"], out)
                checkpoint.discard_after(out, saved.step)
            if saved is not None and saved.training["run"]["stopped"] and (out / MANIFEST).exists():
                return _ended(RunState.of(saved.training["run"]), out)
            return _train(recipe, out, progress, signals, saved, baselines)
    finally:
        progress.close()


def _train(
    recipe: Recipe[Settings], out: Path, progress: Progress, signals: Signals, saved: Checkpoint | None, baselines: bool
) -> Fitted:
    settings = recipe.train
    with contextlib.closing(Log(out, settings.log, saved.training["log_bytes"] if saved else 0)) as log:
        splits = recipe.data.build(folder=out / "data", progress=_stages(progress, signals))
        task = recipe.task.build()
        task.prepare(splits)
        torch.manual_seed(settings.seed)
        model = build_model(task, recipe.model)
        trainer = Trainer(settings, recipe.table, out, task, model, log, progress, signals)
        if saved is None:
            trainer.save(regular=True)  # so that there is one to go back to from the first step on
        else:
            _mind(saved, progress)
            trainer.restore(saved)
            progress.say(f"{out}: goes on at step {trainer.run.step}")
        trainer.to_the_end()
        return _finish(trainer, progress, baselines)


def _finish(trainer: Trainer, progress: Progress, baselines: bool) -> Fitted:
    """Score the best model with every metric, and the baselines; write both into the log, and the bundle last."""
    run, out, task, model = trainer.run, trainer.out, trainer.task, trainer.model
    assert run.best is not None, "a run does not end without one"
    folder = out / "checkpoints" / run.best.checkpoint
    try:
        load_weights(checkpoint.read(folder).bundle, model, str(folder))
    except BundleError as error:
        raise BundleError(f"{out}: its best checkpoint cannot be read ({error}); start again with --fresh") from error
    # As they will be read back: a finished run answers the same when it is asked again.
    scores = tuple(scores_of(plain(trainer.evaluate_best())))
    at: dict[str, Any] = {"step": run.step, "split": SPLIT, "seconds": round(run.seconds, 3)}
    trainer.log.add("final", **at, best_step=run.best.step, scores=plain(scores))
    counted: dict[str, tuple[Score, ...]] = {}
    if baselines:
        table = {name: plain(scores) for name, scores in task.baselines(SPLIT).items()}
        counted = {name: tuple(scores_of(scores)) for name, scores in table.items()}
        trainer.log.add("baselines", **at, scores=table)
    bundle = Bundle(task, model, trainer.table)
    bundle.save(out)
    return Fitted(bundle, scores, counted, run.step, at["seconds"], _stopped(run))


def _ended(run: RunState, out: Path) -> Fitted:
    """What `_finish` left in the folder of a run that had ended before."""
    assert run.best is not None, "a run does not end without one"
    rows = {row["kind"]: row for row in rows_of(out) if row["kind"] in ("final", "baselines")}
    scores = scores_of(rows["final"]["scores"] if "final" in rows else run.best.scores)
    baselines = rows["baselines"]["scores"] if "baselines" in rows else {}
    counted = {name: tuple(scores_of(table)) for name, table in baselines.items()}
    seconds = rows["final"]["seconds"] if "final" in rows else run.seconds
    return Fitted(Bundle.load(out), tuple(scores), counted, run.step, seconds, _stopped(run), resumed=True)


def _stopped(run: RunState) -> Literal["finished", "early"]:
    return "early" if run.stopped == "early" else "finished"


def _same(table: Mapping[str, Any], before: Mapping[str, Any], out: Path) -> None:
    """Raises ConfigError naming each key in which the recipe is not the one that the run was begun with."""
    now, then = dict(_leaves(json.loads(json.dumps(table)))), dict(_leaves(before))
    changed = [
        f"{key} ({then.get(key, 'not set')!r} then, {now.get(key, 'not set')!r} now)"
        for key in sorted(now.keys() | then.keys())
        if now.get(key) != then.get(key)
    ]
    if changed:
        raise ConfigError(
            f"{out}: the run in it was begun with another recipe: {', '.join(changed)}; choose another --out, or "
            "delete the old run with --fresh"
        )


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _mind(saved: Checkpoint, progress: Progress) -> None:
    """Say where the same bits cannot be promised."""
    for what, now in (("torch", torch.__version__), ("threads", torch.get_num_threads())):
        before = saved.training[what]
        if before != now:
            progress.say(f"the run was begun with {what} {before} and goes on with {now}: its last digits may differ")


def _stages(progress: Progress, signals: Signals) -> Callable[[str, int, int], None]:
    def told(what: str, done: int, total: int) -> None:
        if signals.received is not None:
            raise Interrupted(signals.received, "stopped before the first step; run the same command to start again")
        progress.stage(what, done, total)

    return told


@contextlib.contextmanager
def _resources(settings: Settings, out: Path) -> Iterator[None]:
    """A full disk or memory as one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error).lower()
        if isinstance(error, MemoryError) or any(words in message for words in ("allocate memory", "out of memory")):
            raise ResourceError(
                f"train: the memory is full with batches of {settings.batch_size} rows; halve train.batch_size and "
                "double train.accumulate, which trains the same, or take a smaller model"
            ) from error
        raise
    except OSError as error:
        if error.errno in FULL_DISK_ERRNOS:
            advice = "make room and run the same command to go on from the last checkpoint"
            raise full_disk(out, error, advice) from error
        if error.errno in (errno.EIO, errno.EROFS):
            raise ResourceError(
                f"{out}: the disk cannot be written ({error.strerror}); look after it, then run the same command to go "
                "on from the last checkpoint"
            ) from error
        raise
