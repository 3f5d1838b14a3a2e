"""Schedules: how the rate changes while training goes on, one file each."""

from ostinato.training.schedules.base import Schedule, register, schedules
from ostinato.training.schedules.constant import Constant
from ostinato.training.schedules.cosine import Cosine
from ostinato.training.schedules.plateau import Plateau

__all__ = ["Constant", "Cosine", "Plateau", "Schedule", "register", "schedules"]
