"""Regression: how far predicted values are from their references."""

from typing import Any

import numpy as np

from ostinato.metrics.base import register
from ostinato.metrics.mean import MeanMetric


@register("squared_error")
class SquaredError(MeanMetric):
    """The mean squared error (1 / N) Σ (prediction − reference)² of values [...], in squared units of the values."""

    name, unit = "squared_error", "mean squared error"

    def cost(self, prediction: Any, reference: Any) -> float:
        """The sum of squares."""
        return float(np.square(np.asarray(prediction, np.float64) - reference).sum())

    def example_row(self, generator: np.random.Generator, noise: float) -> tuple[Any, Any]:
        """Two to nine values."""
        reference = generator.normal(size=generator.integers(2, 10))
        return reference + noise * generator.normal(size=len(reference)), reference
