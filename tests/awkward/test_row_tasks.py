"""Two tasks over rows, each one file: chunked documents, and several labels judged by AUROC; and they meet the laws."""

import json

import numpy as np
import pytest
import torch
from documents import DocumentTask, document, write_csv
from topics import TOPICS, TopicTask, topics

from ostinato import recipe
from ostinato.bundle import Bundle
from ostinato.data import DataSplits, InMemoryRows
from ostinato.errors import ConfigError, DataError
from ostinato.models import models
from ostinato.tasks import tasks
from ostinato.testing.tasks import LAWS, case
from ostinato.training import Settings, Silent, fit

ENTRIES = {tasks: {"documents": DocumentTask, "topics": TopicTask}, models: {"document": document, "topics": topics}}


@pytest.fixture(autouse=True, scope="module")
def registered():
    """Known to the registries while this module runs, and to no other."""
    for registry, names in ENTRIES.items():
        for name, constructor in names.items():
            registry.names()
            registry.register(name, {"cell": {"name": "gru", "hidden": 4}} if registry is models else {})(constructor)
    yield
    for registry, names in ENTRIES.items():
        for name in names:
            registry._entries.pop(name, None)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "documents.csv")
    generator = np.random.default_rng(1)
    with open("topics.jsonl", "w") as file:
        for _ in range(60):
            said = [topic for topic in TOPICS if generator.random() < 0.5]
            words = generator.permutation([*said, "and", "over"])
            file.write(json.dumps({"text": " ".join(words), "topics": said}) + "\n")
    return tmp_path


@pytest.mark.parametrize("name", ["documents", "topics"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law, name, here):
    law(case(name, here))


def table(name: str, **task) -> dict:
    example = dict(DocumentTask.example_recipe if name == "documents" else TopicTask.example_recipe)
    return {
        "task": {"name": name, **task}, "data": example["data"], "model": example["model"],
        "train": {
            "steps": 120, "batch_size": 8, "evaluate_every": 60, "seed": 1,
            "optimizer": {"name": "adamw", "learning_rate": 0.02},
        },
    }  # fmt: skip


def test_a_document_in_chunks_is_the_document(here):
    """The same weights, whole and 7 steps at a time, together and alone."""
    whole, cut = case("documents", here / "a"), DocumentTask(chunk=7)
    cut.restore(whole.task.assets())
    items = [{"text": "good " * n + "bad"} for n in (0, 1, 30, 3, 12)]
    with torch.inference_mode():
        one = list(DocumentTask.predictions(whole.task, whole.model, items))
        other = list(cut.predictions(whole.model, items))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=1e-5)


def test_every_row_counts_once_however_it_is_cut(here):
    rows = InMemoryRows([{"text": "good " * n, "label": ("good", "bad")[n % 2]} for n in range(40)])
    for chunk in (None, 1, 7):
        task = DocumentTask(chunk=chunk)
        task.prepare(DataSplits({"train": rows, "valid": rows}, here / f"chunk-{chunk}"))
        model = task.model(models.spec({"name": "document", "cell": {"name": "gru", "hidden": 4}}))
        (stats,) = task.statistics(model, "valid")
        assert len(stats) == 40
        assert stats[:, 1].sum() == 40


def test_they_learn(here):
    fitted = fit(recipe.check(table("documents", chunk=9), Settings, "documents"), here / "documents", Silent())
    assert fitted.scores[0].value == 1.0
    larger = table("topics")
    larger["model"] = {"name": "topics", "cell": {"name": "gru", "hidden": 24}}
    larger["train"] |= {"steps": 250, "evaluate_every": 125}
    fitted = fit(recipe.check(larger, Settings, "topics"), here / "topics", Silent())
    scores = {score.name: score.value for score in fitted.scores}
    assert scores["auroc"] > 0.9
    rows = [json.loads(line) for line in (here / "topics" / "metrics.jsonl").read_text().splitlines()]
    parts = next(row["parts"] for row in rows if row["kind"] == "train")
    assert set(parts) == set(TOPICS)  # each head's share of the loss


def test_a_label_that_training_never_saw_is_named(here):
    (here / "more.csv").write_text("text,label\nso,odd\n")
    bad = table("documents") | {"data": {"name": "csv", "path": "documents.csv", "valid": "more.csv"}}
    with pytest.raises(DataError, match=r"more\.csv:2: the label 'odd'"):
        fit(recipe.check(bad, Settings, "documents"), here / "out", Silent())


MISFITS = [
    (("documents", "model"), {"name": "language", "cell": {"name": "gru", "hidden": 4}}, "'language' is tokens"),
    (("documents", "model"), {"name": "topics", "cell": {"name": "gru", "hidden": 4}}, "'topics' is labels"),
    (("documents", "data"), {"name": "text", "text": "builtin:pydoc"}, "'text' gives a running text"),
    (("documents", "data"), {"name": "synthetic", "problem": {"name": "parity", "steps": 6}}, "synthetic sequences"),
    (("topics", "train"), {"steps": 2, "best_by": "acuracy"}, "no metric 'acuracy'.*auroc"),
]


@pytest.mark.parametrize(("place", "part", "message"), MISFITS, ids=lambda value: str(value)[:30])
def test_what_does_not_fit_is_refused(place, part, message, here):
    name, section = place
    with pytest.raises(ConfigError, match=message):
        fit(recipe.check(table(name) | {section: part}, Settings, name), here / "out", Silent())


def test_the_metric_that_picks_the_best_is_the_one_named(here):
    chosen = table("topics") | {
        "train": {"steps": 4, "batch_size": 8, "evaluate_every": 2, "best_by": "average_precision"}
    }
    fit(recipe.check(chosen, Settings, "topics"), here / "out", Silent())
    saved = json.loads(next((here / "out" / "checkpoints").glob("step-*4/training.json")).read_text())
    assert saved["run"]["best"]["selected"]["name"] == "average_precision"


def test_options_of_a_prediction_are_the_task_s_own(here):
    made = case("topics", here)
    bundle = Bundle(made.task, made.model, made.recipe.table)
    items = [{"text": "sea and sun"}]
    assert bundle.predict(items, threshold=0.0)[0].labels == list(TOPICS)
    assert bundle.predict(items, threshold=0.999)[0].labels == []
    for options, message in (({"treshold": 0.1}, "did you mean 'threshold'"), ({"threshold": 2.0}, "threshold: 2.0")):
        with pytest.raises(ConfigError, match=message):
            bundle.predict(items, **options)
    with pytest.raises(ConfigError, match="generates nothing"):
        bundle.generate("x")
