"""Settings: the [train] table of a recipe."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from torch.optim import Optimizer

from ostinato.errors import ConfigError
from ostinato.registry import Count, Positive, Share, Spec
from ostinato.training.optimizers import adamw
from ostinato.training.schedules import Cosine, Schedule

Sink: TypeAlias = Literal["csv", "tensorboard"]
Whole: TypeAlias = Annotated[int, Field(ge=0)]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
Limits: TypeAlias = Mapping[Literal["norm", "value"], Positive]

ADAMW: Spec[Optimizer] = Spec("adamw", {}, adamw, "train.optimizer")
COSINE: Spec[Schedule] = Spec("cosine", {}, Cosine, "train.schedule")
NORM: Limits = {"norm": 1.0}


class Settings:
    """How long to train (`steps`, `epochs`, `seconds`: the least of those given) and how.

    A step takes `accumulate` batches of `batch_size` rows; `batch_tokens` bounds their padded steps where the task
    groups rows by length. Every `evaluate_every` steps the model is scored by the task's quick metrics, every
    `full_evaluate_every` evaluations and at the end by all. `best_by` names the metric that picks the best checkpoint
    (the first one). Training ends after `stop_after` such scores in a row without a new best (0: never).
    `checkpoint_every` is `evaluate_every` where it is not given; `log_every` steps make a row of metrics.jsonl, and
    `log` names further places. `ema_decay` is the decay of the averaged weights that are scored and kept instead of the
    last ones (0: no average). `clip` bounds the gradient's norm and each of its values; {} leaves it as it is.

    With `seconds` the speed is measured once, at the start, and the number of steps fixed from it: the schedule then
    knows its end, and the same run resumed does the same steps.

    Raises ConfigError where none of `steps`, `epochs` and `seconds` is given.

    Options:
        batch_size: rows of a batch.
        batch_tokens: padded steps of a batch at most, where the task groups rows by length; not set: no bound.
        steps: ends training after this many updates; of `steps`, `epochs` and `seconds` the least ends it; setting one
            on the command line drops the recipe's others.
        epochs: ends training after this many passes over the training data.
        seconds: ends training after about this many seconds; the number of steps is fixed once, from the speed at the
            start.
        seed: decides initial weights, dropout and the order of the data.
        accumulate: batches whose gradients are added up for one update.
        evaluate_every: updates between two evaluations on the validation split; the best model is kept.
        full_evaluate_every: evaluations between two by every metric; not set: only at the end.
        best_by: the metric that picks the best model; not set: the first one.
        checkpoint_every: updates between two checkpoints; not set: as `evaluate_every`.
        stop_after: evaluations in a row without a new best after which training ends; 0: never.
        ema_decay: decay of the moving average of the weights, which is evaluated and kept instead of them; 0: no
            average.
        log_every: updates between two rows of metrics.jsonl.
        log: further places for the curves.
        optimizer: what turns gradients into updates.
        schedule: the learning rate over the steps.
        clip: bounds of the gradient: of its `norm` as a whole, of each `value`; {} has no bound.
    """

    renamed = {"rows": "batch_size", "ema": "ema_decay"}

    def __init__(
        self,
        batch_size: Count = 32,
        batch_tokens: Count | None = None,
        steps: Count | None = None,
        epochs: Positive | None = None,
        seconds: Positive | None = None,
        seed: Seed = 1,
        accumulate: Count = 1,
        evaluate_every: Count = 500,
        full_evaluate_every: Count | None = None,
        best_by: str | None = None,
        checkpoint_every: Count | None = None,
        stop_after: Whole = 0,
        ema_decay: Share = 0.0,
        log_every: Count = 20,
        log: Sequence[Sink] = (),
        optimizer: Spec[Optimizer] = ADAMW,
        schedule: Spec[Schedule] = COSINE,
        clip: Limits = NORM,
    ):
        if steps is None and epochs is None and seconds is None:
            raise ConfigError("train: it does not say when to end; set steps, epochs or seconds")
        self.batch_size, self.accumulate, self.seed = batch_size, accumulate, seed
        self.steps, self.epochs, self.seconds = steps, epochs, seconds
        self.batch_tokens, self.best_by, self.full_evaluate_every = batch_tokens, best_by, full_evaluate_every
        self.evaluate_every, self.stop_after = evaluate_every, stop_after
        self.checkpoint_every = checkpoint_every or evaluate_every
        self.log_every, self.log = log_every, tuple(log)
        self.ema_decay, self.optimizer, self.schedule = ema_decay, optimizer, schedule
        self.clip = {str(kind): bound for kind, bound in clip.items()}
