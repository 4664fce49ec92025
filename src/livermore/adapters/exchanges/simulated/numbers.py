"""Numbers as decimal strings, here with exactly the digits that the float has."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def decimal(value: float) -> str:
    """Write a float so that reading it gives the same float, without an exponent."""
    text = repr(value)
    return np.format_float_positional(value, trim="0") if "e" in text else text


recurring = lru_cache(maxsize=8192)(decimal)  # prices recur from frame to frame, amounts do not
