"""Task: from examples to a loss, from outputs to a score. It owns no loop and no device."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from ostinato.data.batching.base import Batches, Example
from ostinato.data.splits import DataSplits
from ostinato.errors import StreamError
from ostinato.metrics.base import Metric, Score, Stats
from ostinato.metrics.base import evaluate as score_of
from ostinato.registry import Registry, Spec
from ostinato.state import State, detach, where

Batch: TypeAlias = tuple[Any, ...]
"""A NamedTuple that the task defines: fields of `Tensor | Padded` with the batch on axis 0, `keys` (a list: where each
row came from) and `continues` [B] (row i goes on where row i of the last batch stopped)."""

Prediction: TypeAlias = Any
"""What a task says of one row; `Task.show` turns it into what is printed as JSON."""


@dataclass(frozen=True)
class Loss:
    """A sum over `count` things (tokens, rows), so that losses of unlike batches add up."""

    total: Tensor
    count: int

    def mean(self) -> Tensor:
        """The mean over what was counted; 0 where that is nothing."""
        return self.total / max(self.count, 1)


@dataclass(frozen=True)
class Partial:
    """What a stream has said so far that stands, and what it may yet take back."""

    stable: list[Any]
    tentative: list[Any]


class StreamReader(Protocol):
    """From raw chunks to tensors; it keeps the unread rest (half a character, half a frame). `copy.copy` of it goes on
    by itself, so that what is read and then refused leaves no trace."""

    def read(self, chunk: Any, final: bool = False) -> Tensor:
        """[T ...] of what is complete; `final` says that nothing follows."""
        ...


class StreamPredictor(Protocol):
    """From a model's outputs to what is said; one for each stream, holding what its answer still depends on."""

    def advance(self, inputs: Tensor, outputs: Tensor) -> Partial:
        """`inputs` [T ...] as they were read, `outputs` [T' ...] as they became ready."""
        ...

    def finish(self) -> Prediction:
        """The prediction for the whole stream."""
        ...


class Task(ABC):
    """What a model is for. `metrics` are what it is judged by, the first one decides which checkpoint is best."""

    metrics: tuple[Metric, ...]

    @abstractmethod
    def prepare(self, corpora: DataSplits) -> None:
        """Open the corpora, and learn from them what sizes depend on (a vocabulary, scalers) unless it is known."""

    @abstractmethod
    def assets(self) -> dict[str, str]:
        """What `prepare` learnt, as text files by name; they become part of the bundle."""

    @abstractmethod
    def restore(self, assets: Mapping[str, str]) -> None:
        """`assets`' inverse: ready to build the model and to predict, without corpora."""

    @abstractmethod
    def model(self, spec: Spec[nn.Module]) -> nn.Module:
        """The model, given the sizes that `prepare` learnt."""

    @abstractmethod
    def batches(self, split: str, rows: int, seed: int) -> Batches:
        """How a split's examples are grouped for training: contiguous streams, shuffled rows, length buckets."""

    def evaluation_batches(self, split: str) -> Batches:
        """How a split's examples are grouped for evaluation: the same for every model, so that numbers compare."""
        return self.batches(split, rows=16, seed=0)

    @abstractmethod
    def collate(self, examples: Sequence[Example]) -> Batch:
        """One Batch of the task's own kind."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, state: State | None) -> tuple[Loss, State | None]:
        """The loss, and the state to go on from if the next batch continues this one."""

    @abstractmethod
    def predict(
        self, model: nn.Module, batch: Batch, state: State | None = None
    ) -> tuple[list[Prediction], State | None]:
        """One prediction a row, and the state to go on from."""

    def metric_input(self, prediction: Prediction) -> Any:
        """What the metrics see of a prediction."""
        return prediction

    @abstractmethod
    def references(self, batch: Batch) -> list[Any]:
        """What each row's prediction is judged against."""

    @abstractmethod
    def batches_of(self, items: Sequence[Any]) -> Iterator[Batch]:
        """What a user passes to `Bundle.predict` (texts, arrays), in batches and in order."""

    def to_record(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as a JSON object."""
        return {"prediction": prediction}

    def metrics_for(self, split: str) -> tuple[Metric, ...]:
        """The metrics as they stand for a split (their signature may name the corpus)."""
        return self.metrics

    def stream_reader(self) -> StreamReader:
        """The front end of a live stream. Raises StreamError where the task has none."""
        raise StreamError(f"{type(self).__name__}: it has no live input; use predict")

    def stream_state(self, model: nn.Module) -> State:
        """The state a live stream begins with, of one row."""
        return model.initial(1)  # type: ignore[operator, no-any-return]

    def stream_predictor(self, model: nn.Module, opening: State) -> StreamPredictor:
        """The back end of a live stream that begins with `opening`. Raises StreamError where the task has none."""
        raise StreamError(f"{type(self).__name__}: it has no live output; use predict")

    def baselines(self, split: str) -> dict[str, list[Score]]:
        """What simple counting comes to on a split, by name: what a model must beat. None unless a task has some."""
        return {}

    def evaluate(
        self, model: nn.Module, split: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Score]:
        """Every metric over a split."""
        found = self.statistics(model, split, progress)
        return [score_of(metric, rows) for metric, rows in zip(self.metrics_for(split), found)]

    def statistics(
        self, model: nn.Module, split: str, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> list[list[Stats]]:
        """What each row of a split adds to each metric [R S], dropout off, states carried where the batches continue.

        Rows of two models of one task stand for the same examples: what a paired test compares.
        """
        batches, metrics = self.evaluation_batches(split), self.metrics_for(split)
        stats: list[list[Stats]] = [[] for _ in metrics]
        state: State | None = None
        training = model.training
        model.eval()
        with torch.inference_mode():
            for index in range(len(batches)):
                batch = self.collate(batches.batch(0, index))
                predictions, state = self.predict(model, batch, state)
                for prediction, reference in zip(predictions, self.references(batch)):
                    for metric, rows in zip(metrics, stats):
                        rows.append(metric.stats(self.metric_input(prediction), reference))
                progress(index + 1, len(batches))
        model.train(training)
        return stats


def carried(model: Any, batch: Batch, state: State | None) -> State:
    """The state for `batch`: the one before, detached, in rows that continue; a fresh one in the others."""
    continues: Tensor = batch.continues  # type: ignore[attr-defined]
    if state is not None and bool(continues.all()):
        return detach(state)
    fresh: State = model.initial(len(continues))
    return fresh if state is None or not bool(continues.any()) else where(continues, detach(state), fresh)


tasks: Registry[Task] = Registry(Task, "task", "ostinato.tasks", renamed={"probe": "synthetic"})
register = tasks.register
