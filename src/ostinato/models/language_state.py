"""LanguageState: what a recurrent language model remembers of the tokens that it has read."""

from typing import NamedTuple

from torch import Tensor

from ostinato.state import State


class LanguageState(NamedTuple):
    """The last layer's output after the last token [N D], and the state of the layers, N rows."""

    output: Tensor
    layers: State
