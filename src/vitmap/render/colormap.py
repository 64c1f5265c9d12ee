"""Colormap: 255 colours along a scale, and one more that marks what lies above it."""

from __future__ import annotations

from functools import cache

import matplotlib
import numpy as np
from jaxtyping import UInt8

from vitmap.maps.scale import LEVELS
from vitmap.registry import suggest

DEFAULT = "viridis"
_MARKS = np.array([[255, 51, 153], [0, 255, 255], [255, 255, 255]], dtype=np.uint8)
_DISTINCT = 150  # distance in RGB from which a mark is seen beside the brightest colour


@cache
def palette(name: str = DEFAULT) -> UInt8[np.ndarray, "256 3"]:
    """256 colours: matplotlib's map in 255 steps, then the mark for clipped values.

    The mark is pink, or cyan or white where the map itself holds such a colour: it must be told
    from the paper and from the photo under an overlay.

    Raises UsageError with a suggestion for an unknown name.
    """
    if name not in matplotlib.colormaps:
        known = [known for known in matplotlib.colormaps if not known.endswith("_r")]
        raise suggest("colormap", name, known)
    colors = matplotlib.colormaps[name](np.linspace(0, 1, LEVELS))[:, :3]
    steps = np.rint(colors * 255).astype(np.uint8)
    nearest = [
        np.linalg.norm(steps.astype(int) - mark, axis=1).min() for mark in _MARKS.astype(int)
    ]
    distinct = [index for index, distance in enumerate(nearest) if distance > _DISTINCT]
    mark = _MARKS[distinct[0] if distinct else int(np.argmax(nearest))]
    return np.vstack([steps, mark])
