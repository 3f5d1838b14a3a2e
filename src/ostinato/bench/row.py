"""A row of results: a case, measured."""

from dataclasses import dataclass
from typing import Any

import torch

from ostinato.bench import model, sequence, step, training
from ostinato.bench.ceiling import Ceiling
from ostinato.bench.contest import LEAD_SECONDS, Contest
from ostinato.bench.grid import Case
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
    """`against` has a pair for each rival: torch, torch_cell, onnx; `ours_seconds` is the one timed against torch.

    `share_of_roofline` is the least time that roofline.py gives, over ours; `share_with_map` that with the gates' map.
    """

    case: Case
    against: dict[str, Paired]
    flops: float
    share_of_peak: float
    share_of_roofline: float
    share_with_map: float

    @property
    def ours_seconds(self) -> float:
        """Median of a call."""
        return self.against["torch"].ours

    @property
    def ratio(self) -> float:
        """torch's time over ours."""
        return self.against["torch"].ratio

    @property
    def met(self) -> bool | None:
        """Whether it is as fast as was asked; None where nothing was."""
        if self.case.target_microseconds is not None:
            return self.ours_seconds * 1e6 <= self.case.target_microseconds
        return None if self.case.target_ratio is None else self.ratio >= self.case.target_ratio

    def losses(self) -> dict[str, Paired]:
        """The rivals that are faster."""
        return {rival: pair for rival, pair in self.against.items() if pair.ratio < 1}

    def as_object(self) -> dict[str, Any]:
        """For JSON."""
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


def measure(case: Case, ceiling: Ceiling, seconds: float) -> BenchRow:
    """Time ours against each rival, `seconds` a pair, once they agree on the numbers."""
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
