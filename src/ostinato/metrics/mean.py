"""MeanMetric: the mean of a cost over all items of all rows; what accuracy and squared error share."""

from typing import Any

import numpy as np

from ostinato.errors import DataError
from ostinato.metrics.base import ExamplesSignature, Stats, SummedMetric


class MeanMetric(SummedMetric):
    """Statistics [sum of costs, items] of predictions [...] and references of the same shape.

    `examples` names what is measured, and becomes the signature.
    """

    def __init__(self, *, examples: str | None = None):
        self.examples = examples

    def cost(self, prediction: Any, reference: Any) -> float:
        """The sum of the costs of one row's items, both arrays of one shape."""
        raise NotImplementedError

    def stats(self, prediction: Any, reference: Any) -> Stats:
        """[2]: the sum of costs, and the number of items. Raises DataError where the shapes differ."""
        predictions, references = np.asarray(prediction), np.asarray(reference)
        if predictions.shape != references.shape:
            raise DataError(
                f"{self.name}: predictions {list(predictions.shape)} stand beside references "
                f"{list(references.shape)}; give one for each"
            )
        return np.array([self.cost(predictions, references), predictions.size], np.float64)

    def score_of_sum(self, total: Stats) -> float:
        """The mean cost of an item, from summed statistics [2]; NaN without items."""
        return float(total[0] / total[1]) if total[1] else float("nan")

    def signature_of_sum(self, total: Stats) -> ExamplesSignature:
        """The examples."""
        return ExamplesSignature(self.examples)
