"""Linear maps: compiled where they can be, torch's own elsewhere, the same numbers."""

import logging
import sys

import pytest
import torch
from torch.func import vmap

from ostinato.kernels import affine


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_torchs_linear(dtype, biased):
    x, weight = torch.randn(2, 3, 5, dtype=dtype), torch.randn(4, 5, dtype=dtype)
    bias = torch.randn(4, dtype=dtype) if biased else None
    torch.testing.assert_close(affine(x, weight, bias), torch.nn.functional.linear(x, weight, bias))


def test_what_the_compiled_one_refuses_goes_to_torch_and_is_said_once(caplog, monkeypatch):
    monkeypatch.setattr(sys.modules[affine.__module__], "_logged", set())
    x, weight = torch.randn(6, 3, 5), torch.randn(4, 5)
    with caplog.at_level(logging.INFO, "ostinato"):
        mapped = vmap(lambda row: affine(row, weight))(x)
        vmap(lambda row: affine(row, weight))(x)
    torch.testing.assert_close(mapped, x @ weight.T)
    assert len(caplog.records) == 1
    assert "vmap" in caplog.records[0].getMessage()
