"""What a page stores of a photo's attention, and the proof that it gives the model's own rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float32

from vitmap.commands.explore.packed import HALF, LIMIT, SINGLE, PackedLayer, pack
from vitmap.errors import CaptureError
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.operands import Operands
from vitmap.methods.exactness import worst_difference


@dataclass(frozen=True, eq=False)
class Packed:
    """The layers of a photo as the page holds them."""

    layers: tuple[PackedLayer, ...]
    worst: float  # the largest difference of a row from the model's own, of the row's maximum
    rows: int  # how many were compared: all


def pack_checked(operands: Operands) -> Packed:
    """Every layer in float16, or in float32 where rows would differ by 0.8 % of their maximum.

    The packed numbers are read back as the page reads them, and every row is compared. Raises
    CaptureError where not even float32 holds the rows.
    """
    layers, differences = [], []
    for place, layer in enumerate(operands.layers):
        for precision in (HALF, SINGLE):
            packed = pack(operands, place, precision)
            worst = worst_difference(operands, place, *packed.unpacked())
            if worst <= LIMIT:
                break
        else:
            raise CaptureError(
                f"Layer {layer}: rows made from its queries and keys differ from the model's own "
                f"by {worst:.2g} of a row's maximum, expected at most {LIMIT:g}: leave the layer "
                "out with --layer."
            )
        layers.append(packed)
        differences.append(worst)
    cells, heads, tokens = operands.query.shape[:3]
    return Packed(tuple(layers), max(differences), cells * heads * tokens)


def tokens_of(maps: AttentionMaps) -> Float32[np.ndarray, "layer head token"]:
    """The rows of maps as the model has them: prefix tokens first."""
    patches = rearrange(maps.values, "layer head gy gx -> layer head (gy gx)")
    return np.concatenate([maps.prefix, patches], axis=-1)
