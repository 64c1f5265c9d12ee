"""SOARTC: where a picture differs from the standard, patch by patch, with no training.

Each patch holds 2 × 2 places of the kernels. The datum's answers there are x, those of each other
kernel y, and `sum-chebyshev` makes (beta, eta, gamma) of them: 18 numbers a patch, which are
compared with the standard's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Real, UInt8

from vitmap.errors import PictureError
from vitmap.photo.alignment import CREDIBLE, NONE, Shift, align, overlap
from vitmap.photo.view import View
from vitmap.soart.map_settings import MapSettings
from vitmap.soart.patches import compare, patch_numbers
from vitmap.soart.vectors import gray

_ENOUGH = 200_000  # pixels for a median
_DARK = 0.1  # of white: what is darker says nothing about the light

Planes = Float[np.ndarray, "channel y x"]


@dataclass(frozen=True, eq=False)
class DefectMap:
    """The anomaly of every patch of one picture, and the three distances that it is made of.

    `compared` is false where the standard shows nothing of the picture, after a shift; the values
    there are 0.
    """

    anomaly: Float[np.ndarray, "gy gx"]
    families: Float[np.ndarray, "3 gy gx"]  # distances in beta, eta, gamma
    compared: Bool[np.ndarray, "gy gx"]
    view: View
    shift: Shift
    gain: float  # of the measured picture's light over the standard's, which was undone
    settings: MapSettings

    @property
    def softmax(self) -> Float[np.ndarray, "gy gx"]:
        """softmax(anomaly · √patches) over all patches, as the method's author shows it.

        It is nearly one-hot: one patch takes it all.
        """
        raised = (self.anomaly - self.anomaly.max()) * np.sqrt(self.anomaly.size)
        shares = np.exp(raised)
        return shares / shares.sum()

    @property
    def composite(self) -> UInt8[np.ndarray, "gy gx 3"]:
        """A pixel a patch: beta, eta and gamma as red, green, blue, each by its own range."""
        low = self.families.min(axis=(1, 2), keepdims=True)
        span = self.families.max(axis=(1, 2), keepdims=True) - low
        shares = (self.families - low) / np.where(span > 0, span, 1)
        return np.rint(255 * np.moveaxis(shares, 0, 2)).astype(np.uint8)


class Reference:
    """The standard picture, with its patches' numbers kept for the pictures that follow."""

    def __init__(self, pixels: Real[np.ndarray, "y x 3"], settings: MapSettings) -> None:
        """The standard: RGB, 0 to 255; a mean of several may hold fractions.

        Raises UsageError for settings that cannot be.
        """
        settings.check(pixels.shape[:2])
        self.settings = settings
        self.planes = planes_of(pixels, settings)
        self.size = pixels.shape[:2]
        grid = settings.grid(self.size)
        target = (grid[0] * settings.cell[0], grid[1] * settings.cell[1])
        self.view = View(self.size, target, settings.cell)
        self.numbers = [
            [patch_numbers(plane, grid, settings, away) for away in settings.displacements()]
            for plane in self.planes
        ]

    def map(self, pixels: UInt8[np.ndarray, "y x 3"], name: str = "The picture") -> DefectMap:
        """The defect map of one picture, in its own pixels.

        Raises PictureError for a picture of another size, or one that shows something else, so
        that no alignment is credible.
        """
        if pixels.shape[:2] != self.size:
            raise PictureError(
                f"{name}: {pixels.shape[1]} × {pixels.shape[0]} px, but the standard has "
                f"{self.size[1]} × {self.size[0]} px: give pictures of one size."
            )
        planes = planes_of(pixels, self.settings)
        shift = self._shift(planes, name)
        gain = self._gain(planes, shift)
        grid = self.view.grid
        families = np.zeros((3, *grid), dtype=np.float32)
        anomaly = np.full(grid, -1.0, dtype=np.float32)
        for numbers, own, plane in zip(self.numbers, self.planes, planes, strict=True):
            seen = patch_numbers(_moved(own, plane / np.float32(gain), shift), grid, self.settings)
            compare(numbers, seen, self.settings.weights, anomaly, families)
        return self._in_its_own_pixels(anomaly, families, shift, gain)

    def _shift(self, planes: Planes, name: str) -> Shift:
        if not self.settings.align:
            return NONE
        shift = align(self.planes.mean(axis=0), planes.mean(axis=0))
        if not shift.credible:
            raise PictureError(
                f"{name}: it cannot be aligned with the standard (correlation "
                f"{shift.correlation:.2f} at its best, expected at least {CREDIBLE:g}): is it the "
                "same part? --align off compares it as it lies."
            )
        return shift

    def _gain(self, planes: Planes, shift: Shift) -> float:
        """How much lighter the picture is, as its median pixel is: a defect changes a mean."""
        if not self.settings.gain:
            return 1.0
        x, y = overlap(self.planes.mean(axis=0), planes.mean(axis=0), shift.y, shift.x)
        step = 1 + int((x.size / _ENOUGH) ** 0.5)
        x, y = x[::step, ::step], y[::step, ::step]
        lit = x > _DARK
        gain = float(np.median(y[lit] / x[lit])) if lit.any() else 1.0
        return gain if gain > _DARK else 1.0

    def _in_its_own_pixels(
        self, anomaly: np.ndarray, families: np.ndarray, shift: Shift, gain: float
    ) -> DefectMap:
        """Each patch of the picture takes the value of the standard's patch that it lies on."""
        rows, inside_y = _places(self.size[0], self.view.grid[0], shift.y)
        columns, inside_x = _places(self.size[1], self.view.grid[1], shift.x)
        compared = inside_y[:, None] & inside_x
        return DefectMap(
            np.where(compared, anomaly[rows][:, columns], np.float32(0)),
            np.where(compared, families[:, rows][:, :, columns], np.float32(0)),
            compared,
            self.view,
            shift,
            gain,
            self.settings,
        )


def planes_of(pixels: np.ndarray, settings: MapSettings) -> Planes:
    """One gray plane or three of colour, 0 to 1."""
    if settings.color == "rgb":
        found = np.moveaxis(pixels, 2, 0).astype(np.float32)
    elif pixels.dtype == np.uint8:
        found = gray(pixels)[None].astype(np.float32)
    else:  # a mean of pictures: nothing to round
        shares = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        found = (pixels.astype(np.float32) @ shares)[None]
    return found * np.float32(1 / 255)


def _moved(standard: np.ndarray, measured: np.ndarray, shift: Shift) -> np.ndarray:
    """The measured picture where the standard lies; what it lacks there is the standard's own."""
    if shift.y == shift.x == 0:
        return measured
    moved = standard.copy()
    target, source = overlap(moved, measured, shift.y, shift.x)
    target[:] = source
    return moved


def _places(side: int, count: int, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """The standard's patch under the middle of each patch of the picture, and if there is one."""
    middle = (np.arange(count) + 0.5) * side / count - shift
    inside = (middle >= 0) & (middle < side)
    return np.clip((middle * count / side).astype(int), 0, count - 1), inside
