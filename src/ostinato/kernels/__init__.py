"""The compiled scans in torch."""

from ostinato._core import isa
from ostinato.kernels.linear import linear
from ostinato.kernels.lstm import lstm
from ostinato.kernels.scan import Scan

__all__ = ["Scan", "isa", "linear", "lstm"]
