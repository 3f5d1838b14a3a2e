"""A-law and μ-law: a sample in eight bits, by a curve that is fine near zero (ITU-T Recommendation G.711, 1988)."""

from typing import Final

import numpy as np
import numpy.typing as npt


def mu_law() -> npt.NDArray[np.float32]:
    """The sample [256] of each code: sign, three bits of exponent, four of mantissa, all inverted; 14 bits unfolded."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int64), (code & 15).astype(np.int64)
    size = ((2 * mantissa + 33) << exponent) - 33
    return (np.where(code & 128, -size, size) / 2**13).astype(np.float32)


def a_law() -> npt.NDArray[np.float32]:
    """The sample [256] of each code: every second bit is inverted, and a set sign is positive; 13 bits unfolded."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int64), (code & 15).astype(np.int64)
    size = np.where(exponent > 0, (2 * mantissa + 33) << np.maximum(exponent - 1, 0), 2 * mantissa + 1)
    return (np.where(code & 128, size, -size) / 2**12).astype(np.float32)


MU_LAW: Final = mu_law()
A_LAW: Final = a_law()
