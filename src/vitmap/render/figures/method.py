"""maps.png: one photo, and every map that a method gave of it, on one scale in its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vitmap.maps.maps import Prediction
from vitmap.maps.method_maps import Map, Maps
from vitmap.maps.names import display_name
from vitmap.maps.scale import PERCENTILE, Scale
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.render.caveat import OF_METHOD
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.figures.panels import (
    AREA,
    CAPTION,
    GAP,
    HEADER,
    MARGIN,
    cell_size,
    in_lines,
    resized,
    seen_as,
    size_of,
)
from vitmap.render.legend import draw_legend
from vitmap.render.overlay import overlay
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, width_of, wrapped

_NARROWEST = 7.0  # inches
_LEGEND, _BETWEEN = 0.71, 0.26  # of the legend with its space; between a map and what is below


@dataclass(frozen=True, eq=False)
class Compared:
    """What the photo was compared with: how many normal images, and one of them to be shown."""

    count: int
    image: Photo

    def __str__(self) -> str:
        return f"compared with {self.count} reference image{'' if self.count == 1 else 's'}"


def draw_maps(
    photo: Photo,
    maps: Maps,
    scale: Scale,
    *,
    summary: str,
    compared: Compared | None = None,
    prediction: Prediction | None = None,
    colormap: str = DEFAULT,
    upsample: str = "nearest",
) -> Image.Image:
    """Every map, and below it the photo under its colours; a frame marks the highest patch.

    `summary` says how to read the method's maps. Below the photo stands a normal image, where it
    was compared with any.
    """
    cells = list(maps)
    width, height = cell_size(photo, AREA * size_of(len(cells)))
    step = CAPTION + 2 * height + _BETWEEN + 2 * GAP
    left = MARGIN + width + 2.5 * GAP
    places = in_lines(cells)
    lines, columns = (int(max(axis)) + 1 for axis in zip(*(p for p, _ in places), strict=True))
    notes = [*_notes(scale, summary), OF_METHOD]
    paper = max(left + columns * (width + GAP) - GAP + MARGIN, _NARROWEST)
    text = sum(len(wrapped(note, paper - 2 * MARGIN)) for note in notes) * LINE
    foot = _LEGEND + text + 0.15
    page = Page(paper, HEADER + lines * step + foot)
    _title(page, photo, maps)
    _left(page, photo, compared, prediction, (width, height))
    small, colors = resized(photo, width, height), palette(colormap)
    for (line, column), cell in places:
        x, y = left + column * (width + GAP), HEADER + line * step
        view = View((dots(height), dots(width)), cell.view.target, cell.view.patch)
        levels = scale.levels(view.to_pixels(cell.heat, upsample))
        _caption(page, x, y, cell, width)
        page.picture(x, y + CAPTION, colors[levels])
        below = y + CAPTION + height + _BETWEEN
        page.text(x, below - 0.07, "over the photo", size=6.5, color=QUIET)
        page.picture(x, below, overlay(small, levels, colors))
        x0, y0, x1, y1 = (end / dots(1) for end in view.box(*cell.peak))
        page.frame(x + x0, below + y0, x1 - x0, y1 - y0)
    y = page.height - foot + 0.24
    draw_legend(page, MARGIN, y, [scale], [cells], colormap, unit=maps.unit)
    y += 0.47
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is OF_METHOD else ("", INK)
        y = page.paragraph(MARGIN, y, note, color=color, cut=cut)
    return page.render()


def _title(page: Page, photo: Photo, maps: Maps) -> None:
    room = page.width - 2 * MARGIN
    unit = f": {maps.unit}"
    name = fitted(photo.name, max(1.2, room - width_of(unit, 13, "Bold")), 13, "Bold")
    page.text(MARGIN, 0.36, fitted(name + unit, room, 13, "Bold"), size=13, cut="Bold")
    seen = seen_as(photo, maps.view, maps.source)
    page.text(MARGIN, 0.58, fitted(seen, room, 8), color=QUIET)


def _left(
    page: Page,
    photo: Photo,
    compared: Compared | None,
    prediction: Prediction | None,
    size: tuple[float, float],
) -> None:
    """The photo with its label, and below it one of the normal images."""
    page.text(MARGIN, HEADER + 0.17, "photo", size=9, cut="Bold")
    page.picture(MARGIN, HEADER + CAPTION, resized(photo, *size))
    if prediction is not None:
        said = f"{prediction}, says {display_name(prediction.model)}"
        page.text(MARGIN, HEADER + 0.43, fitted(said, size[0], 6.5), size=6.5, color=QUIET)
    if compared is not None:
        y = HEADER + CAPTION + size[1] + _BETWEEN
        which = (
            "the reference image"
            if compared.count == 1
            else (f"one of the {compared.count} reference images")
        )
        page.text(MARGIN, y - 0.07, fitted(which, size[0], 6.5), size=6.5, color=QUIET)
        page.picture(MARGIN, y, _within(compared.image, size))


def _within(photo: Photo, size: tuple[float, float]) -> UInt8[np.ndarray, "y x 3"]:
    """A photo of any shape, whole, in a room of a size in inches."""
    height, width = photo.size
    inches = min(size[0] / width, size[1] / height)
    return resized(photo, width * inches, height * inches)


def _caption(page: Page, x: float, y: float, cell: Map, width: float) -> None:
    row, column = cell.peak
    across, down = cell.view.center(row, column)
    page.text(x, y + 0.17, cell.label, size=9, cut="Bold")
    highest = f"highest {float(cell.values.max()):.3g} at {across}, {down} px"
    page.text(x, y + 0.31, fitted(highest, width, 6.5), size=6.5, color=QUIET)
    page.text(x, y + 0.43, f"mean {float(cell.values.mean()):.3g}", size=6.5, color=QUIET)


def _notes(scale: Scale, summary: str) -> Sequence[str]:
    """How to read the figure."""
    end = "" if scale.upper is None else f"; upper end: {PERCENTILE:g}th percentile"
    return [
        summary,
        f"Scale: {scale.name} ({scale.meaning}{end}). The frame marks the highest patch.",
    ]
