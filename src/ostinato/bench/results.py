"""The results of one run of the benchmark, and all that is needed to repeat it."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ostinato.bench import onnx
from ostinato.bench.ceiling import Ceiling, measure
from ostinato.bench.grid import BenchCase
from ostinato.bench.machine import Machine
from ostinato.bench.row import SEED, BenchRow

MOST_TRIAL_SECONDS = 1.0


@dataclass(frozen=True)
class Results:
    """`command` is the command line, `seconds` the time a pair, `ceilings` by threads; `skipped` says what was left out
    and why."""

    command: str
    date: str
    seconds: float
    machine: Machine
    ceilings: dict[int, Ceiling]
    rows: list[BenchRow]
    skipped: tuple[str, ...] = ()

    @classmethod
    def begin(cls, cases: Sequence[BenchCase], seconds: float, command: str) -> "Results":
        """Results without rows: the machine, and its limits for each number of threads and each dtype of `cases`."""
        machine = Machine.here()
        dtypes = sorted({case.dtype for case in cases})
        trial = min(MOST_TRIAL_SECONDS, seconds / 2)
        ceilings = {count: measure(machine, count, dtypes, trial) for count in sorted({c.threads for c in cases})}
        date = time.strftime("%Y-%m-%d", time.gmtime())
        reason = onnx.missing()
        return cls(command, date, seconds, machine, ceilings, [], (f"ONNX Runtime: {reason}",) if reason else ())

    def as_object(self) -> dict[str, Any]:
        """The results as a JSON object."""
        return {
            "command": self.command,
            "date": self.date,
            "seed": SEED,
            "seconds_a_pair": self.seconds,
            "machine": asdict(self.machine),
            "ceilings": [asdict(ceiling) for ceiling in self.ceilings.values()],
            "rows": [row.as_object() for row in self.rows],
            "skipped": list(self.skipped),
        }
