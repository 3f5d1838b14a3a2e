"""A comparison small enough to be run in a second: two contestants, two seeds."""

from pathlib import Path

from ostinato.compare import Outcome, load, outcome, plan, runs
from ostinato.training import Silent

TINY = """\
[task]
name = "synthetic"
[data]
name = "synthetic"
problem = { name = "delayed_recall", cues = 2, distractors = 2, lag = 3 }
train = 64
valid = 20
test = 60
[model]
name = "sequence"
embedding = 4
[train]
steps = 2
batch_size = 8
optimizer = { name = "adamw", learning_rate = 1e-2 }
schedule = { name = "constant" }
[compare]
seeds = [1, 2]
[contestants.gru]
model.body = [{ name = "recurrent", cell = { name = "gru", hidden = 6 } }]
[contestants.bag]
model.body = [{ name = "mean_pooling" }]
"""


def written(folder: Path, *replaced: tuple[str, str], more: str = "") -> Path:
    """The file, with text in it replaced and more of it at the end."""
    text = TINY
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.toml"
    path.write_text(text + more, "utf-8")
    return path


def compared(path: Path, out: Path, told: Silent | None = None, fresh: bool = False) -> Outcome:
    """What a file comes to, its runs below `out`."""
    told = told or Silent()
    comparison = load(path)
    contestants = plan(comparison, out.parent / "scratch", told.stage)
    return outcome(comparison, runs(comparison, contestants, out, told, fresh=fresh))
