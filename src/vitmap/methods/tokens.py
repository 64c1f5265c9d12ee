"""Maps and patch features of one photo, from one forward."""

from __future__ import annotations

import sys

import numpy as np
from jaxtyping import Float32

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection
from vitmap.methods.attention import look
from vitmap.models.engine import Engine, Wants
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def attend_with_features(
    model: Engine,
    photo: Photo,
    view: View,
    pixels: Float32[np.ndarray, "1 3 y x"],
    layers: Selection = "all",
    query: Query | str | None = None,
) -> tuple[AttentionMaps, Float32[np.ndarray, "patch feature"] | None]:
    """The maps of `attend`, and the patch tokens that enter the last layer.

    Those cost nothing: the model is left within its last layer, as it is without them. They are
    None for a model of one layer, and for an engine that gives none. Raises what `attend` raises.
    """
    facts = model.facts
    layer = (facts.depth - 2,) if facts.depth > 1 and "tokens" in facts.gives else ()
    also = Wants(tokens=layer)
    ((maps,),), captured = look(model, [(photo, view)], pixels, layers, [query], also=also)
    return maps, captured.tokens[layer[0]][0] if layer else None


def product(
    first: Float32[np.ndarray, "m k"], second: Float32[np.ndarray, "k n"]
) -> Float32[np.ndarray, "m n"]:
    """A matrix product by the threads that the model uses: torch's, where torch is loaded.

    Beside a model in torch numpy's own threads go on spinning, and slow the model by a half.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return np.matmul(first, second)
    return (torch.from_numpy(first) @ torch.from_numpy(second)).numpy()
