"""On a part: how much of a map lies on a place of the photo that is known, such as a wheel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vitmap.photo.view import View


@dataclass(frozen=True)
class OnPart:
    """Numbers of one map on one part of one picture."""

    share: float  # of the map's patch mass that lies on the part
    area: float  # the part's share of the photo: what uniform attention would put there
    times: float  # share over area: 1 is no preference
    iou: float  # of the mask that holds the threshold's mass with the part, in pixels


def on_part(
    shares: Float[np.ndarray, "cell gy gx"],
    kept: Bool[np.ndarray, "cell gy gx"],
    part: Bool[np.ndarray, "y x"],
    view: View,
) -> list[OnPart]:
    """Of every map: its mass on the part, and its mask's overlap with it.

    `shares` sum to 1 over the patches. A patch that the part covers by half gives half its mass.
    NaN where a map has no mass on patches.
    """
    cover = view.to_grid(part.astype(np.float64))
    rows, columns = view.owners()
    (gy, gx), (y, x) = view.grid, np.nonzero(part)
    inside = np.zeros((gy, gx))
    np.add.at(inside, (rows[y], columns[x]), 1)
    pixels = np.multiply.outer(
        np.bincount(rows, minlength=gy), np.bincount(columns, minlength=gx)
    ).astype(np.float64)
    area = float(cover.mean())
    found = []
    for share, mask in zip(shares, kept, strict=True):
        mass = float((share * cover).sum())
        both = float(inside[mask].sum())
        either = float(pixels[mask].sum()) + len(y) - both
        found.append(OnPart(mass, area, mass / area, both / either))
    return found
