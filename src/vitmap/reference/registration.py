"""Placing: where a part lies in its picture, against the first of the good pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vitmap.photo.alignment import Shift, align
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.reference.statistics import HERE, Place

_SHRINK = 2  # pictures are placed at half the size that the model sees
STILL = 0.25  # patches: a smaller shift is left alone, undoing it would blur more than it mends

Gray = UInt8[np.ndarray, "y x"]


@dataclass(frozen=True)
class Placed:
    """A picture's place, and whether it can be believed."""

    place: Place
    shift: Shift | None = None  # None where nobody asked

    @property
    def doubtful(self) -> bool:
        """Whether the picture does not look like the good ones: it was not moved."""
        return self.shift is not None and not self.shift.credible


def gray_of(photo: Photo, view: View) -> Gray:
    """The picture in gray, at half the model's own size."""
    size = tuple(max(8, side // _SHRINK) for side in view.target)
    image = Image.fromarray(photo.pixels).convert("L")
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BOX))


def place_of(reference: Gray, measured: Gray, view: View) -> Placed:
    """How far the picture is shifted, in patches; not at all where that cannot be told.

    Pictures of other sizes than the reference are brought to it: what counts is the share of a
    side.
    """
    if reference.shape != measured.shape:
        height, width = reference.shape
        image = Image.fromarray(measured)
        measured = np.asarray(image.resize((width, height), Image.Resampling.BOX))
    shift = align(reference.astype(np.float64) / 255, measured.astype(np.float64) / 255)
    (height, width), (gy, gx) = reference.shape, view.grid
    place = Place(shift.fine[0] * gy / height, shift.fine[1] * gx / width)
    if not shift.credible or max(abs(place.y), abs(place.x)) < STILL:
        place = HERE
    return Placed(place, shift)
