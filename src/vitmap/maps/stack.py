"""Stack: every head of a picture and every layer's mean as cells, and their logarithm."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitmap.maps.maps import AttentionMaps

FLOOR = 0.01  # multiples of uniform attention: what is dimmer counts as this

Cells = Float32[np.ndarray, "cell gy gx"]


def cells_of(maps: AttentionMaps) -> Cells:
    """Every head, then the mean, layer by layer, in multiples of uniform attention."""
    mean = maps.values.mean(axis=1, keepdims=True)
    both = np.concatenate([maps.values, mean], axis=1) * np.float32(maps.values[0, 0].size)
    return rearrange(both, "layer head gy gx -> (layer head) gy gx")


def logs(uniform: Cells) -> Cells:
    """Log attention of maps in multiples of uniform, floored at 0.01."""
    return np.log(np.maximum(uniform, np.float32(FLOOR)))
