"""Regions: the connected parts of a defect map that stand out, the hottest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vitmap.errors import UsageError
from vitmap.maps.components import label
from vitmap.photo.view import View


@dataclass(frozen=True)
class Region:
    """Patches that touch each other. Places are in the picture's own pixels."""

    peak: float  # the hottest patch's value
    at: tuple[int, int]  # (x, y) of that patch's middle
    box: tuple[int, int, int, int]  # x0, y0, x1, y1; ends exclusive
    patches: int


def check_level(level: float) -> None:
    """Raises UsageError where a threshold is no share of the hottest patch."""
    if not 0 < level <= 1:
        raise UsageError(
            f"Threshold {level:g} asked for, but it is a share of the hottest patch: "
            "a number above 0 and at most 1, such as 0.5."
        )


def mask_of(values: Float[np.ndarray, "gy gx"], limit: float) -> Bool[np.ndarray, "gy gx"]:
    """The patches at or above a limit; none where nothing differs at all."""
    return (values >= values.dtype.type(limit)) & (values > 0)


def regions_of(
    values: Float[np.ndarray, "gy gx"], mask: Bool[np.ndarray, "gy gx"], view: View
) -> list[Region]:
    """The mask's connected parts (corners touch), by their hottest patch."""
    parts = label(mask)
    found = [
        _region(values, [(int(y), int(x)) for y, x in np.argwhere(parts == number)], view)
        for number in range(1, int(parts.max(initial=0)) + 1)
    ]
    return sorted(found, key=lambda region: (-region.peak, region.at))


def _region(values: np.ndarray, part: list[tuple[int, int]], view: View) -> Region:
    row, column = max(part, key=lambda place: (values[place], -place[0], -place[1]))
    (top, bottom), (left, right) = ((min(axis), max(axis)) for axis in zip(*part, strict=True))
    x0, y0, _, _ = view.box(top, left)
    _, _, x1, y1 = view.box(bottom, right)
    box = (int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1)))
    return Region(float(values[row, column]), view.center(row, column), box, len(part))
