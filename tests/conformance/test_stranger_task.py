"""A stranger's task: one file and entry points. The laws try it by the recipe that it gives, and a wrong one fails."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import ostinato
from ostinato.testing.tasks import LAWS

TASK = '''
    """Which of two moods a text has, by the mean of its characters' vectors."""
    import json
    from typing import Any, NamedTuple

    import numpy as np
    import torch
    from torch import Tensor, nn

    from ostinato.metrics import Accuracy
    from ostinato.models.base import register as register_model
    from ostinato.padded import Padded
    from ostinato.tasks.base import Loss, register
    from ostinato.tasks.rows import RowTask, flags, padded
    from ostinato.wiring import Classes, Ports, Tokens, Wiring, accepts

    MOODS = ("glad", "sad")


    class Batch(NamedTuple):
        input: Padded
        mood: Tensor
        keys: list[str]
        continues: Tensor
        ends: Tensor


    class MeanOfCharacters(nn.Module):
        def __init__(self, size: int):
            super().__init__()
            self.table, self.head = nn.Embedding(size, 4), nn.Linear(4, 2)

        def forward(self, x: Padded) -> Tensor:
            vectors = self.table(x.zeroed().data) * x.mask.unsqueeze(-1)
            return self.head(vectors.sum(1) / x.lengths.clamp_min(1).unsqueeze(1))


    @register_model("mean_of_characters")
    @accepts(inputs={"input": (Tokens,)}, outputs={"output": (Classes,)})
    def mean_of_characters(*, size: int) -> MeanOfCharacters:
        return MeanOfCharacters(size)


    @register("mood")
    class MoodTask(RowTask[Batch, int]):
        example_recipe = {
            "data": {"name": "jsonl", "path": "moods.jsonl", "valid": 0.3},
            "model": {"name": "mean_of_characters"},
            "items": [{"text": "ab"}, {"text": ""}, {"text": "zzzzzz"}],
        }

        def __init__(self):
            super().__init__()
            self.letters = ""

        def is_ready(self):
            return bool(self.letters)

        def learn(self, rows):
            self.letters = "".join(sorted(set("".join(row.fields["text"] for row in rows))))

        def encode(self, row, labelled=True):
            ids = np.array([self.letters.find(c) + 1 for c in row.fields["text"]], np.int64)
            return {"input": ids, "mood": np.int64(MOODS.index(row.fields["mood"]) if labelled else 0)}

        def ports(self):
            return Ports({"input": (Tokens,)}, {"output": (Classes,)})

        def wiring(self):
            return Wiring({"input": Tokens(len(self.letters) + 1)}, {"output": Classes(2)})

        def assets(self):
            return {"letters.json": json.dumps(self.letters)}

        def restore(self, assets):
            self.letters = json.loads(assets["letters.json"])

        def model(self, spec):
            return spec.build(size=len(self.letters) + 1)

        def metrics_for(self, split, quick=False):
            return (Accuracy(examples=self.content_hash(split)),)

        def collate(self, examples):
            mood = torch.tensor([int(example.fields["mood"]) for example in examples])
            return Batch(padded(examples, "input"), mood, *flags(examples))

        def loss(self, model, batch, state):
            return Loss(nn.functional.cross_entropy(model(batch.input), batch.mood, reduction="sum"), len(batch.keys)), None

        def predict(self, model, batch, state=None, options=None):
            return model(batch.input).detach().tolist(), None

        def metric_input(self, prediction):
            return [int(np.argmax(prediction))]

        def references(self, batch):
            return [[mood] for mood in batch.mood.tolist()]

        def to_record(self, prediction):
            return dict(zip(MOODS, prediction))
'''  # noqa: E501
LEAKY = TASK.replace('@register("mood")', '@register("leaky")').replace(
    '@register_model("mean_of_characters")', '@register_model("leaky")'
)
LEAKY = LEAKY.replace('{"name": "mean_of_characters"}', '{"name": "leaky"}').replace(
    "return model(batch.input).detach().tolist(), None",
    "return (model(batch.input).detach() + len(batch.keys)).tolist(), None",
)

SUITE = """
    import json

    import pytest

    from ostinato.testing.tasks import LAWS, case


    @pytest.mark.parametrize("name", ["mood", "leaky"])
    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    def test_law(law, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with open("moods.jsonl", "w") as file:
            for number in range(40):
                row = {"text": "abz"[number % 3] * (number % 7 + 1), "mood": ("glad", "sad")[number % 2]}
                file.write(json.dumps(row) + "\\n")
        law(case(name, tmp_path))
"""


def test_the_right_one_passes_and_the_one_whose_rows_interact_does_not(tmp_path):
    metadata = tmp_path / "stranger-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    groups = "".join(
        f"[ostinato.{kind}]\nmood = stranger_mood\nleaky = stranger_leaky\n" for kind in ("tasks", "models")
    )
    (metadata / "entry_points.txt").write_text(groups)
    files = {
        "stranger_mood.py": TASK,
        "stranger_leaky.py": LEAKY,
        "test_strangers.py": SUITE,
        "pytest.ini": "[pytest]\n",
    }
    for name, source in files.items():
        (tmp_path / name).write_text(textwrap.dedent(source))
    above = os.pathsep.join([str(tmp_path), str(Path(ostinato.__file__).parents[1])])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no", "test_strangers.py"]
    environment = {**os.environ, "PYTHONPATH": above}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    failed = {line.split("[")[1].split("]")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {"a_prediction_does_not_depend_on_its_batch-leaky"}, done.stdout[-3000:]
    assert int(done.stdout.split(" passed")[0].split()[-1]) == 2 * len(LAWS) - 1


def test_without_an_example_recipe_it_is_named_and_not_skipped():
    from ostinato.errors import ConfigError
    from ostinato.tasks.base import Task, tasks
    from ostinato.testing.tasks import case

    class Bare(Task):
        """It gives no recipe."""

    tasks.names()
    tasks.register("bare")(Bare)
    try:
        with pytest.raises(ConfigError, match="task 'bare': it has no example_recipe"):
            case("bare", Path())
    finally:
        tasks._entries.pop("bare")
