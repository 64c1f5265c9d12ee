"""The numbers of a comparison: one line a map, and which head lies on a known part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from vitmap.maps import traits
from vitmap.maps.maps import PatchMap
from vitmap.maps.parts import OnPart, on_part
from vitmap.maps.sinks import Alarm


@dataclass(frozen=True, eq=False)
class Numbers:
    """One map of one picture; lengths are in the photo's pixels, shares from 0 to 1."""

    cell: PatchMap
    entropy_bits: float
    entropy_share: float  # of the highest there can be, log2(patches)
    distance: float  # mean attention distance (Dosovitskiy et al. 2021); NaN where there is none
    distance_share: float  # of the photo's diagonal
    prefix_mass: float
    kept_share: float  # of the patches that the threshold's mask keeps
    peak: float  # the brightest patch, in multiples of uniform attention
    peak_at: tuple[int, int]  # (x, y)
    alarms: tuple[Alarm, ...]


def numbers_of(
    cells: Sequence[PatchMap],
    kept: Bool[np.ndarray, "cell gy gx"],
    distances: Float[np.ndarray, " cell"],
) -> tuple[Numbers, ...]:
    """The numbers of one picture's maps."""
    shares = shares_of(cells)
    bits, parts = traits.entropy(shares), traits.entropy_share(shares)
    diagonal = float(np.hypot(*cells[0].view.source))
    return tuple(
        Numbers(
            cell=cell,
            entropy_bits=float(bits[number]),
            entropy_share=float(parts[number]),
            distance=float(distances[number]),
            distance_share=float(distances[number]) / diagonal,
            prefix_mass=float(cell.prefix.sum()),
            kept_share=float(kept[number].mean()),
            peak=float(cell.uniform.max()),
            peak_at=cell.view.center(*cell.peak),
            alarms=cell.alarms,
        )
        for number, cell in enumerate(cells)
    )


def shares_of(cells: Sequence[PatchMap]) -> Float[np.ndarray, "cell gy gx"]:
    """Every map's patches as shares of its mass on patches; NaN where it has none."""
    values = np.stack([cell.values for cell in cells]).astype(np.float64)
    mass = values.sum(axis=(1, 2), keepdims=True)
    return np.divide(values, mass, out=np.full_like(values, np.nan), where=mass > 0)


def parts_of(
    cells: Sequence[PatchMap],
    kept: Bool[np.ndarray, "cell gy gx"],
    masks: dict[str, Bool[np.ndarray, "y x"]],
) -> dict[str, list[OnPart]]:
    """By label: how much of every map lies on that part of the photo."""
    shares = shares_of(cells)
    return {name: on_part(shares, kept, mask, cells[0].view) for name, mask in masks.items()}


@dataclass(frozen=True)
class Best:
    """The map that lies most on the parts of one label, and over how many pictures."""

    label: str
    map: str
    number: int  # of the map in its row
    times: float  # mean over the pictures of mass over the part's area
    iou: float
    pictures: int
    row: str | None  # the model, where rows are models


def best_of(
    label: str, found: Sequence[tuple[Sequence[Numbers], Sequence[OnPart]]], row: str | None = None
) -> Best | None:
    """The best map on the pictures that have the part, by the mean of the multiples.

    All pictures have the same maps. None where no map has mass on patches.
    """
    times = np.array([[one.times for one in parts] for _, parts in found]).mean(axis=0)
    if not np.isfinite(times).any():
        return None
    number = int(np.nanargmax(times))
    return Best(
        label=label,
        map=found[0][0][number].cell.label,
        number=number,
        times=float(times[number]),
        iou=float(np.mean([parts[number].iou for _, parts in found])),
        pictures=len(found),
        row=row,
    )
