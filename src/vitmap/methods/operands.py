"""Maps of one photo, and the queries and keys that all its other rows can be made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.operands import Operands
from vitmap.maps.selection import Selection, select
from vitmap.methods.attention import OneQuery, look
from vitmap.models.engine import Engine, Wants
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def attend_with_operands(
    model: Engine,
    photo: Photo,
    view: View,
    layers: Selection = "all",
    queries: Sequence[OneQuery] = (None,),
) -> tuple[list[AttentionMaps], Operands]:
    """The maps of `attend` for some queries, and the operands of the layers' attention.

    One forward, left within the last of the layers. Raises what `attend` raises, and
    UnsupportedModel for a mask that is no table of relative positions.
    """
    facts = model.facts
    chosen = select(layers, facts.depth, "layer")
    pixels, also = model.pixels(photo, view), Wants(operands=chosen)
    (maps,), captured = look(model, [(photo, view)], pixels, chosen, queries, also=also)
    found = [captured.operands[layer] for layer in chosen]
    return maps, Operands(
        query=np.stack([one.query for one in found]),
        key=np.stack([one.key for one in found]),
        bias=tuple(one.bias for one in found),
        layers=chosen,
        depth=facts.depth,
        prefix=facts.prefix,
        view=view,
        source=replace(facts.source, photo=photo.digest),
    )
