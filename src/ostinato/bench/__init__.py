"""The benchmark of `ostinato bench`: our layers against torch.nn and ONNX Runtime, in pairs, on this machine."""

from ostinato.bench.ceiling import Ceiling
from ostinato.bench.grid import BenchCase, cases, chosen
from ostinato.bench.machine import Machine, cores
from ostinato.bench.page import page
from ostinato.bench.results import Results
from ostinato.bench.row import SEED, BenchRow, measure

__all__ = [
    "SEED",
    "BenchCase",
    "BenchRow",
    "Ceiling",
    "Machine",
    "Results",
    "cases",
    "chosen",
    "cores",
    "measure",
    "page",
]
