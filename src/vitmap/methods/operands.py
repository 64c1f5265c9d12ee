"""Maps of one photo, and the queries and keys that all its other rows can be made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from vitmap.errors import CaptureError, UnsupportedModel
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.operands import Operands, RelativeBias
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection, select
from vitmap.methods.attention import OneQuery, look
from vitmap.models.backbone import Backbone
from vitmap.models.rows import AttentionCall
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def attend_with_operands(
    model: Backbone,
    photo: Photo,
    view: View,
    layers: Selection = "all",
    queries: Sequence[OneQuery] = (None,),
) -> tuple[list[AttentionMaps], Operands]:
    """The maps of `attend` for some queries, and the operands of the layers' attention.

    One forward, left within the last of the layers. Raises what `attend` raises, and
    UnsupportedModel for a mask that is no table of relative positions.
    """
    chosen = select(layers, model.depth, "layer")
    tokens = len(model.prefix) + view.grid[0] * view.grid[1]
    held: dict[int, tuple[Tensor, Tensor, RelativeBias | None]] = {}

    def hold(place: int, call: AttentionCall) -> None:
        if place in chosen:  # a pooling head is no layer
            held[place] = _operands(call, model, tokens, view)

    # A pooling query asks after the layers and would leave them out: one patch asks in each.
    asked = (Query.patch((0, 0)), *queries)
    (maps,), _ = look(model, [(photo, view)], model.pixels(photo, view), chosen, asked, also=hold)
    found = [held[place] for place in chosen]
    return maps[1:], Operands(
        query=torch.stack([query for query, _, _ in found]).numpy(),
        key=torch.stack([key for _, key, _ in found]).numpy(),
        bias=tuple(bias for _, _, bias in found),
        layers=chosen,
        depth=model.depth,
        prefix=model.prefix,
        view=view,
        source=replace(model.source, photo=photo.digest),
    )


def _operands(
    call: AttentionCall, model: Backbone, tokens: int, view: View
) -> tuple[Tensor, Tensor, RelativeBias | None]:
    query, key = call.query[0].float() * call.scale, call.key[0].float()
    for side in (query, key):
        if side.shape[:2] != (model.heads, tokens):
            raise CaptureError(
                f"{model.name}: {side.shape[0]} heads over {side.shape[1]} tokens were seen, "
                f"expected {model.heads} heads over {tokens} tokens."
            )
    return query.cpu(), key.cpu(), _bias(call.mask, model, tokens, view)


def _bias(mask: Tensor | None, model: Backbone, tokens: int, view: View) -> RelativeBias | None:
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        if bool(mask.all()):
            return None
        raise UnsupportedModel(
            f"{model.name}: some tokens are masked out: its rows cannot be made from queries and "
            "keys alone."
        )
    whole: Float32[np.ndarray, "head token token"] = (
        mask.float().reshape(-1, *mask.shape[-2:]).cpu().numpy()
    )
    if not whole.any():
        return None
    full = np.broadcast_to(whole, (model.heads, tokens, tokens))
    return RelativeBias.of(full, len(model.prefix), view.grid)
