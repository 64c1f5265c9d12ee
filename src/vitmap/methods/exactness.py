"""How far rows that are made from rounded queries and keys lie from the model's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vitmap.maps.operands import Operands, RelativeBias

_CHUNK = 1024  # rows compared at a time

Side = Float32[np.ndarray, "head token dim"]


def worst_difference(operands: Operands, place: int, packed_query: Side, packed_key: Side) -> float:
    """The largest difference of a layer's rows from those of packed queries and keys.

    A share of each row's maximum; infinite where a row is no number.
    """
    sides = [packed_query, packed_key, operands.query[place], operands.key[place]]
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
