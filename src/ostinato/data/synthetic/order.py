"""Problems in which only order tells: who bites whom, and sounds played backwards."""

import math

import numpy as np

from ostinato.data.synthetic.base import Problem, SyntheticExample, answer_last_step, register
from ostinato.registry import Count

NOUNS = (
    "baby",
    "baker",
    "bear",
    "boy",
    "cat",
    "child",
    "clerk",
    "cook",
    "cow",
    "dog",
    "doctor",
    "farmer",
    "fox",
    "girl",
    "goat",
    "guard",
    "horse",
    "king",
    "lawyer",
    "lion",
    "man",
    "mouse",
    "nurse",
    "pilot",
    "poet",
    "priest",
    "queen",
    "sailor",
    "singer",
    "surgeon",
    "teacher",
    "thief",
    "waiter",
    "wolf",
    "woman",
    "writer",
)
VERBS = (
    "bites",
    "calls",
    "catches",
    "chases",
    "feeds",
    "finds",
    "follows",
    "hears",
    "helps",
    "hits",
    "hugs",
    "leads",
    "likes",
    "meets",
    "paints",
    "pushes",
    "sees",
    "thanks",
    "wakes",
    "watches",
)
PLACES = ("", "in the park", "at home", "near the river", "after lunch", "every day")


@register("order", example={"pairs_of": 4})
class Order(Problem):
    """ "dog bites man" and "man bites dog": pairs of sentences of the same words, of which one has its two nouns the
    other way round. Wanted is whether the subject comes before the object in the alphabet.

    Each pair has one of either answer and the same bag of words, so a model that is blind to order is right in exactly
    half of all examples. `pairs_of` is how many different pairs there are to draw from. `words` are the ids' words.

    Options:
        pairs_of: different pairs of sentences to draw from.
    """

    classes, chance, pairs = 2, math.log(2), True

    def __init__(self, pairs_of: Count = 1000):
        self.pairs_of = pairs_of
        self.words = sorted({"the", *NOUNS, *VERBS, *" ".join(PLACES).split()})
        self.symbols = len(self.words)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = words, scored at the last; an odd number is the pair's other member."""
        own = np.random.default_rng([7, int(rng.integers(self.pairs_of))])  # the pair itself
        first, second = sorted(own.choice(len(NOUNS), 2, replace=False).tolist())
        verb, place = VERBS[int(own.integers(len(VERBS)))], PLACES[int(own.integers(len(PLACES)))]
        subject, object_ = (first, second) if number % 2 else (second, first)
        sentence = f"the {NOUNS[subject]} {verb} the {NOUNS[object_]} {place}"
        return answer_last_step(np.array([self.words.index(word) for word in sentence.split()]), number % 2)


@register("reversed_sound", example={"steps": 20})
class ReversedSound(Problem):
    """A tone that rises or the same samples played backwards: /pa/ and /ap/ in small. Wanted is which.

    Both members of a pair have the same samples, so their distribution tells nothing. `steps` samples of one number
    each.

    Options:
        steps: samples of a sound.
    """

    features, classes, chance, pairs = 1, 2, math.log(2), True

    def __init__(self, steps: Count = 100):
        self.steps = steps

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps, scored at the last."""
        time = np.linspace(0, 1, self.steps)
        low, high = rng.uniform(2, 4), rng.uniform(8, 12)  # cycles in the whole sound
        wave = np.sin(2 * np.pi * (rng.random() + low * time + (high - low) * time**2 / 2))
        sound = wave * np.sin(np.pi * time) + 0.05 * rng.standard_normal(self.steps)
        rising = number % 2 == 0
        return answer_last_step((sound if rising else sound[::-1]).astype(np.float32)[:, None], int(rising))
