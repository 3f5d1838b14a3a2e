"""Speed: what a step, an evaluation and a checkpoint cost in seconds, and so how many steps fit into a time."""

from dataclasses import dataclass

LEAST_STEPS = 20
LEAST_SHARE, MOST_SHARE = 0.02, 0.05


@dataclass
class Speed:
    """Of this process; its first step, which also warms up, is not counted."""

    warm: bool = False
    steps: int = 0
    step_seconds: float = 0.0
    save_seconds: float = 0.0

    def took(self, seconds: float) -> None:
        """One step was done."""
        if self.warm:
            self.steps, self.step_seconds = self.steps + 1, self.step_seconds + seconds
        self.warm = True

    @property
    def seconds_a_step(self) -> float:
        """The mean; 0 before it is known."""
        return self.step_seconds / self.steps if self.steps else 0.0

    def is_known(self, seconds: float, budget_seconds: float) -> bool:
        """Whether enough was seen when `seconds` of the budget are gone: 2 % of it and twenty steps, or 5 %."""
        share = seconds / budget_seconds
        enough = self.steps >= LEAST_STEPS and share >= LEAST_SHARE
        return enough or (self.steps >= 2 and share >= MOST_SHARE) or share >= 1

    def steps_in(self, seconds: float, evaluation_seconds: float, evaluate_every: int, checkpoint_every: int) -> int:
        """How many more steps fit, evaluations and checkpoints on the way and at the end counted in."""
        left = seconds - evaluation_seconds - 2 * self.save_seconds
        each = self.seconds_a_step + self.save_seconds / checkpoint_every
        each += (evaluation_seconds + self.save_seconds) / evaluate_every  # each may be the best yet, and is then kept
        return max(0, int(left / each)) if each else 0
