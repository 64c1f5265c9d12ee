"""Queries and keys as a page holds them: float16 where that is exact enough, float32 elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from vitmap.maps.operands import Operands, RelativeBias

HALF, SINGLE = "float16", "float32"
LIMIT = 8e-3  # of a row's maximum: the most that packing may change; a page promises 1e-2


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """One layer: what its rows are computed from, in the page."""

    query: Float[np.ndarray, "head token dim"]  # times the scale of the model's own call
    key: Float[np.ndarray, "head token dim"]  # less the mean key
    bias: RelativeBias | None

    @property
    def precision(self) -> str:
        """`float16` or `float32`."""
        return str(self.query.dtype)

    def unpacked(self) -> tuple[Float32[np.ndarray, "head token dim"], ...]:
        """Query and key as the page reads them back."""
        return self.query.astype(np.float32), self.key.astype(np.float32)


def pack(operands: Operands, place: int, precision: str = HALF) -> PackedLayer:
    """A layer of the operands, by its place among them.

    The mean key is taken off every key: it adds the same to all scores of a row, which the softmax
    does not see, and what is left is smaller and rounds to finer steps.
    """
    key = operands.key[place]
    # A number beyond float16's range becomes infinite, and its rows fail the check.
    with np.errstate(over="ignore", invalid="ignore"):
        centred = key - key.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        query, centred = operands.query[place].astype(precision), centred.astype(precision)
    return PackedLayer(query, centred, operands.bias[place])
