"""Diverging colours: blue below zero, white at it, red above; gray where there is no number."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

_ENDS = np.array([[33, 102, 172], [178, 24, 43]], dtype=np.float64)  # blue, red
_NOTHING = np.array([200, 200, 200], dtype=np.uint8)


def diverging(values: Float[np.ndarray, "y x"], limit: float) -> UInt8[np.ndarray, "y x 3"]:
    """Colours from -limit to +limit; what lies beyond has the end's own colour.

    >>> diverging(np.array([[0.0, -1.0, np.nan]]), 1.0)[0].tolist()
    [[255, 255, 255], [33, 102, 172], [200, 200, 200]]
    """
    known = np.nan_to_num(values)
    share = np.clip(np.abs(known) / limit, 0, 1)[:, :, None]
    end = np.where((known < 0)[:, :, None], _ENDS[0], _ENDS[1])
    colors = np.rint(255 + share * (end - 255)).astype(np.uint8)
    colors[np.isnan(values)] = _NOTHING
    return colors
