"""Maps and patch features of one photo, from one forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection
from vitmap.methods.attention import look
from vitmap.models.backbone import Backbone
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def attend_with_features(
    model: Backbone,
    photo: Photo,
    view: View,
    pixels: Float[Tensor, "1 3 y x"],
    layers: Selection = "all",
    query: Query | str | None = None,
) -> tuple[AttentionMaps, Float32[np.ndarray, "patch feature"] | None]:
    """The maps of `attend`, and the patch tokens that enter the last layer.

    Those cost nothing: the model is left within its last layer, as it is without them. They are
    None for a model of one layer. Raises what `attend` raises.
    """
    taken: list[Tensor] = []
    hook: Any = None
    if model.depth > 1:
        hook = model.layers[-2].register_forward_hook(
            lambda _module, _inputs, output: taken.append(_tensor(output))
        )
    try:
        ((maps,),), _ = look(model, [(photo, view)], pixels, layers, [query])
    finally:
        if hook is not None:
            hook.remove()
    if not taken:
        return maps, None
    rows = taken[0] if taken[0].ndim == 2 else taken[0][0]
    gy, gx = view.grid
    patches = rows[len(model.prefix) : len(model.prefix) + gy * gx]
    return maps, patches.float().cpu().numpy()


def torch_product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A matrix product by the threads that the model uses."""
    return (torch.from_numpy(first) @ torch.from_numpy(second)).numpy()


def _tensor(output: Tensor | Sequence[Any]) -> Tensor:
    """A layer's tokens; some layers return them first of several things."""
    return output if isinstance(output, torch.Tensor) else output[0]
