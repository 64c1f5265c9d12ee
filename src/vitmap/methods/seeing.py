"""The maps and the label of a photo, from one forward where both can be had from it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, equal

from vitmap.maps.maps import AttentionMaps, Prediction
from vitmap.maps.selection import Selection
from vitmap.methods.attention import OneQuery, classify, look
from vitmap.models.backbone import Backbone
from vitmap.models.capture import Also
from vitmap.photo.read import Photo
from vitmap.photo.view import View


def see(
    model: Backbone,
    classifier: Backbone | None,
    photo: Photo,
    view: View,
    pixels: Float[Tensor, "1 3 y x"],
    layers: Selection,
    query: OneQuery,
    also: Also | None = None,
) -> tuple[AttentionMaps, Prediction | None]:
    """What `look` gives for one query, and what the classifier calls the photo, if there is one.

    A photo goes through once where one model does both and sees the same pixels for both. Raises
    what `look` and `classify` raise.
    """
    if classifier is None:
        ((maps,),), _ = look(model, [(photo, view)], pixels, layers, [query], also=also)
        return maps, None
    own = classifier.classifier_pixels(photo)
    shared = classifier is model and equal(own, pixels)
    ((maps,),), logits = look(
        model, [(photo, view)], pixels, layers, [query], logits=shared, also=also
    )
    return maps, classify(classifier, own, None if logits is None else logits[0])
