"""A row of results: a measured case."""

from dataclasses import dataclass
from typing import Any

import torch

from ostinato.bench import model, sequence, step, training
from ostinato.bench.ceiling import Ceiling
from ostinato.bench.contest import LEAD_SECONDS, Contest
from ostinato.bench.grid import BenchCase
from ostinato.bench.pairs import Paired, paired
from ostinato.bench.roofline import with_map

SEED = 1
CONTESTS = {
    "target": sequence.contest,
    "beyond": sequence.contest,
    "step": step.contest,
    "model": model.contest,
    "training": training.contest,
}


@dataclass(frozen=True)
class BenchRow:
    """A measured case. `against` has the pair for each rival: torch, torch_cell, onnx; `flops` is operations a second.

    `share_of_roofline` is the least time by roofline.py over ours; `share_with_map` includes the pointwise map.
    """

    case: BenchCase
    against: dict[str, Paired]
    flops: float
    share_of_peak: float
    share_of_roofline: float
    share_with_map: float

    @property
    def ours_seconds(self) -> float:
        """The median seconds of a call of ours, timed against torch."""
        return self.against["torch"].ours

    @property
    def ratio(self) -> float:
        """torch's time over ours."""
        return self.against["torch"].ratio

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.case.target_microseconds is not None:
            return self.ours_seconds * 1e6 <= self.case.target_microseconds
        return None if self.case.target_ratio is None else self.ratio >= self.case.target_ratio

    def losses(self) -> dict[str, Paired]:
        """The rivals that are faster."""
        return {rival: pair for rival, pair in self.against.items() if pair.ratio < 1}

    def as_object(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return {
            **vars(self.case),
            "met": self.met,
            "ours_ms": self.ours_seconds * 1e3,
            "against": {
                rival: {
                    "ms": pair.theirs * 1e3,
                    "ours_ms": pair.ours * 1e3,
                    "ratio": pair.ratio,
                    "ratio_quartiles": pair.quartiles,
                    "pairs": pair.pairs,
                }
                for rival, pair in self.against.items()
            },
            "gigaflops_per_second": self.flops / 1e9,
            "share_of_peak": self.share_of_peak,
            "share_of_roofline": self.share_of_roofline,
            "share_with_map": self.share_with_map,
        }


def measure(case: BenchCase, ceiling: Ceiling, seconds: float) -> BenchRow:
    """Times ours against each rival, `seconds` a pair. Raises ComparisonError where their results differ."""
    threads = torch.get_num_threads()
    torch.set_num_threads(case.threads)
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(SEED)
            contest = CONTESTS[case.section](case)
        with torch.inference_mode(case.what != "train"):
            contest.check(str(case))
            against = _against(contest, seconds)
    finally:
        torch.set_num_threads(threads)
    ours = against["torch"].ours
    flops = contest.work.operations / ours
    least = with_map(contest.work, ceiling, case.what if case.what == "train" else "infer")
    share_of_peak = flops / ceiling.flops[case.dtype]
    return BenchRow(case, against, flops, share_of_peak, contest.work.seconds(ceiling) / ours, least / ours)


def _against(contest: Contest, seconds: float) -> dict[str, Paired]:
    return {
        name: paired(contest.ours.call, rival.call, seconds, LEAD_SECONDS if rival.has_own_threads else 0.0)
        for name, rival in contest.rivals.items()
    }
