"""Histograms in the logarithm: what a map holds of good and of defective pixels, in whole numbers.

A bin is 1/128 of an octave wide (at most 0.8 %), cut out of the value's own float32 bits: the same
on every machine. Counts are integers, so that histograms of any parts of a data set add up to the
histogram of the whole, bit by bit, in whatever order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt16

BINS = 4096
SCALE = 1 << 40  # what each defect region weighs in `overlap`
_SHIFT = 23 - 7  # float32 keeps 23 bits of mantissa: seven of them are the bin in the octave
_RAW_LOW, _SIGNED_LOW = -18, -10  # the lowest octave: 2^-18 × uniform; 2^-10 deviations


def bins_of(values: Float32[np.ndarray, "*map"]) -> UInt16[np.ndarray, "*map"]:
    """Bins of values from 0 up, such as multiples of uniform attention: 2⁻¹⁸ to 2¹⁴."""
    return _octaves(values, _RAW_LOW, BINS).astype(np.uint16)


def signed_bins_of(values: Float32[np.ndarray, "*map"]) -> UInt16[np.ndarray, "*map"]:
    """Symmetric bins of values of both signs, such as deviations: 2⁻¹⁰ to 2⁶ on either side.

    >>> signed_bins_of(np.array([-1.0, 0.0, 1.0], dtype=np.float32))
    array([ 767, 2048, 3328], dtype=uint16)
    """
    half = BINS // 2
    steps = _octaves(np.abs(values), _SIGNED_LOW, half)
    return np.where(values < 0, half - 1 - steps, half + steps).astype(np.uint16)


def fold(counts: Int64[np.ndarray, "*unit bin"]) -> Int64[np.ndarray, "*unit half"]:
    """The histogram of the values' sizes, from that of the signed values."""
    half = counts.shape[-1] // 2
    return counts[..., half:] + counts[..., half - 1 :: -1]


def _octaves(values: np.ndarray, low: int, bins: int) -> np.ndarray:
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.int32)
    return np.clip((bits >> _SHIFT) - ((127 + low) << (23 - _SHIFT)), 0, bins - 1)


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many pixels of each kind lie in each bin, for one cell and some pictures.

    `overlap` is the sum over defect regions of the region's own histogram, each brought to the
    same weight of 2⁴⁰: what PRO is made of. Histograms add.
    """

    defect: Int64[np.ndarray, "*unit bin"]
    good: Int64[np.ndarray, "*unit bin"]
    overlap: Int64[np.ndarray, "*unit bin"]

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram(
            self.defect + other.defect, self.good + other.good, self.overlap + other.overlap
        )

    def dense(self) -> Histogram:
        """Without the bins that are empty in every unit: most are, and they change no metric."""
        parts = (self.defect, self.good, self.overlap)
        units = tuple(range(self.defect.ndim - 1))
        held = np.logical_or.reduce([part.any(axis=units) for part in parts])
        return Histogram(*(part[..., held] for part in parts))

    def folded(self) -> Histogram:
        """The same pixels by the size of their value alone."""
        return Histogram(fold(self.defect), fold(self.good), fold(self.overlap))


def count(
    bins: UInt16[np.ndarray, "cell patch"], pixels: Int64[np.ndarray, " patch"]
) -> Int64[np.ndarray, "cell bin"]:
    """Pixels a bin, for each cell; patches without any of these pixels cost nothing."""
    held = np.flatnonzero(pixels)
    cells = len(bins)
    places = bins[:, held].astype(np.int64) + BINS * np.arange(cells)[:, None]
    # Weights are float64 in numpy's bincount: exact, since they are whole and below 2^53.
    weights = np.broadcast_to(pixels[held].astype(np.float64), places.shape)
    found = np.bincount(places.ravel(), weights.ravel(), cells * BINS)
    return found.astype(np.int64).reshape(cells, BINS)


def overlap_of(
    bins: UInt16[np.ndarray, "cell patch"], region: Int64[np.ndarray, " patch"]
) -> Int64[np.ndarray, "cell bin"]:
    """One region's histogram at the weight 2⁴⁰, in whole numbers that sum to it exactly."""
    counts = count(bins, region)[:, ::-1].cumsum(axis=1)  # from the highest value down
    reached = counts * (SCALE // int(region.sum())) + counts * (SCALE % int(region.sum())) // int(
        region.sum()
    )
    return np.diff(reached, axis=1, prepend=0)[:, ::-1]
