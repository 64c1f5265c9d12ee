"""Known parts outlined on a small photo, each named where there are several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw

from vitmap.render.fonts import runs
from vitmap.render.outline import outline
from vitmap.render.page import DPI, fitted

_POINTS = 6.5
_ROOM = 0.8  # inches for a name that is wider than its part: it must stand beside others


def mark_parts(
    photo: UInt8[np.ndarray, "y x 3"], parts: Sequence[tuple[str, Bool[np.ndarray, "height width"]]]
) -> UInt8[np.ndarray, "y x 3"]:
    """The photo with a white line within a black one round every part.

    Masks are of the picture at any size. Where parts of several names are marked, each carries its
    name on a dark ground, inside the photo.
    """
    pixels = photo.copy()
    for _, mask in parts:
        for edge, gray in outline(mask, (photo.shape[0], photo.shape[1])):
            pixels[edge] = gray
    if len({name for name, _ in parts}) < 2:
        return pixels
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    taken: list[Place] = []
    for name, mask in parts:
        y, x = np.nonzero(mask)
        down, across = photo.shape[0] / mask.shape[0], photo.shape[1] / mask.shape[1]
        box = (x.min() * across, y.min() * down, (x.max() + 1) * across, (y.max() + 1) * down)
        _name(pen, name, tuple(round(edge) for edge in box), image.size, taken)
    return np.asarray(image)


Place = tuple[int, ...]  # x0, y0, x1, y1 in dots


def _name(
    pen: ImageDraw.ImageDraw, name: str, box: Place, size: tuple[int, int], taken: list[Place]
) -> None:
    """The name above its part, below or within it, where no other name stands; else nowhere."""
    room = min(size[0] - 12.0, max(box[2] - box[0], _ROOM * DPI))
    name = fitted(name, room / DPI, _POINTS, "Bold")
    shown = list(runs(name, _POINTS * DPI / 72, "Bold"))
    width = round(sum(font.getlength(part) for part, font in shown)) + 6
    height = round(_POINTS * DPI / 72) + 4
    across = box[0], box[2] - width
    down = box[1] - height - 4, box[3] + 4, box[1] + 4, box[3] - height - 4
    for start, upper in product(across, down):
        x = max(0, min(start, size[0] - width - 1))
        y = max(0, min(upper, size[1] - height - 1))
        place = (x, y, x + width, y + height)
        if not any(_meet(place, other) for other in taken):
            break
    else:
        return
    taken.append(place)
    pen.rectangle(place, fill="#1a1a1a")
    left = x + 3.0
    for part, font in shown:
        pen.text((left, y + height - 4), part, fill="white", font=font, anchor="ls")
        left += font.getlength(part)


def _meet(one: Place, other: Place) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
