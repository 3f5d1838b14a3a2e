"""Synthetic problems: sequences drawn by rule, whose difficulty is known."""

from ostinato.data.synthetic.base import Generated, Problem, SyntheticExample, problems, register

__all__ = ["Generated", "Problem", "SyntheticExample", "problems", "register"]
