"""A photo and its mirror image, from one forward."""

from __future__ import annotations

import numpy as np

from vitmap.maps.maps import AttentionMaps
from vitmap.methods.attention import OneQuery, look
from vitmap.models.engine import Engine
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def look_twice(
    model: Engine, photo: Photo, view: View, query: OneQuery
) -> tuple[AttentionMaps, AttentionMaps]:
    """The maps of a photo and of its mirror image, from one forward.

    What is mirrored is the model's own input: a photo that was mirrored first would be resized
    otherwise by a hair. Raises what `look` raises.
    """
    pixels = model.pixels(photo, view)
    both = np.concatenate([pixels, pixels[..., ::-1]])
    ((maps,), (mirrored,)), _ = look(model, [(photo, view)] * 2, both, "all", [query])
    return maps, mirrored
