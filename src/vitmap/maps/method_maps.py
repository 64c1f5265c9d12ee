"""Maps and Map: what a method found on the patch grid, in the method's own unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from jaxtyping import Float32

from vitmap.errors import UsageError
from vitmap.maps.keys import MapKey
from vitmap.maps.maps import Heatmap, Source
from vitmap.photo.view import View


@dataclass(frozen=True, eq=False)
class Map:
    """One map of a method; its values are no probabilities, and have no mass to keep a share of."""

    values: Float32[np.ndarray, "gy gx"]
    key: MapKey
    unit: str
    signed: bool  # whether values below 0 mean the opposite of those above
    view: View
    source: Source

    @property
    def label(self) -> str:
        """`L8`."""
        return self.key.label

    @property
    def stem(self) -> str:
        """The label as part of a file name that sorts: `L08`."""
        return self.key.stem

    @property
    def heat(self) -> Float32[np.ndarray, "gy gx"]:
        """What is drawn: the values in their unit."""
        return self.values

    @property
    def peak(self) -> tuple[int, int]:
        """The highest patch (row, column), the first in reading order among equals."""
        row, column = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return int(row), int(column)

    def heatmap(self, upsample: str = "nearest") -> Heatmap:
        """This map in the original photo's pixels, in its unit."""
        return Heatmap(
            self.view.to_pixels(self.values, upsample), self.label, self.view, self.source
        )

    def keep_mass(self, share: float) -> NoReturn:
        """Raises UsageError: there is no mass."""
        refuse_mass(self.source.method, self.unit, f"A mask that keeps {share:g} of the mass")

    @property
    def uniform(self) -> NoReturn:
        """Raises UsageError: there is no uniform attention to compare with."""
        refuse_mass(self.source.method, self.unit, "A multiple of uniform attention")

    @property
    def prefix(self) -> NoReturn:
        """Raises UsageError: prefix tokens have no part in it."""
        refuse_mass(self.source.method, self.unit, "The mass on prefix tokens")


@dataclass(frozen=True, eq=False)
class Maps:
    """All maps that a method gave of one photo; `source.method` names the method.

    >>> [found.label for found in maps]                                       # doctest: +SKIP
    ['L4', 'L8']
    """

    values: Float32[np.ndarray, "map gy gx"]
    keys: tuple[MapKey, ...]
    unit: str
    signed: bool
    view: View
    source: Source

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Map]:
        for values, key in zip(self.values, self.keys, strict=True):
            yield Map(values, key, self.unit, self.signed, self.view, self.source)


def refuse_mass(method: str, unit: str, what: str) -> NoReturn:
    """Raises UsageError for what is asked of attention and means nothing for another method."""
    raise UsageError(
        f"{what} was asked for, but maps of {method} hold the {unit}, which is no mass: it exists "
        "for attention alone."
    )
