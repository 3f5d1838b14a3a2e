"""The page behind `ostinato report`: runs side by side, in one file that needs no other."""

from ostinato.report.page import page
from ostinato.report.subject import Subject, differences, subjects

__all__ = ["Subject", "differences", "page", "subjects"]
