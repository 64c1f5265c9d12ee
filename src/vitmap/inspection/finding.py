"""Finding: a picture of a lot with what was found in it; every export writes findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from vitmap.maps.regions import Region, mask_of

DEFECT, GOOD, UNJUDGED = "defect", "good", "not judged"


@dataclass(frozen=True, eq=False)
class Finding:
    """One picture's regions and score. Places are in the photo's own pixels."""

    name: str  # of its files; no two of a lot are alike
    file: str  # the picture's path below the lot's folder, with slashes
    path: Path
    sha256: str
    size: tuple[int, int]  # (y, x)
    regions: Sequence[Region]
    score: float
    unit: str  # of the score and of every region's peak
    verdict: str = UNJUDGED
    threshold: float | None = None  # of the score, where there is one
    peak: float = 0.0  # the map's hottest value
    at: tuple[int, int] = (0, 0)  # (x, y) of it
    notes: tuple[str, ...] = ()

    @property
    def mask(self) -> Bool[np.ndarray, "y x"]:
        """The pixels of all regions."""
        return mask_of(self.regions, self.size)

    @property
    def area(self) -> int:
        """The pixels of all regions, counted."""
        return sum(region.area for region in self.regions)


@dataclass(frozen=True)
class Lost:
    """A picture of the lot that failed, and why."""

    file: str
    error: str
