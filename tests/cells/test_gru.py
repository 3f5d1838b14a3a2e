"""The GRU's start."""

import pytest
import torch

from ostinato.cells import GRU, GRUState


@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("bias", [0.0, 1.0, 5.0])
def test_the_update_bias_is_how_much_of_a_state_is_kept_where_nothing_else_speaks(reset, bias):
    cell = GRU(4, reset=reset, update_bias=bias, inputs=3)
    torch.nn.init.zeros_(cell.recurrent.weight)
    h = torch.randn(2, 4)
    out, _ = cell.run(torch.zeros(2, 10, 3), GRUState(h), torch.tensor([10, 10]))
    torch.testing.assert_close(out[:, -1], h * torch.sigmoid(torch.tensor(bias)) ** 10)
