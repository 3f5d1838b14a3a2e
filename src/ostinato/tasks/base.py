"""Task: from examples to a loss, from outputs to a score. It owns no loop and no device."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example
from ostinato.data.splits import DataSplits
from ostinato.errors import ConfigError
from ostinato.metrics.base import Metric, Score, Stats
from ostinato.metrics.base import evaluate as score_of
from ostinato.registry import Registry, Spec
from ostinato.state import State, detach, where
from ostinato.wiring import Ports, Wiring


@runtime_checkable
class Batch(Protocol):
    """A NamedTuple that the task defines: fields of `Tensor | Padded` with the batch on axis 0, and these two.

    It may have `ends` [B] bool too: rows that end in this batch. Where it has, only those rows are answered, in order;
    a row that is cut into several batches so counts once.
    """

    @property
    def keys(self) -> list[str]:
        """[B] where each row came from."""

    @property
    def continues(self) -> Tensor:
        """[B] bool: row i goes on where row i of the batch before stopped."""


B = TypeVar("B", bound=Any)
P = TypeVar("P", bound=Any)

Prediction: TypeAlias = Any
"""What a task says of one row; `Task.to_record` turns it into what is printed as JSON."""

OnBatch: TypeAlias = Callable[[int, int], None]
"""Called with how many batches are done, and how many there are."""


def unreported(done: int, total: int) -> None:
    """The Progress that reports nothing."""


@dataclass(frozen=True)
class Loss:
    """What training descends: `total`, a scalar [], is the weighted objective summed over `count` things (tokens, rows,
    steps), so that losses of unlike batches add up. `unit` is the unit of `total` ("nats", "squared error"). `parts`,
    scalars [], are sums over the same `count` of what `total` is made of (heads, regularizers): they are logged on
    their own and never differentiated."""

    total: Tensor
    count: int
    unit: str = "nats"
    parts: Mapping[str, Tensor] = field(default_factory=dict)

    def mean(self) -> Tensor:
        """`total` / `count`, a scalar []; 0 where `count` is 0."""
        return self.total / max(self.count, 1)


class NoOptions:
    """The options of a prediction that has none."""


class Task(ABC, Generic[B, P]):
    """What a model is for. B is its batch, P its prediction.

    The first metric decides which checkpoint is best, unless `train.best_by` names another. A task is made with its
    options; `prepare` (with data) or `restore` (from a bundle) makes it ready.
    """

    metrics: tuple[Metric, ...] = ()
    unit: str = "row"
    """What the loss counts, for progress and reports."""
    split_type: ClassVar[type] = object
    """The kind of split that it reads: a source that gives another is refused before anything is built."""
    example_recipe: ClassVar[Mapping[str, Any]] = {}
    """The tables `data` and `model` (and, where they matter, `task` and `train`) of a small recipe, and `items` to
    predict: what the laws of `ostinato.testing.tasks` try the task with."""
    predict_options: ClassVar[Callable[..., Any]] = NoOptions
    """A constructor whose ordinary parameters are the options of `predict`: `Bundle.predict(**options)` and the flags
    of the command line come from it."""

    def ports(self) -> Ports | None:
        """The kinds of inputs and outputs that its model must have, as far as its options tell; None: any."""
        return None

    def wiring(self) -> Wiring | None:
        """The inputs and outputs of its model with their sizes, once it is ready; None: it does not say."""
        return None

    @abstractmethod
    def prepare(self, splits: DataSplits[Any]) -> None:
        """Open the splits, and learn from `train` what sizes depend on (a vocabulary, scalers) unless it is known."""

    @abstractmethod
    def assets(self) -> dict[str, str]:
        """What `prepare` learnt, as text files by name; they become part of the bundle."""

    @abstractmethod
    def restore(self, assets: Mapping[str, str]) -> None:
        """`assets`' inverse: ready to build the model and to predict, without data."""

    @abstractmethod
    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """The model, given the sizes that `prepare` learnt."""

    @abstractmethod
    def batches(self, split: str, batch_size: int, seed: int, batch_tokens: int | None = None) -> Batches:
        """How a split's examples are grouped for training: contiguous streams, shuffled rows, length buckets.

        `batch_tokens` bounds the padded steps of a batch. Raises ConfigError where the task cannot keep that bound.
        """

    def evaluation_batches(self, split: str) -> Batches:
        """How a split's examples are grouped for evaluation: the same for every model, so that numbers compare."""
        return self.batches(split, batch_size=16, seed=0)

    @abstractmethod
    def collate(self, examples: Sequence[Example]) -> B:
        """One batch of the task's own kind."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: B, state: State | None) -> tuple[Loss, State | None]:
        """The loss, and the state to go on from if the next batch continues this one.

        With the model in eval mode it is the evaluation loss: without smoothing or dropout, teacher-forced.
        """

    @abstractmethod
    def predict(
        self, model: nn.Module, batch: B, state: State | None = None, options: Any = None
    ) -> tuple[list[P], State | None]:
        """One prediction for each row (that ends), and the state to go on from. `options` is what `predict_options`
        makes, or None for its defaults."""

    def metric_input(self, prediction: P) -> Any:
        """What the metrics see of a prediction."""
        return prediction

    @abstractmethod
    def references(self, batch: B) -> list[Any]:
        """What the prediction of each row (that ends) is compared with."""

    @abstractmethod
    def batches_of(self, items: Iterable[Any]) -> Iterator[B]:
        """What a user passes to `Bundle.predict` (texts, arrays, rows as dicts), in batches and in order.

        Raises ConfigError naming the item that does not fit.
        """

    def predictions(self, model: nn.Module, items: Iterable[Any], options: Any = None) -> Iterator[P]:
        """One prediction for each item, in order; the model is in eval mode."""
        state: State | None = None
        for batch in self.batches_of(items):
            rows, state = self.predict(model, batch, state, options)
            yield from rows

    def to_record(self, prediction: P) -> dict[str, Any]:
        """A prediction as a JSON object."""
        return {"prediction": prediction}

    def metrics_for(self, split: str, quick: bool = False) -> tuple[Metric, ...]:
        """The metrics as they stand for a split (their signature may name its data).

        `quick` are those that every evaluation during training has; the others (beam search, BLEU) are measured at the
        end, and every `train.full_evaluate_every` evaluations. The quick ones come first in both.
        """
        return self.metrics

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """Scores of simple counting on a split, by name: what a model must beat. None unless a task has some."""
        return {}

    def evaluate(
        self, model: nn.Module, split: str, progress: OnBatch = unreported, *, quick: bool = False
    ) -> list[Score]:
        """Every metric over a split, dropout off; `quick` as in `metrics_for`. Raises DataError where there is nothing
        to measure."""
        tables = self.statistics(model, split, progress, quick=quick)
        return [score_of(metric, rows) for metric, rows in zip(self.metrics_for(split, quick), tables)]

    def statistics(
        self, model: nn.Module, split: str, progress: OnBatch = unreported, *, quick: bool = False
    ) -> list[Stats]:
        """What each row of a split adds to each metric [R S], dropout off, states carried where the batches continue.

        Rows of two models of one task stand for the same examples: what a paired test compares.
        """
        batches, metrics = self.evaluation_batches(split), self.metrics_for(split, quick)
        tables: list[list[Stats]] = [[] for _ in metrics]
        state: State | None = None
        training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                for index in range(len(batches)):
                    batch = self.collate(batches.batch(0, index))
                    predictions, state = self.predict(model, batch, state)
                    for prediction, reference in zip(predictions, self.references(batch), strict=True):
                        for metric, rows in zip(metrics, tables):
                            rows.append(metric.stats(self.metric_input(prediction), reference))
                    progress(index + 1, len(batches))
        finally:
            model.train(training)
        return [np.stack(rows) if rows else np.zeros((0, 1)) for rows in tables]


def carried(model: Any, batch: Any, state: State | None) -> State:
    """The state for `batch`: the one before, detached, in rows that continue; a fresh one in the others."""
    continues: Tensor = batch.continues
    if state is None:
        return model.initial(len(continues))  # type: ignore[no-any-return]
    if bool(continues.all()):
        return detach(state)
    fresh: State = model.initial(len(continues))
    return where(continues, detach(state), fresh) if bool(continues.any()) else fresh


def needs_stride_1(task: str, model: nn.Module) -> nn.Module:
    """The model, for a task that labels each step. Raises ConfigError where the model shortens its input."""
    stride = getattr(model, "stride", 1)
    if stride != 1:
        raise ConfigError(
            f"model: it answers one of every {stride} steps, and the task '{task}' labels each; take out the "
            "layer that shortens the sequence"
        )
    return model


tasks: Registry[Task[Any, Any]] = Registry(Task, "task", "ostinato.tasks", renamed={"probe": "synthetic"})
register = tasks.register
