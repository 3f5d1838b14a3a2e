"""Schedules: how the rate changes while training goes on, one file each."""

from ostinato.train.schedules.base import Schedule, register, schedules
from ostinato.train.schedules.constant import Constant
from ostinato.train.schedules.cosine import Cosine
from ostinato.train.schedules.plateau import Plateau

__all__ = ["Constant", "Cosine", "Plateau", "Schedule", "register", "schedules"]
