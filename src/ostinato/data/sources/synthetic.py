"""A synthetic problem as a source: any number of examples in each split."""

from pathlib import Path

from ostinato.data.splits import DataSplits, register
from ostinato.data.synthetic.base import Generated, Problem
from ostinato.progress import OnProgress, silent
from ostinato.registry import Count, Spec


@register("synthetic", example={"problem": {"name": "parity", "steps": 6}, "train": 20, "valid": 10, "test": 10})
def synthetic(
    problem: Spec[Problem],
    train: Count = 10_000,
    valid: Count = 1000,
    test: Count = 1000,
    seed: int = 1,
    *,
    folder: Path,
    progress: OnProgress = silent,
) -> DataSplits[Generated]:
    """Examples of one problem, each drawn from (seed, split, number) whenever it is read.

    Options:
        problem: the problem that the examples are drawn from.
        train: training examples.
        valid: validation examples.
        test: test examples.
        seed: decides which examples are drawn.
    """
    rule = problem.build()
    counts = {"train": train, "valid": valid, "test": test}
    splits = {
        name: Generated(rule, count, seed, number, f"{problem.name}.{name}")
        for number, (name, count) in enumerate(counts.items())
    }
    return DataSplits(splits, folder, progress)
