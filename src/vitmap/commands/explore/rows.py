"""What a page stores of a photo's attention, and the proof that it gives the model's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float32
from torch import Tensor

from vitmap.errors import CaptureError
from vitmap.formats.packed import HALF, LIMIT, SINGLE, PackedLayer, pack
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.operands import Operands, RelativeBias

_CHUNK = 1024  # rows compared at a time


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
            worst = _worst(operands, place, packed)
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


def _worst(operands: Operands, place: int, packed: PackedLayer) -> float:
    """The largest difference over all rows of a layer; infinite where a row is no number."""
    sides = [*packed.unpacked(), operands.query[place], operands.key[place]]
    query, key, own_query, own_key = map(torch.from_numpy, sides)
    bias = operands.bias[place]
    heads, tokens = query.shape[:2]
    worst = 0.0
    for head in range(heads):
        for start in range(0, tokens, _CHUNK):  # never all rows of many tokens at once
            some = range(start, min(start + _CHUNK, tokens))
            added = _added(bias, head, some)
            rows = _softmax(query[head, some.start : some.stop], key[head], added)
            own = _softmax(own_query[head, some.start : some.stop], own_key[head], added)
            share = (rows - own).abs_().amax(dim=1) / own.amax(dim=1)
            if not bool(torch.isfinite(share).all()):
                return float("inf")
            worst = max(worst, float(share.max()))
    return worst


def _softmax(query: Tensor, key: Tensor, bias: Tensor | None) -> Tensor:
    scores = query @ key.T
    return (scores if bias is None else scores + bias).softmax(dim=1)


def _added(bias: RelativeBias | None, head: int, tokens: Sequence[int]) -> Tensor | None:
    """What is added to the scores of some rows of one head."""
    if bias is None:
        return None
    one = RelativeBias(*(part[head : head + 1] for part in (bias.offsets, bias.rows, bias.columns)))
    return torch.from_numpy(np.stack([one.of_query(token)[0] for token in tokens]))
