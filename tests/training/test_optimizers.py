"""Optimizers and schedules do what torch's own do."""

import math

import pytest
import torch
from torch import nn

from ostinato.errors import ConfigError
from ostinato.layers import Embedding
from ostinato.registry import check_call
from ostinato.training import Settings
from ostinato.training.optimizer_state import optimizer_from, optimizer_tensors
from ostinato.training.optimizers import groups, optimizers
from ostinato.training.schedules import schedules

CASES = {
    "adamw": (
        {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "weight_decay": 0.1},
        lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, foreach=False),
    ),
    "sgd": (
        {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
    "rmsprop": (
        {"learning_rate": 0.01, "alpha": 0.9, "epsilon": 1e-6, "momentum": 0.5, "centered": True, "weight_decay": 0.1},
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=1e-6, momentum=0.5, centered=True, weight_decay=0.1),
    ),
}


def test_every_optimizer_has_a_case():
    assert set(optimizers.names()) == set(CASES)


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(5, 4, generator=generator)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_is_torchs(name):
    table, theirs = CASES[name]
    ours, other = nn.Linear(4, 3, bias=False), nn.Linear(4, 3, bias=False)
    other.load_state_dict(ours.state_dict())
    steps(ours, optimizers.build({"name": name, **table}, model=ours), 10, seed=1)
    steps(other, theirs(other.parameters()), 10, seed=1)
    torch.testing.assert_close(ours.weight, other.weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_goes_on_from_its_tensors_to_the_same_bits(name):
    model = nn.Linear(4, 3)
    optimizer = optimizers.build({"name": name, **CASES[name][0]}, model=model)
    steps(model, optimizer, 5, seed=1)
    kept = {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer, model).items()}
    weights = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    steps(model, optimizer, 5, seed=2)
    again = nn.Linear(4, 3)
    again.load_state_dict(weights)
    resumed = optimizers.build({"name": name, **CASES[name][0]}, model=again)
    optimizer_from(kept, resumed, again)
    steps(again, resumed, 5, seed=2)
    assert torch.equal(model.weight, again.weight)
    assert torch.equal(model.bias, again.bias)


def test_vectors_and_embeddings_do_not_decay():
    tables = {"a": Embedding(3, inputs=5), "b": nn.Embedding(5, 3)}
    model = nn.ModuleDict({**tables, "c": nn.Linear(3, 2), "d": nn.LayerNorm(3)})
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decay = {names[id(p)]: group["weight_decay"] for group in groups(model, 0.3) for p in group["params"]}
    assert decay == {"c.weight": 0.3, "a.weight": 0, "b.weight": 0, "c.bias": 0, "d.weight": 0, "d.bias": 0}


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ConfigError, match="set momentum"):
        optimizers.build({"name": "sgd", "nesterov": True}, model=nn.Linear(1, 1))


def torch_rates(make, count, step=lambda scheduler, i: scheduler.step()):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for i in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        step(scheduler, i)
    return rates


def test_warmup_is_torchs_linear():
    schedule = schedules.build({"name": "constant", "warmup": 8})
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / 8, total_iters=7), 20)
    assert [schedule.factor(i, 20) for i in range(20)] == pytest.approx(theirs)


def test_cosine_is_torchs():
    schedule = schedules.build({"name": "cosine", "warmup": 0, "floor": 0.1})
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=30, eta_min=0.1), 30)
    assert [schedule.factor(i, 30) for i in range(30)] == pytest.approx(theirs)


def test_cosine_waits_for_the_total():
    schedule = schedules.build({"name": "cosine", "warmup": 4})
    assert [schedule.factor(i, None) for i in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert schedule.factor(3, 100) == 1
    assert schedule.factor(99, 100) < schedule.factor(98, 100)


def test_plateau_is_torchs():
    scores = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 2, 2]
    schedule = schedules.build({"name": "plateau", "warmup": 0, "factor": 0.3, "patience": 2, "floor": 0.05})
    ours, best = [], math.inf
    for score in scores:
        ours.append(schedule.factor(0, None))
        schedule.evaluated(score < best)
        best = min(best, score)
        memory = schedule.memory()
        schedule = schedules.build({"name": "plateau", "warmup": 0, "factor": 0.3, "patience": 2, "floor": 0.05})
        schedule.recall(memory)
    theirs = torch_rates(
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.3, patience=2, threshold=0, min_lr=0.05),
        len(scores),
        lambda scheduler, i: scheduler.step(scores[i]),
    )
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"batch_size": 0}, "train.batch_size"),
        ({"ema_decay": 1.0}, "train.ema_decay"),
        ({"clip": {"nrm": 1.0}}, "train.clip.nrm"),
        ({"clip": {"norm": -1.0}}, "train.clip.norm"),
        ({"log": ["cvs"]}, "train.log"),
        ({"optimizer": {"name": "adam"}}, "adamw"),
        ({"schedule": {"name": "cosine", "warmup": -1}}, "train.schedule.warmup"),
        ({"secnds": 3}, "seconds"),
    ],
)
def test_a_wrong_setting_is_named(table, said):
    _, problems = check_call(Settings, {"steps": 1, **table}, "train", "training")
    assert any(said in problem for problem in problems), problems


def test_settings_must_say_when_to_end():
    with pytest.raises(ConfigError, match="steps, epochs or seconds"):
        Settings()
