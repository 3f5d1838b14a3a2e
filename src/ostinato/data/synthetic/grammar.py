"""Problems of grammar: the embedded Reber grammar, Dyck languages, agreement across nested clauses."""

import math

import numpy as np

from ostinato.data.synthetic.base import Problem, SyntheticExample, answer_every_step, answer_last_step, register
from ostinato.registry import Count, Share

REBER = "BTPSXVE"
# The Reber grammar (Reber, 1967): from each place, the letters that may follow and where they lead; 7 is the end.
GRAPH = (
    (("T", 1), ("P", 2)), (("S", 1), ("X", 3)), (("T", 2), ("V", 4)),
    (("X", 2), ("S", 5)), (("P", 3), ("V", 5)), (("E", 7),),
)  # fmt: skip


@register("reber")
class Reber(Problem):
    """The embedded Reber grammar (Fahlman, 1991; Hochreiter and Schmidhuber, 1997, section 5.1): B, T or P, a string of
    the Reber grammar, the same T or P again, E. Wanted after the string is which of T and P must come.

    Strings have no greatest length. A guess costs ln 2; the second letter decides.
    """

    symbols, classes, chance = len(REBER), 2, math.log(2)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = letters up to the one to be foretold; scored at the last."""
        outer, inner, place = int(rng.integers(2)), ["B"], 0
        while place != 7:
            choices = GRAPH[place]
            letter, place = choices[int(rng.integers(len(choices)))]
            inner.append(letter)
        return answer_last_step(np.array([REBER.index(letter) for letter in ["B", "TP"[outer], *inner]]), outer)


@register("dyck", example={"steps": 8})
class Dyck(Problem):
    """Well-nested brackets of `kinds` kinds, at most `depth` deep (Hewitt et al., 2020); wanted at each step is the
    bracket that would have to close now, or that none is open. Half of the free choices open, so a stack of kinds is
    needed and a count is not enough; a guess costs ln(kinds + 1).

    Options:
        steps: brackets of a sequence.
        kinds: kinds of brackets.
        depth: brackets that may be open at once, at most.
    """

    def __init__(self, steps: Count = 64, kinds: Count = 2, depth: Count = 8):
        self.steps, self.kinds, self.depth = steps, kinds, depth
        self.symbols, self.classes, self.chance = 2 * kinds, kinds + 1, math.log(kinds + 1)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps: a beginning of a well-nested string."""
        open_: list[int] = []
        inputs: list[int] = []
        answers: list[int] = []
        for _ in range(self.steps):
            if not open_ or (len(open_) < self.depth and rng.random() < 0.5):
                open_.append(int(rng.integers(self.kinds)))
                inputs.append(open_[-1])
            else:
                inputs.append(self.kinds + open_.pop())
            answers.append(1 + open_[-1] if open_ else 0)
        return answer_every_step(np.array(inputs), np.array(answers))


NOUNS = (
    "cat cats",
    "dog dogs",
    "doctor doctors",
    "child children",
    "farmer farmers",
    "singer singers",
    "king kings",
    "wolf wolves",
)
SEEN = ("chased", "saw", "admired", "met", "heard", "followed")  # the past has one form for one and many
ADDED = ("from down the road", "with the red hat", "near the old mill", "of the village", "yesterday", "again")
VERBS = ("is", "are")
ENDS = ("sleeping", "hungry", "away", "singing")


@register("agreement", example={"depth": 1})
class Agreement(Problem):
    """Subject and verb across nested clauses (after Linzen, Dupoux and Goldberg, 2016): "the cat that the dogs from
    down the road chased yesterday" asks for *is*, however many plural nouns stand between. Wanted after the last word
    is whether the verb of the first noun is `is` or `are`.

    `depth` clauses are nested inside one another; nouns between are drawn without regard to the first, so the last noun
    tells nothing. A guess costs ln 2. `words` are the ids' words.

    Options:
        depth: clauses nested inside one another.
        added: probability that a noun or verb is followed by a further phrase.
    """

    classes, chance = 2, math.log(2)

    def __init__(self, depth: Count = 2, added: Share = 0.5):
        self.depth, self.added = depth, added
        phrases = " ".join(("the that", *NOUNS, *SEEN, *ADDED))
        self.words = sorted(set(phrases.split()))
        self.symbols = len(self.words)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = words before the verb, scored at the last."""
        many, words = [], []
        for level in range(self.depth + 1):
            many.append(int(rng.integers(2)))
            noun = NOUNS[int(rng.integers(len(NOUNS)))].split()[many[-1]]
            words += ["that"] * (level > 0) + ["the", noun] + self._added(rng, ADDED[:4])
        for _ in range(self.depth):
            words += [SEEN[int(rng.integers(len(SEEN)))], *self._added(rng, ADDED[4:])]
        return answer_last_step(np.array([self.words.index(word) for word in words]), many[0])

    def _added(self, rng: np.random.Generator, among: tuple[str, ...]) -> list[str]:
        return among[int(rng.integers(len(among)))].split() if rng.random() < self.added else []
