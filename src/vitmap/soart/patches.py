"""The numbers of overlapping patches: kernel answers by shared slices, band by band.

A direct sum reads 25 pixels for each of seven kernels at four places of every patch. Here a pixel
is read once for all kernels, and rows of patches are taken in bands that fit a processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from vitmap.soart.map_settings import MapSettings
from vitmap.soart.metrics import EPS

_BAND = 24  # rows of patches at once
Numbers = Float[np.ndarray, "18 gy gx"]


def patch_numbers(
    plane: Float[np.ndarray, "y x"],
    grid: tuple[int, int],
    settings: MapSettings,
    away: tuple[int, int] = (0, 0),
) -> Numbers:
    """beta, eta and gamma of the six kernels against the datum: [family · kernel, gy, gx].

    Patches stand evenly, each over the middle of its cell; at the borders the outermost pixels are
    repeated. `away` moves every patch by so many pixels (y, x).
    """
    kernel = settings.kernel
    margin = 2 * kernel + max(abs(away[0]), abs(away[1])) + 1
    padded = np.pad(_blurred(plane, settings.blur), margin, mode="edge")
    rows = places(plane.shape[0], grid[0], kernel) + margin + away[0]
    columns = places(plane.shape[1], grid[1], kernel) + margin + away[1]
    both = np.concatenate([columns, columns + kernel])
    found = np.empty((18, *grid), dtype=np.float32)
    for first in range(0, grid[0], _BAND):
        band = rows[first : first + _BAND]
        answers = _answers(padded, np.concatenate([band, band + kernel]), both, kernel)
        tall, wide = len(band), grid[1]
        four = [answers[:, y : y + tall, x : x + wide] for y in (0, tall) for x in (0, wide)]
        _metrics(four, found[:, first : first + _BAND])
    return found


def places(side: int, count: int, kernel: int) -> np.ndarray:
    """The first pixel of each of `count` patches of 2 × kernel pixels, middles evenly spread."""
    # Whole numbers, so that every machine rounds alike: floor((2i + 1)·side / 2count) - kernel.
    return (2 * np.arange(count) + 1) * side // (2 * count) - kernel


def compare(
    standard: Sequence[Numbers],
    measured: Numbers,
    weights: tuple[float, float, float],
    anomaly: Float[np.ndarray, "gy gx"],
    families: Float[np.ndarray, "3 gy gx"],
) -> None:
    """Minkowski distances (p = 4) a family, weighted and summed, into `anomaly` and `families`.

    Of several displacements of the standard the one that is most alike counts; of several channels
    (later calls) the one that differs most.
    """
    for first in range(0, measured.shape[1], _BAND):
        band = slice(first, first + _BAND)
        best = np.full(measured[0, band].shape, np.inf, dtype=np.float32)
        parts = np.zeros((3, *best.shape), dtype=np.float32)
        for numbers in standard:
            gaps = numbers[:, band] - measured[:, band]
            gaps *= gaps
            gaps *= gaps
            sums = gaps.reshape(3, 6, *gaps.shape[1:]).sum(axis=1)
            distances = np.sqrt(np.sqrt(sums, out=sums), out=sums)
            total = sum(np.float32(w) * d for w, d in zip(weights, distances, strict=True))
            parts = np.where(total < best, distances, parts)
            best = np.minimum(best, total)
        families[:, band] = np.where(best > anomaly[band], parts, families[:, band])
        anomaly[band] = np.maximum(best, anomaly[band])


def _answers(
    padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, k: int
) -> Float[np.ndarray, "7 rows columns"]:
    """The seven kernels' sums with their first pixel at (row, column), from shared pixels."""
    found = np.zeros((7, len(rows), len(columns)), dtype=np.float32)
    bend1, bend2, bend3, bend4, rising, falling, datum = found
    middle, last = k // 2, k - 1
    for y in range(k):
        line = padded[rows + y]
        for x in range(k):
            pixel = line.take(columns + x, axis=1)
            if y == 0 or x == last:
                bend1 += pixel
            if x == last or y == last:
                bend2 += pixel
            if x == 0 or y == last:
                bend3 += pixel
            if y == 0 or x == 0:
                bend4 += pixel
            if x + y == last:
                rising += pixel
            if x == y:
                falling += pixel
            if y == middle or x == middle:
                datum += pixel
    return found


def _metrics(four: Sequence[np.ndarray], found: Float[np.ndarray, "18 gy gx"]) -> None:
    """`sum-chebyshev` over the four places: datum as x, each other kernel as y."""
    xx = sum(place[6] * place[6] for place in four)
    xy = sum(place[6] * place[:6] for place in four)
    slope = (xy + np.float32(EPS)) / (xx + np.float32(EPS))
    rests = [np.abs(place[:6] - slope * place[6]) for place in four]
    total = rests[0] + rests[1] + rests[2] + rests[3]
    most = np.maximum(np.maximum(rests[0], rests[1]), np.maximum(rests[2], rests[3]))
    np.log(slope, out=found[:6])
    np.log1p(total, out=found[6:12])
    np.log1p(most, out=found[12:])
    found[12:] -= found[6:12]


def _blurred(plane: Float[np.ndarray, "y x"], times: int) -> Float[np.ndarray, "y x"]:
    """The binomial 1 4 6 4 1 both ways, so many times: a Gaussian of √times pixels."""
    for _ in range(times):
        for axis in (0, 1):
            plane = _binomial(plane, axis)
    return plane


def _binomial(plane: np.ndarray, axis: int) -> np.ndarray:
    side = plane.shape[axis]
    wide = np.pad(plane, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
    part = [wide[i : i + side] if axis == 0 else wide[:, i : i + side] for i in range(5)]
    found = part[1] + part[3]
    found *= 4
    found += part[0]
    found += part[4]
    found += 6 * part[2]
    found *= np.float32(1 / 16)
    return found
