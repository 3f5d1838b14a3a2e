"""Problems of keeping something: copy, selective copy, reverse, delayed recall."""

import math

import numpy as np

from ostinato.data.synthetic.base import (
    Problem,
    SyntheticExample,
    answer_every_step,
    answer_last_step,
    answer_last_steps,
    register,
)
from ostinato.errors import ConfigError
from ostinato.registry import Count


@register("copy", example={"lag": 5})
class Copy(Problem):
    """Copying memory (Hochreiter and Schmidhuber, 1997; as Arjovsky, Shah and Bengio, 2016, section 4.1): `length`
    symbols of 8, `lag` − 1 blanks, a mark, `length` blanks; wanted are lag + length blanks and then the symbols.

    Without memory the best is 10 ln 8 / (lag + 20) nats a step at length 10: 0.0866 at lag 220, 0.0400 at 500 and
    0.0204 at 1,000. In the paper an LSTM stays near it where a unitary RNN comes near 0
    [recalled].

    Options:
        lag: steps between the symbols and their copy.
        length: symbols to copy.
        alphabet: different symbols.
    """

    def __init__(self, lag: Count = 100, length: Count = 10, alphabet: Count = 8):
        self.lag, self.length, self.alphabet = lag, length, alphabet
        self.symbols = self.classes = alphabet + 2
        self.blank, self.mark = alphabet, alphabet + 1
        self.chance = length * math.log(alphabet) / (lag + 2 * length)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = lag + 2 length steps, all of them scored."""
        word = rng.integers(self.alphabet, size=self.length)
        inputs = np.full(self.lag + 2 * self.length, self.blank)
        targets = inputs.copy()
        inputs[: self.length], inputs[self.length + self.lag - 1] = word, self.mark
        targets[-self.length :] = word
        return answer_every_step(inputs, targets)


@register("selective_copy", example={"steps": 20, "length": 3})
class SelectiveCopy(Problem):
    """Selective copying (Gu and Dao, 2023, section 4.1.1): `length` symbols lie at random places among blanks, and are
    the targets, in order, at `length` marks at the end. Raises ConfigError for fewer steps than symbols.

    The paper's setting is 4,096 steps, 16 symbols and an alphabet of 16; its selective model reaches 99.8 %, its
    time-invariant one 18.3 % [recalled]. A guess costs ln(alphabet) a symbol. Raises ConfigError where `length` exceeds
    `steps`.

    Options:
        steps: steps before the copy, blanks and symbols.
        length: symbols to copy.
        alphabet: different symbols.
    """

    def __init__(self, steps: Count = 256, length: Count = 16, alphabet: Count = 14):
        if length > steps:
            raise ConfigError(f"problem.length: {length} symbols do not fit into {steps} steps; make steps larger")
        self.steps, self.length, self.alphabet = steps, length, alphabet
        self.symbols, self.classes = alphabet + 2, alphabet
        self.chance = math.log(alphabet)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = steps + length."""
        word = rng.integers(self.alphabet, size=self.length)
        inputs = np.full(self.steps + self.length, self.alphabet)
        inputs[np.sort(rng.choice(self.steps, self.length, replace=False))] = word
        inputs[self.steps :] = self.alphabet + 1
        return answer_last_steps(inputs, word)


@register("reverse", example={"length": 4})
class Reverse(Problem):
    """`length` symbols, then as many marks, whose targets are the symbols from the last to the first (Grefenstette et
    al., 2015): a stack. A guess costs ln(alphabet) a symbol.

    Options:
        length: symbols to say backwards.
        alphabet: different symbols.
    """

    def __init__(self, length: Count = 10, alphabet: Count = 8):
        self.length, self.alphabet = length, alphabet
        self.symbols, self.classes, self.chance = alphabet + 1, alphabet, math.log(alphabet)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = 2 length."""
        word = rng.integers(self.alphabet, size=self.length)
        return answer_last_steps(np.concatenate([word, np.full(self.length, self.alphabet)]), word[::-1])


@register("delayed_recall", example={"lag": 4})
class DelayedRecall(Problem):
    """A cue, `lag` distractors, a probe; wanted at the probe is the cue. Cues and distractors are unlike symbols, so
    that nothing is to be found but the first step. Who sees a window of at most `lag` + 1 steps is at chance, 1 /
    `cues`.

    Options:
        lag: distractors between the cue and the probe.
        cues: different cues.
        distractors: different distractors.
    """

    def __init__(self, lag: Count = 8, cues: Count = 8, distractors: Count = 8):
        self.lag, self.cues, self.distractors = lag, cues, distractors
        self.symbols, self.classes, self.chance = cues + distractors + 1, cues, math.log(cues)

    def draw(self, rng: np.random.Generator, number: int) -> SyntheticExample:
        """T = lag + 2, scored at the last."""
        cue = int(rng.integers(self.cues))
        between = self.cues + rng.integers(self.distractors, size=self.lag)
        return answer_last_step(np.concatenate([[cue], between, [self.cues + self.distractors]]), cue)
