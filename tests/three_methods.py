"""A language model of somebody else's."""


class ThreeMethods:
    """It has the three methods of another, and nothing more."""

    def __init__(self, lm):
        self.size, self.eos, self._lm = lm.size, lm.eos, lm

    def start(self, owner):
        return self._lm.start(owner)

    def log_probs(self, state):
        return self._lm.log_probs(state)

    def advance(self, state, tokens):
        return self._lm.advance(state, tokens)
