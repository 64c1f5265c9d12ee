"""Putting signed distances together: the joints of a solid."""

import numpy as np
from pixels import Scalars


def extrude(outline: Scalars, side: Scalars, radius: float) -> Scalars:
    """A shape given depth, with its edges rounded.

    `outline` is the distance to its side view, `side` that to the planes which cut it off.
    """
    a, b = outline + radius, side + radius
    return np.minimum(np.maximum(a, b), 0) + np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - radius


def join(a: Scalars, b: Scalars, fillet: float) -> Scalars:
    """Both solids, with a fillet of about that size where they meet (Quilez's smooth minimum)."""
    near = np.maximum(fillet - np.abs(a - b), 0) / fillet
    return np.minimum(a, b) - near * near * fillet / 4


def carve(a: Scalars, b: Scalars, round_over: float) -> Scalars:
    """The first solid less the second, with the new edge rounded over."""
    return -join(-a, b, round_over)
