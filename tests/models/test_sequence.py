"""The sequence model: its stride and latency are its layers'."""

import pytest

from ostinato.models import models
from ostinato.testing import layers as laws

GRU = {"name": "recurrent", "cell": {"name": "gru", "hidden": 4}}


@pytest.mark.parametrize(
    ("body", "stride", "latency"),
    [
        ([GRU], 1, 0),
        ([{"name": "subsample", "factor": 2}, GRU], 2, 1),
        ([GRU, {"name": "subsample", "factor": 2}, {"name": "subsample", "factor": 3}], 6, 1 + 2 * 2),
        ([{"name": "bidirectional", "layer": GRU}, {"name": "subsample", "factor": 4}], 4, None),
    ],
)
@pytest.mark.parametrize("wiring", [{"features": 3}, {"symbols": 5}])
def test_it_is_as_late_as_its_layers(body, stride, latency, wiring):
    model = models.build({"name": "sequence", "body": body, "embedding": 3}, outputs=2, **wiring)
    assert (model.stride, model.latency) == (stride, latency)
    laws.outputs_have_their_shape(model)
    laws.outputs_come_when_due(model)
    laws.cutting_time_changes_nothing(model)
