"""Long short-term memory (Hochreiter and Schmidhuber, 1997), gate order i, f, g, o; state leaves h and c."""

import ostinato._core as _core
from ostinato.kernels.scan import Scan

lstm = Scan(
    "lstm",
    weights=("recurrent.weight",),
    gates=4,
    states=2,
    forward=_core.lstm_forward,
    backward=_core.lstm_backward,
)
