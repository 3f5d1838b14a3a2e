"""Initial weights of a cell."""

import torch
from torch import nn

from ostinato.cells.base import Cell


def well_scaled(cell: Cell) -> None:
    """Sets a cell's weights in place, block by block: the recurrent weight orthogonal, so that a state keeps its norm
    at first (Saxe, McClelland and Ganguli, 2014), the input weight as by Glorot and Bengio (2010), biases zero."""
    with torch.no_grad():
        for block in torch.split(cell.recurrent.weight, cell.hidden):
            nn.init.orthogonal_(block)
        for block in torch.split(cell.input.weight, cell.hidden):
            nn.init.xavier_uniform_(block)
        for bias in (cell.input.bias, cell.recurrent.bias):
            if bias is not None:
                bias.zero_()
