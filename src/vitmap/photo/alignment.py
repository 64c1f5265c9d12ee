"""Alignment: how far the measured picture lies from the standard, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_COARSE = 256  # pixels of the longer side that phase correlation sees
_ENOUGH = 200_000  # pixels for a correlation
_SMALLEST = 32  # pixels of the shorter side from which a copy is still halved
_CANDIDATES = 4  # peaks of the phase correlation that are tried
_REACH = 0.25  # of a side: a part that lies further off is another picture
_FLAT = 2e-6  # of the mean: a deviation below it is the rounding of a flat picture's mean
_FAINT = 2 / 255  # a standard whose deviation is less has nothing that could be recognised
_FEW = 10  # percent of the pixels, at either end: a spot on a sheet is nothing to align by
CREDIBLE = 0.3  # correlation over the overlap from which two pictures show the same thing

Plane = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Shift:
    """Pixels by which the measured picture lies below and to the right of the standard.

    `y` and `x` are the whole pixels that are undone, `fine` the estimate between pixels;
    `correlation` is that of the two pictures where they overlap, after the shift. `blind` is true
    where the standard has nothing to align by; then nothing is moved.
    """

    y: int
    x: int
    fine: tuple[float, float]
    correlation: float
    blind: bool = False

    @property
    def credible(self) -> bool:
        """Whether the two pictures show the same thing, as far as that can be told."""
        return self.blind or self.correlation >= CREDIBLE


NONE = Shift(0, 0, (0.0, 0.0), float("nan"))


def align(standard: Plane, measured: Plane) -> Shift:
    """The shift to undo; none, and `blind`, where the standard has nothing to align by.

    Not credible is a picture that does not match a standard which has structure.
    """
    found = find_shift(standard, measured)
    if found.credible or structured(standard):
        return found
    return Shift(0, 0, (0.0, 0.0), correlation(standard, measured, 0, 0), blind=True)


def structured(standard: Plane) -> bool:
    """Whether a picture resembles itself two pixels on, as what it shows does and noise does not.

    The darkest and the lightest pixels count for no more than the others: a sheet with one spot is
    a sheet.

    >>> chance = np.random.default_rng(0)
    >>> noise = chance.normal(0.5, 0.1, (60, 60))
    >>> structured(noise), structured(np.kron(noise, np.ones((8, 8))))
    (False, True)
    """
    low, high = np.percentile(standard, [_FEW, 100 - _FEW])
    even = np.clip(standard, low, high)
    if even.std() < _FAINT:
        return False
    lags = [(0, 2), (2, 0), (2, 2), (2, -2)]
    return max(abs(correlation(even, even, *lag)) for lag in lags) >= CREDIBLE


def find_shift(standard: Plane, measured: Plane) -> Shift:
    """The shift by phase correlation on a small copy, then refined down to the full pixels.

    No shift at all is always among the candidates, and the best correlated one wins: where there is
    nothing to align by, nothing is moved. A picture without any contrast correlates with 0.

    Source: Kuglin and Hines 1975 for the phase correlation.
    """
    levels = [(standard, measured)]
    while max(levels[-1][0].shape) > _COARSE and min(levels[-1][0].shape) >= _SMALLEST:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    small, seen = levels[-1]
    best = max(_peaks(small, seen), key=lambda place: correlation(small, seen, *place))
    for small, seen in levels[-2:0:-1]:
        best = _climb(small, seen, (2 * best[0], 2 * best[1]))
    if len(levels) > 1:
        best = 2 * best[0], 2 * best[1]
    y, x = _climb(standard, measured, best)
    fine = (
        y + _vertex([correlation(standard, measured, y + step, x) for step in (-1, 0, 1)]),
        x + _vertex([correlation(standard, measured, y, x + step) for step in (-1, 0, 1)]),
    )
    return Shift(y, x, fine, correlation(standard, measured, y, x))


def correlation(standard: Plane, measured: Plane, y: int, x: int) -> float:
    """Pearson's correlation of two pictures where they overlap at a shift; 0 without contrast."""
    a, b = overlap(standard, measured, y, x)
    step = 1 + int((a.size / _ENOUGH) ** 0.5)  # every so-many-th pixel says as much as all do
    first, second = a[::step, ::step].ravel(), b[::step, ::step].ravel()
    means = float(first.mean()), float(second.mean())
    first, second = first - first.dtype.type(means[0]), second - second.dtype.type(means[1])
    powers = _dot(first, first), _dot(second, second)
    floors = [first.size * (_FLAT * mean) ** 2 for mean in means]
    if any(power <= floor for power, floor in zip(powers, floors, strict=True)):
        return 0.0
    return _dot(first, second) / (powers[0] * powers[1]) ** 0.5


def _dot(first: np.ndarray, second: np.ndarray) -> float:
    """Not by BLAS: its threads would go on spinning beside a model's own, and slow it by a half."""
    return float(np.einsum("i,i->", first, second))


def overlap(standard: Plane, measured: Plane, y: int, x: int) -> tuple[Plane, Plane]:
    """The same part of both pictures, where the measured one lies `y` lower and `x` to the right.

    >>> a = np.arange(9.0).reshape(3, 3)
    >>> overlap(a, a, 1, 0)[1]
    array([[3., 4., 5.],
           [6., 7., 8.]])
    """
    height, width = standard.shape
    return (
        standard[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)],
        measured[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)],
    )


def _halved(picture: Plane) -> Plane:
    """Means of 2 × 2 pixels; an odd row or column at the end is left out."""
    rows, columns = (side // 2 * 2 for side in picture.shape)
    whole = picture[:rows, :columns]
    found = whole[::2, ::2] + whole[1::2, ::2]
    found += whole[::2, 1::2]
    found += whole[1::2, 1::2]
    found /= 4
    return found


def _peaks(standard: Plane, measured: Plane) -> list[tuple[int, int]]:
    """No shift, and the highest peaks of the phase correlation within reach."""
    height, width = standard.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    spectra = [np.fft.rfft2((p - p.mean()) * window) for p in (standard, measured)]
    cross = spectra[1] * spectra[0].conj()
    size = np.abs(cross)
    surface = np.fft.irfft2(cross / np.maximum(size, 1e-6 * size.max() + 1e-12), s=standard.shape)
    y, x = (np.fft.fftfreq(side, 1 / side).astype(int) for side in standard.shape)
    near = (np.abs(y) <= _REACH * height)[:, None] & (np.abs(x) <= _REACH * width)
    order = np.argsort(np.where(near, surface, -np.inf), axis=None)[::-1][:_CANDIDATES]
    rows, columns = np.unravel_index(order, surface.shape)
    return [(0, 0), *((int(y[row]), int(x[column])) for row, column in zip(rows, columns))]  # noqa: B905


def _climb(standard: Plane, measured: Plane, start: tuple[int, int]) -> tuple[int, int]:
    """The best of the shifts within one pixel of the start, until none is better."""
    best, highest = start, correlation(standard, measured, *start)
    for _ in range(3):
        y, x = best
        around = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
        top, place = max((correlation(standard, measured, *place), place) for place in around)
        if top <= highest:
            return best
        best, highest = place, top
    return best


def _vertex(values: list[float]) -> float:
    """Where the parabola through three equally spaced values has its top, from the middle one."""
    low, middle, high = values
    bend = low - 2 * middle + high
    return float(np.clip((low - high) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
