"""attend: the model's own attention from one query token to every patch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vitmap.capture import capture_rows
from vitmap.errors import CaptureError, UnsupportedModel
from vitmap.geometry import View
from vitmap.images import Photo, read_photo
from vitmap.maps import AttentionMaps, Prediction, Query
from vitmap.models.backbone import Backbone
from vitmap.selection import Selection, select


def attend(
    model: Backbone,
    photo: Photo | str | Path | Image.Image | np.ndarray,
    layers: Selection = -1,
    *,
    size: int = 480,
    fit: str = "keep",
) -> AttentionMaps:
    """What the CLS token attends to, in every head of the wanted layers.

    >>> maps = attend(load("facebook/dino-vits8"), "car.jpg", layers="all")   # doctest: +SKIP
    >>> maps.values.shape                                                     # doctest: +SKIP
    (12, 6, 49, 73)

    The rows equal the model's own softmax rows; the model is left as soon as the last of them is
    known. Raises UsageError for a layer the model does not have, CaptureError where the attention
    cannot be seen or does not fit the patch grid, PictureError for a photo that cannot be read.
    """
    photo = photo if isinstance(photo, Photo) else read_photo(photo)
    view = View.of(photo.size, model.patch, size, fit)
    maps, _ = look(model, photo, view, model.pixels(photo, view), layers)
    return maps


def look(
    model: Backbone,
    photo: Photo,
    view: View,
    pixels: Float[Tensor, "1 3 y x"],
    layers: Selection,
    *,
    logits: bool = False,
) -> tuple[AttentionMaps, Float[Tensor, " label"] | None]:
    """One forward for the maps; with `logits` the same forward also answers for the label."""
    model.require_eval()
    wanted = select(layers, model.depth, "layer")
    network, options = model.network if logits else model.trunk, model.options(view)

    def forward() -> Any:
        return network(pixel_values=pixels, **options)

    rows, output = capture_rows(forward, model.blocks, wanted, stop=not logits)
    stack = torch.stack([rows[layer][0, :, 0] for layer in wanted]).cpu().numpy()
    values, prefix = _to_grid(stack, model, view)
    maps = AttentionMaps(
        values=values,
        prefix=prefix,
        layers=wanted,
        depth=model.depth,
        query=Query(),
        view=view,
        source=replace(model.source, photo=photo.digest),
    )
    return maps, output.logits[0].float() if logits else None


def predict(
    model: Backbone, photo: Photo | str | Path | Image.Image | np.ndarray, top: int = 5
) -> Prediction:
    """What the model's classifier calls the photo, seen as the classifier was meant to see it.

    >>> print(predict(load("google/vit-base-patch16-224"), "cat.jpg"))        # doctest: +SKIP
    Egyptian cat 0.93

    Raises UnsupportedModel where the model has no classifier.
    """
    photo = photo if isinstance(photo, Photo) else read_photo(photo)
    return classify(model, model.classifier_pixels(photo), top=top)


def classify(
    model: Backbone,
    pixels: Float[Tensor, "1 3 y x"],
    logits: Float[Tensor, " label"] | None = None,
    top: int = 5,
) -> Prediction:
    """The likeliest labels with their probabilities; given logits, no forward is run."""
    model.require_eval()
    if model.labels is None:
        raise UnsupportedModel(
            f"{model.name} has no classifier: it can draw maps, not name things."
        )
    shared = logits is not None
    if logits is None:
        with torch.inference_mode():
            logits = model.network(pixel_values=pixels).logits[0].float()
    best = logits.softmax(dim=-1).topk(min(top, len(model.labels)))
    labels = tuple((model.labels[int(index)], float(p)) for p, index in zip(*best, strict=True))
    size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    return Prediction(model.name, labels, size, shared)


def _to_grid(
    rows: Float[np.ndarray, "layer head token"], model: Backbone, view: View
) -> tuple[Float[np.ndarray, "layer head gy gx"], Float[np.ndarray, "layer head prefix"]]:
    """Split rows into prefix and patches; the counts must fit, nothing is guessed."""
    (gy, gx), prefix = view.grid, len(model.prefix)
    heads, tokens = rows.shape[1:]
    if (heads, tokens) != (model.heads, prefix + gy * gx):
        raise CaptureError(
            f"{model.name}: {heads} heads over {tokens} tokens were seen, expected {model.heads} "
            f"heads over {prefix} prefix tokens + {gy} × {gx} patches = {prefix + gy * gx}."
        )
    if not math.isfinite(float(rows.sum())):
        raise CaptureError(f"{model.name}: attention holds values that are no numbers (nan).")
    patches = rearrange(rows[..., prefix:], "layer head (gy gx) -> layer head gy gx", gy=gy)
    return np.ascontiguousarray(patches), np.ascontiguousarray(rows[..., :prefix])
