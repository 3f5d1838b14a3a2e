"""Synthetic problems: sequences drawn by rule, whose difficulty is known."""

from ostinato.data.synthetic.base import Drawn, Generated, Problem, problems, register

__all__ = ["Drawn", "Generated", "Problem", "problems", "register"]
