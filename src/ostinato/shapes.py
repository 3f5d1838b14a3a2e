"""The names of axes, defined once: signatures use them, and the tests check them at every call.

`B` batch · `T` time · `D` inputs · `H` hidden (outputs of a cell) · `G` gate pre-activations · `V` vocabulary ·
`N` hypotheses · `K` candidates · `S` source positions. Public tensors are batch-first.
"""

from typing import TypeAlias

from jaxtyping import Bool, Float, Int
from torch import Tensor

Features: TypeAlias = Float[Tensor, "B T D"]
Gates: TypeAlias = Float[Tensor, "B T G"]
GatesAt: TypeAlias = Float[Tensor, "B G"]
Outputs: TypeAlias = Float[Tensor, "B T H"]
OutputAt: TypeAlias = Float[Tensor, "B H"]
Lengths: TypeAlias = Int[Tensor, "B"]  # noqa: F821 an axis
Rows: TypeAlias = Int[Tensor, "N"]  # noqa: F821 an axis
Mask: TypeAlias = Bool[Tensor, "B T"]
LogProbs: TypeAlias = Float[Tensor, "N V"]
