"""How a cell's weights start."""

import torch
from torch import nn

from ostinato.cells.base import Cell


def well_scaled(cell: Cell) -> None:
    """Block by block: the recurrent weight orthogonal, so that a state first keeps its length (Saxe, McClelland and
    Ganguli, 2014), the inputs' by Glorot and Bengio (2010), biases zero."""
    with torch.no_grad():
        for block in torch.split(cell.recurrent.weight, cell.hidden):
            nn.init.orthogonal_(block)
        for block in torch.split(cell.input.weight, cell.hidden):
            nn.init.xavier_uniform_(block)
        for bias in (cell.input.bias, cell.recurrent.bias):
            if bias is not None:
                bias.zero_()
