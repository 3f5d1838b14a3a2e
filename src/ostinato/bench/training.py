"""A training step of a whole language model: ours as `ostinato train` makes it, against a plain torch loop.

Both read the same text with the state carried, compute the loss and its gradient, clip the gradient's norm to 1 and
take a step of AdamW. The loop is as good as plain torch has it: torch.nn.LSTM, cross_entropy over all logits at once,
clip_grad_norm_ and AdamW over all parameters together (`foreach`), the whole text in memory.
"""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ostinato.bench.contest import Contender, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.roofline import GATES, SQUASHES, Work, product, recurrence
from ostinato.data.splits import data_sources
from ostinato.models import models
from ostinato.tasks import LanguageTask
from ostinato.training.log import Log
from ostinato.training.optimizers import groups, optimizers
from ostinato.training.progress import Silent
from ostinato.training.schedules import schedules
from ostinato.training.settings import Settings
from ostinato.training.signals import Signals
from ostinato.training.trainer import Trainer

LAYERS = {"language-1": 1, "language-2": 2}
VOCABULARY = 100
WINDOWS = 8  # of `steps` characters that a row of the text has
LEARNING_RATE, WEIGHT_DECAY, NORM = 2e-3, 0.01, 1.0
COMPARED_STEPS = 3


class PlainModel(nn.Module):
    """Embedding, LSTM, linear map to a logit for each token."""

    def __init__(self, layers: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, VOCABULARY)

    def forward(self, tokens: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """tokens [B T] -> logits [B T V] and the state [layers B H] twice."""
        out, state = self.lstm(self.embedding(tokens), state)
        return self.head(out), state

    def take(self, model: nn.Module) -> None:
        """The weights of our model; its one bias of a gate is the first of torch's two, and the second stays zero."""
        ours = dict(model.named_parameters())
        with torch.no_grad():
            self.embedding.weight.copy_(ours["embedding.weight"])
            self.head.weight.copy_(ours["head.weight"])
            self.head.bias.copy_(ours["head.bias"])
            for i in range(self.lstm.num_layers):
                cell = f"body.layers.{i}.cell"
                getattr(self.lstm, f"weight_ih_l{i}").copy_(ours[f"{cell}.input.weight"])
                getattr(self.lstm, f"bias_ih_l{i}").copy_(ours[f"{cell}.input.bias"])
                getattr(self.lstm, f"weight_hh_l{i}").copy_(ours[f"{cell}.recurrent.weight"])
                getattr(self.lstm, f"bias_hh_l{i}").zero_().requires_grad_(False)


class PlainLoop:
    """A training loop as one writes it by hand over ids [N] of the whole text."""

    def __init__(self, model: PlainModel, ids: Tensor, batch: int, steps: int) -> None:
        self.model, self.steps = model, steps
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(groups(model, WEIGHT_DECAY), lr=LEARNING_RATE, foreach=True)
        length = (len(ids) - 1) // batch
        self.inputs, self.targets = ids[:-1].view(batch, length), ids[1:].view(batch, length)
        self.index, self.windows = 0, length // steps
        self.state: tuple[Tensor, Tensor] | None = None

    def step(self) -> tuple[float, Tensor]:
        """The loss in nats per token, and the gradient's norm before it was clipped."""
        start = self.index * self.steps
        tokens, targets = (each[:, start : start + self.steps] for each in (self.inputs, self.targets))
        logits, state = self.model(tokens, self.state)
        loss = cross_entropy(logits.flatten(0, 1), targets.flatten())
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.parameters, NORM, foreach=True)
        self.optimizer.step()
        self.index = (self.index + 1) % self.windows
        self.state = (state[0].detach(), state[1].detach()) if self.index else None
        return loss.item(), norm


def contest(case: BenchCase) -> Contest:
    """Before they are timed, three steps must come to the same mean loss and the same norms of the gradient."""
    with tempfile.TemporaryDirectory() as folder:  # what is open stays readable when its name is gone
        task = _task(case, Path(folder))
        trainer = _trainer(case, task, Path(folder))
    plain = PlainModel(LAYERS[case.layer], case.hidden)
    plain.take(trainer.model)
    file = task.files["train"]
    loop = PlainLoop(plain, torch.from_numpy(file[0 : len(file)]), case.batch, case.steps)
    ours = Contender(trainer._step, _ours(trainer))
    return Contest(ours, _work(case), {"torch": Contender(loop.step, _theirs(loop))})


def _task(case: BenchCase, folder: Path) -> LanguageTask:
    """Its text is random, each character two bytes long, so that the first half is a whole number of batches."""
    letters = [chr(0x100 + i) for i in range(VOCABULARY - 2)]  # beside </s> and <unk>
    length = case.batch * case.steps * WINDOWS
    text = "".join(letters) + "".join(random.Random(0).choices(letters, k=2 * length - len(letters)))
    (folder / "text.txt").write_text(text, "utf-8")
    task = LanguageTask(bptt_steps=case.steps)
    source = {"name": "text", "text": str(folder / "text.txt"), "valid": 0.5}
    task.prepare(data_sources.build(source, folder=folder))
    return task


def _trainer(case: BenchCase, task: LanguageTask, folder: Path) -> Trainer:
    settings = Settings(
        batch_size=case.batch,
        epochs=1e9,
        optimizer=optimizers.spec({"name": "adamw", "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}),
        schedule=schedules.spec({"name": "constant"}),
        clip={"norm": NORM},
    )
    cell = {"name": "lstm", "hidden": case.hidden}
    table = {"name": "language", "cell": cell, "layers": LAYERS[case.layer], "embedding": case.hidden}
    return Trainer(settings, {}, folder, task, task.model(models.spec(table)), Log(folder, (), 0), Silent(), Signals())


def _ours(trainer: Trainer) -> Callable[[], Any]:
    def outcome() -> Any:
        for _ in range(COMPARED_STEPS):
            trainer._step()
        totals = trainer.run.window
        return totals.loss / totals.count, totals.norm / totals.steps

    return outcome


def _theirs(loop: PlainLoop) -> Callable[[], Any]:
    def outcome() -> Any:
        losses, norms = zip(*(loop.step() for _ in range(COMPARED_STEPS)), strict=True)
        return sum(losses) / COMPARED_STEPS, sum(norms) / COMPARED_STEPS

    return outcome


def _work(case: BenchCase) -> Work:
    """What ours multiplies: the first layer's input product is computed once for each token of the vocabulary."""
    elements, hidden = case.batch * case.steps, case.hidden
    phases = [*product(VOCABULARY, hidden, GATES["lstm"] * hidden, 4, train=True)]
    for layer in range(LAYERS[case.layer]):
        phases += recurrence("lstm", elements, case.steps, hidden if layer else 0, hidden, 4, train=True)
    phases += product(elements, hidden, VOCABULARY, 4, train=True)
    return Work(tuple(phases), squashes=LAYERS[case.layer] * SQUASHES["lstm"] * elements * hidden)
