"""The maps and the label of a photo, from one forward where both can be had from it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from vitmap.maps.maps import AttentionMaps, Prediction
from vitmap.maps.selection import Selection
from vitmap.methods.attention import OneQuery, look
from vitmap.methods.labels import classify
from vitmap.models.engine import Captured, Engine, Wants
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def see(
    model: Engine,
    classifier: Engine | None,
    photo: Photo,
    view: View,
    pixels: Float32[np.ndarray, "1 3 y x"],
    layers: Selection,
    query: OneQuery,
    *,
    spans: bool = False,
) -> tuple[AttentionMaps, Captured, Prediction | None]:
    """What `look` gives for one query, and what the classifier calls the photo, if there is one.

    A photo goes through once where one model does both and sees the same pixels for both. With
    `spans` every head's mean attention distance is captured, too. Raises what `look` and `classify`
    raise.
    """
    own = classifier.classifier_pixels(photo) if classifier is not None else None
    shared = classifier is model and own is not None and np.array_equal(own, pixels)
    also = Wants(spans=view if spans else None, logits=shared)
    ((maps,),), captured = look(model, [(photo, view)], pixels, layers, [query], also=also)
    if classifier is None or own is None:
        return maps, captured, None
    logits = None if captured.logits is None else captured.logits[0]
    return maps, captured, classify(classifier, own, logits)
