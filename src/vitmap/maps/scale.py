"""Scale: which value of a map is drawn at the upper end of the colours.

Attention is drawn in multiples of uniform attention (p × number of patches), so that grids of
different sizes compare; maps of another method in that method's unit. `cell` stretches every map by
itself, as the original program did: such pictures cannot be compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from vitmap.maps.maps import PatchMap
from vitmap.maps.method_maps import Map
from vitmap.registry import suggest

PERCENTILE = 99.5  # of all patches drawn on one scale; one sink must not blacken the rest
LEVELS = 255  # colours; one more, the last, is for what lies above the scale

MEANINGS = {
    "cell": "each map by its own minimum and maximum: not comparable with each other",
    "image": "one scale for all maps of this photo",
    "run": "one scale for all photos of this run",
}
GOOD = "from good pictures: half to twice the hottest patch that they reach"


@dataclass(frozen=True)
class Scale:
    """A named range of what is drawn; limits are None for `cell`.

    The range `good` comes from good pictures, in the unit of the map that it belongs to.
    """

    name: str
    upper: float | None = None
    lower: float = 0.0

    @property
    def meaning(self) -> str:
        """What a legend must say."""
        return GOOD if self.name == "good" else MEANINGS[self.name]

    def limits(self, values: Float[np.ndarray, "*map"]) -> tuple[float, float]:
        """(lower, upper) for a map."""
        if self.upper is not None:
            return self.lower, self.upper
        return float(values.min()), float(values.max())

    def levels(self, values: Float[np.ndarray, "y x"]) -> UInt8[np.ndarray, "y x"]:
        """Colour indices: 0 to 254 along the scale, 255 for what lies above it."""
        lower, upper = self.limits(values)
        span = upper - lower or 1.0
        steps = np.clip((values - lower) * (LEVELS / span), 0, LEVELS - 1).astype(np.uint8)
        if self.upper is not None:
            steps[values > np.float32(upper)] = LEVELS
        return steps


def scale_of(name: str, maps: Sequence[PatchMap | Map]) -> Scale:
    """The scale of that name for some maps; its upper end is their 99.5th percentile.

    A scale of signed maps reaches as far below 0 as above it.

    Raises UsageError for an unknown name.
    """
    if name not in MEANINGS:
        raise suggest("scale", name, MEANINGS)
    if name == "cell":
        return Scale("cell")
    values = np.concatenate([cell.heat.ravel() for cell in maps])
    if any(cell.signed for cell in maps):
        upper = _upper(np.abs(values))
        return Scale(name, upper, -upper)
    return Scale(name, _upper(values))


class RunScale:
    """The percentile over a whole run, in bounded memory: a histogram in the logarithm.

    Bins are 1/64 of an octave wide, so that the upper end is exact to 1.1 %. Two histograms merge
    by adding their counts.
    """

    _LOW, _HIGH, _PER_OCTAVE = -24, 24, 64

    def __init__(self) -> None:
        self.counts = np.zeros((self._HIGH - self._LOW) * self._PER_OCTAVE, dtype=np.int64)
        self._signed = False

    def add(self, maps: Iterable[PatchMap | Map]) -> None:
        """Count the patches of one photo's maps."""
        for cell in maps:
            self._signed |= cell.signed
            self.count(np.abs(cell.heat) if cell.signed else cell.heat)

    def count(self, values: Float[np.ndarray, "gy gx"]) -> None:
        """Count the values of one map."""
        octave = np.log2(np.maximum(values, 2.0**self._LOW).astype(np.float64))
        place = ((octave - self._LOW) * self._PER_OCTAVE).astype(np.int64)
        np.add.at(self.counts, np.clip(place, 0, len(self.counts) - 1), 1)

    def scale(self) -> Scale:
        """The scale of everything that was counted."""
        reached = self.counts.cumsum() >= PERCENTILE / 100 * self.counts.sum()
        edge = int(reached.argmax()) + 1
        upper = float(2.0 ** (self._LOW + edge / self._PER_OCTAVE))
        return Scale("run", upper, -upper) if self._signed else Scale("run", upper)


def _upper(values: Float[np.ndarray, " patches"]) -> float:
    return float(np.percentile(values, PERCENTILE, method="higher")) or 1.0
