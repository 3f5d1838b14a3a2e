"""Trainer: one model in training, one step at a time. It knows Task, not any task."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.bundle import Bundle, load_weights
from ostinato.errors import BundleError, ConfigError, DataError, DivergedError
from ostinato.metrics.base import Score
from ostinato.state import State, detach, flatten, unflatten
from ostinato.tasks.base import Task
from ostinato.training import checkpoint
from ostinato.training.checkpoint import Checkpoint
from ostinato.training.clip import clip
from ostinato.training.ema import EMA
from ostinato.training.evaluation import SPLIT, Evaluated, Evaluator
from ostinato.training.log import Log
from ostinato.training.optimizer_state import optimizer_from, optimizer_tensors
from ostinato.training.progress import Progress, TrainingView
from ostinato.training.rollback import BAD_STEPS, has_finite_loss, is_finite, last_good, returned
from ostinato.training.run_state import BestEvaluation, RunState, StepTotals, is_better, plain
from ostinato.training.settings import Settings
from ostinato.training.signals import Interrupted, Signals
from ostinato.training.speed import Speed


class _StopAskedError(Exception):
    """A signal came during an evaluation, which is given up and made again later."""


class Trainer:
    """All that changes while a model is trained; with `save` and `restore` a run is the same however often it is cut.

    What decides the next step is in the checkpoint, all of it; only the wall clock is not, and nothing but the number
    of steps of a run with `seconds` depends on that, once.

    Raises ConfigError where the model has no parameters, DataError where the training split has no batch.
    """

    def __init__(
        self, settings: Settings, table: Mapping[str, Any], out: Path, task: Task[Any, Any], model: nn.Module,
        log: Log, progress: Progress, signals: Signals,
    ):  # fmt: skip
        self.settings, self.table, self.out = settings, dict(table), out
        self.task, self.model, self.log, self.progress, self.signals = task, model.train(), log, progress, signals
        self.batches = task.batches("train", settings.batch_size, settings.seed, settings.batch_tokens)
        if not len(self.batches):
            raise DataError(
                "train: the training split has no batch; name more data or take fewer rows (train.batch_size)"
            )
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise ConfigError("model: it has nothing to learn; choose a model with parameters")
        self.optimizer = settings.optimizer.build(model=model)
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.schedule = settings.schedule.build()
        self.average = EMA(model, settings.ema_decay) if settings.ema_decay else None
        self.state: State | None = None
        self.limit = _limit(settings, len(self.batches))
        self.run = RunState(total=self.limit if settings.seconds is None else None)
        self.unit = task.unit
        self.evaluator = Evaluator(task, settings)
        self.in_bits = self.unit == "character" and self.evaluator.unit.lower().startswith("bit")
        self.score = ""
        self._saved, self._regular = (-1, -1), -1
        self._mark = time.monotonic()
        self._speed = Speed()

    def to_the_end(self) -> None:
        """Train until nothing is left to do. Raises Interrupted, DivergedError, ResourceError."""
        while not self.run.stopped:
            if self.signals.received is not None:
                self._leave(self.signals.received)
            if self._evaluation_due():
                self._evaluate()
            elif self._checkpoint_due():
                self._save_or_return()
            else:
                self._step()

    def save(self, regular: bool) -> None:
        """Write a checkpoint. Only regular ones, which stand where the settings put them, are ever gone back to."""
        started = time.monotonic()
        self._tick()
        with self._averaged():
            bundle = Bundle(self.task, self.model, self.table).files()
        self.model.train()
        training = {
            "recipe": self.table,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "batches": len(self.batches),
            "regular": regular,
            "best_checkpoint": self.run.best.checkpoint if self.run.best else None,
            "log_bytes": self.log.size_bytes(),
            "schedule": self.schedule.memory(),
            "has_state": self.state is not None,
            "run": self.run.table(),
        }
        checkpoint.write(self.out, bundle, training, self._tensors())
        self._saved = self.run.step, self.run.evaluated
        self._regular = self.run.step if regular else self._regular
        self._speed.save_seconds = time.monotonic() - started

    def restore(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint. Raises DataError where the data is not what it was."""
        assets = {name: saved.bundle.get(name, b"").decode() for name in self.task.assets()}
        if assets != self.task.assets() or saved.training["batches"] != len(self.batches):
            raise DataError(f"{self.out}: the data is not what this run began with; put it back, or start with --fresh")
        self.state = self._state_of(saved) if saved.training["has_state"] else None
        load_weights(saved.bundle, self.model, str(saved.path))
        if self.average is not None:
            self.average.restore(_below(saved.tensors, "average."))
            self.model.load_state_dict(_below(saved.tensors, "raw."), strict=False)
        optimizer_from(_below(saved.tensors, "optimizer."), self.optimizer, self.model)
        self.schedule.recall(saved.training["schedule"])
        self.run = RunState.of(saved.training["run"])
        self._saved = self.run.step, self.run.evaluated
        self._regular = self.run.step if saved.training["regular"] else -1
        self._mark = time.monotonic()
        torch.set_rng_state(saved.tensors["random"])

    def _step(self) -> None:
        run, totals, started = self.run, self.run.window, time.monotonic()
        factor = self.schedule.factor(run.step, run.total) * run.rate_scale
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * factor
        total, count, sound = 0.0, 0, True
        parts: dict[str, float] = {}
        for _ in range(self.settings.accumulate):
            # A step that is given up still reads its batches: where it stands must not depend on what it met.
            batch = self._batch()
            if sound:
                loss, state = self.task.loss(self.model, batch, self.state)
                value = loss.total.item()
                sound = math.isfinite(value)
                if sound:
                    loss.total.backward()  # type: ignore[no-untyped-call]
                self.state = None if state is None else detach(state)
                total, count = total + value, count + loss.count
                for name, part in loss.parts.items():
                    parts[name] = parts.get(name, 0.0) + part.item()
            run.read(len(self.batches))
        if sound:
            norm, clipped = clip(self.parameters, count, self.settings.clip)
            sound = math.isfinite(norm)
        if sound:
            self.optimizer.step()
            run.updates, run.bad = run.updates + 1, 0
            if self.average is not None:
                self.average.update(run.updates)
            totals.add(total, count, parts, norm, clipped)
        else:
            self.state = None  # the step that failed made it
            run.skipped, run.bad, totals.skipped = run.skipped + 1, run.bad + 1, totals.skipped + 1
        self.optimizer.zero_grad()
        run.step += 1
        self._show(time.monotonic() - started)
        if run.bad == BAD_STEPS:
            self._return(f"the loss or its gradient was not finite {BAD_STEPS} times in a row")
        elif run.step % self.settings.log_every == 0 or run.step == self._end():
            self._row(self.rates[0] * factor)

    def _evaluate(self) -> None:
        run = self.run
        if not is_finite(self.parameters):
            self._return("the weights were not finite")
            return
        random, started = torch.get_rng_state(), time.monotonic()
        try:
            with self._averaged():
                evaluated = self.evaluator.evaluate(self.model, run.evaluations + 1, self._evaluating)
        except _StopAskedError:
            return
        except DataError:
            if has_finite_loss(self.task, self.model, self._batch()):
                raise
            evaluated = None
        finally:
            self.model.train()
            torch.set_rng_state(random)  # so that how often a model is evaluated does not change it
        if evaluated is None:
            self._return("the model's answers were not finite")
            return
        self._record(evaluated, time.monotonic() - started)

    def _record(self, evaluated: Evaluated, took_seconds: float) -> None:
        run, selected = self.run, evaluated.selected
        self._tick()
        run.evaluated, run.evaluations = run.step, run.evaluations + 1
        improved = selected is not None and is_better(selected, run.best.selected if run.best else None)
        if improved and selected is not None:
            (plain_selected,) = plain([selected])
            run.best = BestEvaluation(run.step, checkpoint.name_of(run.step), plain(evaluated.scores), plain_selected)
        if selected is not None:
            run.stale = 0 if improved else run.stale + 1
            self.schedule.evaluated(improved)
        self.score = str(selected or evaluated.scores[0])
        row: dict[str, Any] = {"step": run.step, "epoch": run.epoch, "split": SPLIT, "seconds": round(run.seconds, 3)}
        self.log.add("scores", **row, best=improved, scores=plain(evaluated.scores))
        if evaluated.full is not None and evaluated.full is not evaluated.scores:
            self.log.add("full_scores", **row, scores=plain(evaluated.full))
        fixed = self._fix_total(took_seconds)
        if run.step == self._end():
            run.stopped = "finished"
        elif self.settings.stop_after and run.stale >= self.settings.stop_after:
            run.stopped = "early"
        if run.stopped and run.best is None:
            raise DivergedError(
                f"{self.out}: no evaluation gave a finite {self.evaluator.best_by}; "
                "lower train.optimizer.learning_rate and start again"
            )
        if improved or fixed or run.stopped or self._checkpoint_due():
            self.save(regular=True)

    def evaluate_best(self) -> list[Score]:
        """Every score of the model, whose weights are those of the best checkpoint. Raises Interrupted after a signal;
        the same run then begins here."""
        try:
            scores = self.task.evaluate(self.model, SPLIT, self._evaluating)
        except _StopAskedError:
            message = f"{self.out}: stopped while the best model was evaluated; run the same command to go on"
            raise Interrupted(self.signals.received or signal.SIGINT, message) from None
        self._tick()
        return scores

    def _evaluating(self, done: int, total: int) -> None:
        if self.signals.received is not None:
            raise _StopAskedError
        self.progress.stage("evaluate", done, total)

    def _fix_total(self, evaluation_seconds: float) -> bool:
        """Fix the number of steps from the speed so far, once; True if that was now."""
        run, settings = self.run, self.settings
        if settings.seconds is None or run.total is not None or not (self._speed_is_due() or run.step == self.limit):
            return False
        random = torch.get_rng_state()
        with self._averaged():
            last_seconds = self.evaluator.full_seconds(self.model, evaluation_seconds)
        self.model.train()
        torch.set_rng_state(random)
        self._tick()
        left = settings.seconds - run.seconds - last_seconds
        more = self._speed.steps_in(left, evaluation_seconds, settings.evaluate_every, settings.checkpoint_every)
        run.total = run.step + more if self.limit is None else min(run.step + more, self.limit)
        self.log.add("note", step=run.step, note="total_steps", total_steps=run.total, seconds=round(run.seconds, 3))
        if run.total == self.limit:
            self.progress.say(f"{run.total:,} steps, which fit into {settings.seconds:g} seconds")
        else:
            self.progress.say(
                f"{settings.seconds:g} seconds are {run.total:,} steps at the speed of the first {run.step}"
            )
        return True

    def _speed_is_due(self) -> bool:
        if self.settings.seconds is None or self.run.total is not None:
            return False
        return self._speed.is_known(self.run.seconds + time.monotonic() - self._mark, self.settings.seconds)

    def _return(self, reason: str) -> None:
        before = self.run
        target = last_good(self.out, before, reason, self.progress.say)
        self._tick()
        self.restore(target)
        returned(before, self.run)
        self.state = None
        checkpoint.discard_after(self.out, self.run.step)
        self.log.rewind(target.training["log_bytes"])
        self.log.add(
            "note", step=self.run.step, note="return", from_step=before.step, reason=reason,
            rate_scale=self.run.rate_scale,
        )  # fmt: skip
        self.progress.say(
            f"step {before.step}: {reason}; back to step {self.run.step} with {self.run.rate_scale:g} of the rate"
        )

    def _leave(self, signal_number: int) -> None:
        if not is_finite(self.parameters):
            self.progress.say(f"step {self.run.step}: no checkpoint was written, as the weights are not finite")
        elif self._saved != (self.run.step, self.run.evaluated):
            self.save(regular=self._checkpoint_due() and not self._evaluation_due())
        raise Interrupted(signal_number, f"{self.out}: stopped at step {self.run.step}; run the same command to go on")

    def _save_or_return(self) -> None:
        if is_finite(self.parameters):
            self.save(regular=True)
        else:
            self._return("the weights were not finite")

    def _evaluation_due(self) -> bool:
        step = self.run.step
        if step == 0 or self.run.evaluated == step:
            return False
        return step % self.settings.evaluate_every == 0 or step == self._end() or self._speed_is_due()

    def _checkpoint_due(self) -> bool:
        return self._regular < self.run.step and self.run.step % self.settings.checkpoint_every == 0

    def _end(self) -> int | None:
        return self.run.total if self.run.total is not None else self.limit

    def _row(self, rate: float) -> None:
        window, run = self.run.window, self.run
        self._tick()
        self.log.add(
            "train", step=run.step, epoch=run.epoch,
            loss=window.loss / window.count if window.count else None, rate=rate,
            gradient_norm=window.norm / window.steps if window.steps else None,
            clipped=window.clipped / window.steps if window.steps else None, skipped=run.skipped,
            tokens_a_second=round(window.count / window.seconds, 1),
            seconds=round(run.seconds, 3),
            **({"parts": {name: part / window.count for name, part in window.parts.items()}} if window.parts else {}),
        )  # fmt: skip
        self.run.window = StepTotals()

    def _show(self, step_seconds: float) -> None:
        run, window, end = self.run, self.run.window, self._end()
        window.seconds += step_seconds
        self._speed.took(step_seconds)
        self.progress.training(
            TrainingView(
                run.step, end, run.epoch, window.loss / window.count if window.count else math.nan, self.in_bits,
                self.unit, window.count / window.seconds,
                None if end is None else (end - run.step) * (self._speed.seconds_a_step or step_seconds), self.score,
            )
        )  # fmt: skip

    def _batch(self) -> Any:
        return self.task.collate(self.batches.batch(self.run.epoch, self.run.index))

    def _tick(self) -> None:
        now = time.monotonic()
        self.run.seconds += now - self._mark
        self._mark = now

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        with self.average.applied() if self.average is not None else contextlib.nullcontext():
            yield

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {"random": torch.get_rng_state()}
        tensors |= {f"optimizer.{name}": it for name, it in optimizer_tensors(self.optimizer, self.model).items()}
        if self.average is not None:
            tensors |= {f"average.{name}": it for name, it in self.average.tensors.items()}
            tensors |= {f"raw.{name}": it for name, it in self.model.named_parameters()}
        if self.state is not None:
            tensors |= flatten(self.state, "state.")
        return tensors

    def _state_of(self, saved: Checkpoint) -> State:
        # Only the task knows what its states look like, so one is made to look at; nothing of it is kept.
        batch = self.task.collate(self.batches.batch(0, 0))
        with torch.no_grad():
            _, like = self.task.loss(self.model.eval(), batch, None)
        self.model.train()
        if like is None:
            raise BundleError(f"{saved.path}: it carries a state that this task does not have; start with --fresh")
        return unflatten(_below(saved.tensors, "state."), like, at=str(saved.path))


def _limit(settings: Settings, batches: int) -> int | None:
    """The least number of steps that `steps` and `epochs` allow; None if only the clock does."""
    limits = [settings.steps] if settings.steps is not None else []
    if settings.epochs is not None:
        limits.append(math.ceil(settings.epochs * batches / settings.accumulate))
    return min(limits, default=None)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
