"""heads.png: one photo, its label, and every chosen head on one scale that the legend names."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from vitmap.maps.maps import AttentionMaps, PatchMap, Prediction
from vitmap.maps.query import Query
from vitmap.maps.scale import PERCENTILE, Scale, scale_of
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.render.alarms import ALARM, alarm_notes, mark_of
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.figures.panels import (
    AREA,
    CAPTION,
    GAP,
    HEADER,
    MARGIN,
    cell_size,
    in_lines,
    panel_size,
    photo_panel,
    resized,
    seen_as,
    size_of,
)
from vitmap.render.labels import times
from vitmap.render.legend import draw_legend
from vitmap.render.overlay import cut_out
from vitmap.render.page import INK, LINE, QUIET, Page, dots, letters, shorten, width_of, wrapped

_NARROWEST = 8.0  # inches
_SCREEN = 1.5  # width by height that a page of several layers aims at


def draw_heads(
    photo: Photo,
    maps: AttentionMaps | Sequence[Sequence[PatchMap]],
    scale: Scale | str = "image",
    *,
    prediction: Prediction | str = "",
    threshold: float = 0.6,
    colormap: str = DEFAULT,
    upsample: str = "nearest",
) -> Image.Image:
    """The figure of one photo: every map named by its layer and head, on one scale.

    >>> draw_heads(photo, maps, threshold=0.6).save("heads.png")     # doctest: +SKIP

    With one layer each map has the photo below it, cut out by the mask that keeps `threshold` of
    the mass; with several, rows are layers and columns heads. The legend names the scale, its
    limits, and how many patches lie above it. In place of a prediction a text says why there is
    none.
    """
    rows = maps.cells() if isinstance(maps, AttentionMaps) else [list(row) for row in maps]
    cells = [cell for row in rows for cell in row]
    scale = scale_of(scale, cells) if isinstance(scale, str) else scale
    with_masks = len(rows) == 1
    width, height = cell_size(photo, AREA * size_of(len(cells)) if with_masks else AREA / 1.7)
    step = CAPTION + height * (1 + with_masks) + GAP * (2 if with_masks else 1.5)
    places = in_lines(cells) if with_masks else _layers(rows, width + GAP, step)
    panel = panel_size(photo, width)
    left = MARGIN + panel[0] + 2.5 * GAP
    last_line, last_column = (
        max(axis) for axis in zip(*(place for place, _ in places), strict=True)
    )
    alarms = alarm_notes(cells)
    notes = [*_notes(scale, threshold, cells[0].query), *alarms, CAVEAT]
    paper = max(left + (last_column + 1) * (width + GAP) - GAP + MARGIN, _NARROWEST)
    body = max((last_line + 1) * step, CAPTION + panel[1] + 1.3)
    page = Page(paper, HEADER + body + _footer(notes, paper))
    small = resized(photo, width, height)
    _title(page, photo, cells[0])
    photo_panel(page, photo, prediction, panel)
    _mark_query(page, cells[0], panel)
    for (line, column), cell in places:
        x, y = left + column * (width + GAP), HEADER + line * step
        _caption(page, x, y, cell, threshold, width)
        view = View((dots(height), dots(width)), cell.view.target, cell.view.patch)
        levels = scale.levels(view.to_pixels(cell.uniform, upsample))
        page.picture(x, y + CAPTION, palette(colormap)[levels])
        if with_masks:
            kept = view.to_pixels(cell.keep_mass(threshold).astype(np.float32)) > 0
            page.picture(x, y + CAPTION + height + GAP, cut_out(small, kept))
    _foot(page, scale, cells, notes, alarms, colormap)
    return page.render()


_Place = tuple[tuple[float, float], PatchMap]  # (line, column) of a map on the page


def _layers(rows: Sequence[Sequence[PatchMap]], width: float, height: float) -> list[_Place]:
    """A line a layer; few heads and many layers stand in blocks side by side, to fit a screen."""

    def tallness(blocks: int) -> float:
        lines = -(-len(rows) // blocks)
        return abs(math.log(_SCREEN * lines * height / (blocks * len(rows[0]) * width)))

    blocks = min(range(1, len(rows) + 1), key=tallness)
    lines = -(-len(rows) // blocks)
    pitch = len(rows[0]) + 0.25
    return [
        ((float(layer % lines), layer // lines * pitch + head), cell)
        for layer, row in enumerate(rows)
        for head, cell in enumerate(row)
    ]


def _title(page: Page, photo: Photo, cell: PatchMap) -> None:
    most = letters(page.width - 2 * MARGIN, 13)
    asks = f": what {cell.query.spoken} attends to"
    title = shorten(photo.name, max(12, most - len(asks))) + asks
    page.text(MARGIN, 0.36, title, size=13, cut="Bold")
    page.text(MARGIN, 0.58, seen_as(photo, cell.view, cell.source), color=QUIET)


def _mark_query(page: Page, cell: PatchMap, panel: tuple[float, float]) -> None:
    """Frames round the patches that ask; other queries have no place on the photo."""
    (height, width), view = cell.view.source, cell.view
    across, down = panel[0] / width, panel[1] / height
    for place in {view.patch_at(*point) for point in cell.query.points}:
        x0, y0, x1, y1 = view.box(*place)
        left, top = MARGIN + x0 * across, HEADER + CAPTION + y0 * down
        page.frame(left, top, (x1 - x0) * across, (y1 - y0) * down)


def _caption(
    page: Page, x: float, y: float, cell: PatchMap, threshold: float, width: float
) -> None:
    page.text(x, y + 0.17, shorten(cell.label, letters(width, 9)), size=9, cut="Bold")
    area = float(cell.keep_mass(threshold).mean())
    peak = f"peak {times(float(cell.uniform.max()))}"
    page.text(x, y + 0.31, peak, size=6.5, color=QUIET)
    mark = mark_of(cell.alarms, width - width_of(peak, 6.5) - 0.08, 6.5)
    page.text(x + width, y + 0.31, mark, size=6.5, color=ALARM, align="right")
    page.text(x, y + 0.43, f"mask {area:.1%} of photo", size=6.5, color=QUIET)


def _foot(
    page: Page,
    scale: Scale,
    cells: Sequence[PatchMap],
    notes: Sequence[str],
    alarms: Sequence[str],
    colormap: str,
) -> None:
    """The legend, and below it the notes."""
    y = page.height - _footer(notes, page.width) + 0.24
    draw_legend(page, MARGIN, y, [scale], [cells], colormap)
    y += 0.47
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        color = ALARM if note in alarms else color
        y = page.paragraph(MARGIN, y, note, color=color, cut=cut)


def _notes(scale: Scale, threshold: float, query: Query) -> list[str]:
    """How to read the figure."""
    if scale.upper is None:
        reading = f"Scale: {scale.name} ({scale.meaning})."
    else:
        reading = (
            "Attention in multiples of uniform attention (1× = no preference). "
            f"Scale: {scale.name} ({scale.meaning}; upper end: {PERCENTILE:g}th percentile)."
        )
    labels = {
        "pool": "H is a head, counted from 0, of the pooling head that follows the last layer.",
        "patch": "L is the layer, H one head within it; both count from 0. The frame marks the "
        "patch that asks.",
    }.get(query.kind, "L is the layer, H one head within it; both count from 0.")
    mask = f"Mask: the fewest patches that hold {100 * threshold:g}% of a map's patch mass."
    return [reading, f"{labels} {mask}"]


def _footer(notes: Sequence[str], width: float) -> float:
    lines = sum(len(wrapped(note, width - 2 * MARGIN)) for note in notes)
    return 0.24 + 0.47 + lines * LINE + 0.15
