"""Labels: what a model's classifier calls a photo."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import Prediction
from vitmap.methods.attention import Picture
from vitmap.models.engine import Engine, Wants
from vitmap.photo.read import Photo, read_photo


def predict(model: Engine, photo: Picture, top: int = 5) -> Prediction:
    """What the model's classifier calls the photo, seen as the classifier was meant to see it.

    >>> print(predict(load("google/vit-base-patch16-224"), "cat.jpg"))        # doctest: +SKIP
    Egyptian cat 0.93

    Raises UnsupportedModel where the model has no classifier.
    """
    photo = photo if isinstance(photo, Photo) else read_photo(photo)
    return classify(model, model.classifier_pixels(photo), top=top)


def classify(
    model: Engine,
    pixels: Float32[np.ndarray, "1 3 y x"],
    logits: Float32[np.ndarray, " label"] | None = None,
    top: int = 5,
) -> Prediction:
    """The likeliest labels with their probabilities; given logits, no forward is run."""
    facts, shared = model.facts, logits is not None
    if facts.labels is None or "logits" not in facts.gives:
        raise UnsupportedModel(
            f"{facts.name} has no classifier: it can draw maps, not name things."
        )
    if logits is None:
        answer = model.run(pixels, Wants(logits=True)).logits
        assert answer is not None
        logits = answer[0]
    best = torch.from_numpy(logits).softmax(dim=-1).topk(min(top, len(facts.labels)))
    labels = tuple((facts.labels[int(index)], float(p)) for p, index in zip(*best, strict=True))
    return Prediction(facts.name, labels, (pixels.shape[-2], pixels.shape[-1]), shared)
