"""Dates: as people write them, to be written as 2026-11-22."""

import datetime
import math

import numpy as np

from ostinato.data.synthetic.base import Problem, SyntheticExample, answer_last_steps, register

FORMS = (
    "{d} {B} {Y}",
    "{d} {b} {Y}",
    "{B} {d}, {Y}",
    "{b} {d}, {Y}",
    "{d}.{m}.{Y}",
    "{A}, {d} {B} {Y}",
    "{A} {B} {d} {Y}",
    "{d}/{m}/{y}",
)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DIGITS = "0123456789-"
LONGEST = 28
FIRST, LAST = datetime.date(1970, 1, 1).toordinal(), datetime.date(2069, 12, 31).toordinal()


@register("dates")
class Dates(Problem):
    """A date between 1970 and 2069 in one of eight forms, filled up with blanks to 28 characters, then ten marks at
    which its ten characters are wanted: a small transduction in which what is read first is said last. A guess costs
    ln 11 a character. `characters` are the ids' characters; the mark is the last id.
    """

    classes, chance = len(DIGITS), math.log(len(DIGITS))

    def __init__(self) -> None:
        self.characters = "".join(sorted(set("".join(MONTHS + DAYS) + DIGITS + " ,./")))
        self.mark = len(self.characters)
        self.symbols = self.mark + 1

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = 38, scored at the last ten."""
        date = datetime.date.fromordinal(int(rng.integers(FIRST, LAST + 1)))
        month = MONTHS[date.month - 1]
        written = FORMS[int(rng.integers(len(FORMS)))].format(
            d=date.day,
            m=date.month,
            B=month,
            b=month[:3],
            Y=date.year,
            y=f"{date.year % 100:02}",
            A=DAYS[date.weekday()],
        )
        read = [self.characters.index(c) for c in written.ljust(LONGEST)]
        marks = [self.mark] * len(date.isoformat())
        return answer_last_steps(np.array(read + marks), np.array([DIGITS.index(c) for c in date.isoformat()]))
