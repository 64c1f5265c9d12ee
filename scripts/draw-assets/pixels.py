"""The shapes these drawings pass around: `y x` is a picture, `xyz ray` a bundle of rays."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float

Plane: TypeAlias = Float[np.ndarray, "y x"]
Picture: TypeAlias = Float[np.ndarray, "y x rgb"]  # linear: 1.0 is a white sheet in full light
Mask: TypeAlias = Bool[np.ndarray, "y x"]

Points: TypeAlias = Float[np.ndarray, "xyz ray"]  # also directions and normals; z is up
Scalars: TypeAlias = Float[np.ndarray, " ray"]  # the space: else ruff takes it for a name
Colours: TypeAlias = Float[np.ndarray, "rgb ray"]

FloatArray: TypeAlias = Float[np.ndarray, "..."]  # for functions of a number, whatever the shape


def step(low: float | FloatArray, high: float | FloatArray, value: FloatArray) -> FloatArray:
    """Rise smoothly from 0 at `low` to 1 at `high` (falls, if `low` is the larger)."""
    at = np.clip((value - low) / (high - low), 0, 1)
    return at * at * (3 - 2 * at)
