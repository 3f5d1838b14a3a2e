"""Accuracy: the share of predictions that equal their references."""

from typing import Any

import numpy as np

from ostinato.metrics.base import register
from ostinato.metrics.mean import MeanMetric


@register("accuracy")
class Accuracy(MeanMetric):
    """Correct items / items, of class ids (or other values that can be equal) [...]."""

    name, unit, better = "accuracy", "of answers right", "higher"

    def cost(self, prediction: Any, reference: Any) -> float:
        """The number of correct items."""
        return float(np.count_nonzero(prediction == reference))

    def example_row(self, generator: np.random.Generator, noise: float) -> tuple[Any, Any]:
        """Two to nine classes of four."""
        reference = generator.integers(4, size=generator.integers(2, 10))
        wrong = generator.random(len(reference)) < noise
        return np.where(wrong, (reference + 1) % 4, reference), reference
