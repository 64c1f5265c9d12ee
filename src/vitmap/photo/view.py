"""View: how a photo reaches the model, and how a patch finds its way back to the photo's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from vitmap.errors import UsageError
from vitmap.registry import suggest

FITS = ("keep", "squash")
UPSAMPLINGS = ("nearest", "bilinear")


@dataclass(frozen=True)
class View:
    """The resize between a photo and the model's input; nothing is cropped, nothing is padded.

    Sizes are (y, x) in pixels. Since both sides of `target` are whole patches, patch row i of gy
    covers exactly the photo's rows i·Y/gy to (i+1)·Y/gy, borders included.
    """

    source: tuple[int, int]
    target: tuple[int, int]
    patch: tuple[int, int]
    fit: str = "keep"

    @classmethod
    def of(
        cls,
        source: tuple[int, int],
        patch: tuple[int, int],
        size: int = 480,
        fit: str = "keep",
    ) -> View:
        """The view of a photo at about size² pixels.

        `keep` keeps the aspect ratio, each side rounded to whole patches; `squash` gives the square
        of the original program.

        >>> View.of((683, 1024), (8, 8), 480).target
        (392, 584)
        >>> View.of((683, 1024), (8, 8), 480, "squash").target
        (480, 480)

        Raises UsageError where size holds no patch.
        """
        if fit not in FITS:
            raise suggest("fit", fit, FITS)
        if size < max(patch):
            raise UsageError(
                f"Size {size} asked for, but one patch of the model is {patch[0]} × {patch[1]} px: "
                f"give at least {max(patch)}."
            )
        gy, gx = (
            _kept_grid(source, patch, size)
            if fit == "keep"
            else (
                round(size / patch[0]),
                round(size / patch[1]),
            )
        )
        return cls(source, (gy * patch[0], gx * patch[1]), patch, fit)

    @property
    def grid(self) -> tuple[int, int]:
        """Patches (gy, gx)."""
        return self.target[0] // self.patch[0], self.target[1] // self.patch[1]

    def at_model(self) -> View:
        """The same grid over the model's own input: its pixels stand in for the photo's."""
        return View(self.target, self.target, self.patch, self.fit)

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """The area of one patch in the photo: (x0, y0, x1, y1), in pixels, ends exclusive."""
        (height, width), (gy, gx) = self.source, self.grid
        return (
            column * width / gx,
            row * height / gy,
            (column + 1) * width / gx,
            (row + 1) * height / gy,
        )

    def center(self, row: int, column: int) -> tuple[int, int]:
        """The photo's pixel (x, y) in the middle of a patch."""
        x0, y0, x1, y1 = self.box(row, column)
        return int((x0 + x1) / 2), int((y0 + y1) / 2)

    def patch_at(self, x: float, y: float) -> tuple[int, int]:
        """The patch (row, column) that covers the photo's point (x, y).

        Raises UsageError for a point outside the photo.
        """
        (height, width), (gy, gx) = self.source, self.grid
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(
                f"Point ({x:g}, {y:g}) lies outside the photo of {width} × {height} px."
            )
        return int(y * gy / height), int(x * gx / width)

    def to_pixels(
        self, grid: Float[np.ndarray, "gy gx"], upsample: str = "nearest"
    ) -> Float[np.ndarray, "y x"]:
        """A patch map over the photo's own pixels.

        `nearest` gives each pixel the value of the patch that covers its centre; `bilinear` joins
        the patches' centres by straight lines and is flat outside the outermost ones.
        """
        if upsample not in UPSAMPLINGS:
            raise suggest("upsampling", upsample, UPSAMPLINGS)
        if upsample == "nearest":
            rows, columns = self.owners()
            return grid[rows][:, columns]
        lines = _interpolate_rows(grid, self.source[0])
        return np.ascontiguousarray(_interpolate_rows(lines.T, self.source[1]).T)

    def to_grid(self, pixels: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "gy gx"]:
        """The mean over the pixels of each patch: undoes `to_pixels` with `nearest` exactly.

        A patch smaller than a pixel (a photo of fewer pixels than patches) takes the pixel at its
        centre.
        """
        rows, columns = self.owners()
        return _pool_rows(_pool_rows(pixels, rows, self.grid[0]).T, columns, self.grid[1]).T

    def owners(self) -> tuple[np.ndarray, np.ndarray]:
        """Which patch row each pixel row belongs to, and which patch column each pixel column."""
        (height, width), (gy, gx) = self.source, self.grid
        # Whole numbers: (2i + 1)·gy // 2Y is the patch under the centre of pixel i, exactly.
        rows = (2 * np.arange(height) + 1) * gy // (2 * height)
        columns = (2 * np.arange(width) + 1) * gx // (2 * width)
        return rows, columns

    def edges(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " columns"]]:
        """The first pixel row of each patch row, then the photo's height; columns alike.

        As `owners` has it: in a photo of fewer pixels than patches some patches hold none.
        """
        rows, columns = self.owners()
        (gy, gx), starts = self.grid, np.searchsorted
        return starts(rows, np.arange(gy + 1)), starts(columns, np.arange(gx + 1))


def _kept_grid(source: tuple[int, int], patch: tuple[int, int], size: int) -> tuple[int, int]:
    """Patches (gy, gx) with an area of about size² and the photo's aspect ratio."""
    aspect = source[1] / source[0]
    most = size * size / (patch[0] * patch[1])
    gy = round(size / math.sqrt(aspect) / patch[0])
    gx = round(size * math.sqrt(aspect) / patch[1])
    # A sliver thinner than one patch is seen one patch thick: the area, not the ratio, holds then.
    if gy == 0:
        return 1, round(most)
    return (round(most), 1) if gx == 0 else (gy, gx)


def _interpolate_rows(
    values: Float[np.ndarray, "rows columns"], count: int
) -> Float[np.ndarray, "y columns"]:
    """Rows spread over `count` pixels; both grids share their outer edges."""
    place = (np.arange(count) + 0.5) * len(values) / count - 0.5
    place = np.clip(place, 0, len(values) - 1)
    low = np.minimum(place.astype(np.int64), max(len(values) - 2, 0))
    share = (place - low).astype(values.dtype)[:, None]
    high = np.minimum(low + 1, len(values) - 1)
    return values[low] * (1 - share) + values[high] * share


def _pool_rows(
    values: Float[np.ndarray, "y columns"], owners: np.ndarray, count: int
) -> Float[np.ndarray, "rows columns"]:
    """The mean of the rows that each of `count` owners holds."""
    if len(values) < count:  # more patches than pixels: the pixel under each patch's centre
        return values[(2 * np.arange(count) + 1) * len(values) // (2 * count)]
    starts = np.searchsorted(owners, np.arange(count))
    sizes = np.diff(np.append(starts, len(values)))
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
    return (sums / sizes[:, None]).astype(values.dtype)
