"""portrait.png: what every head does: a table of layers and heads for each trait, and the maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float
from PIL import Image

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.scale import PERCENTILE, Scale
from vitmap.maps.stack import cells_of
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import palette
from vitmap.render.figures.cell_tables import (
    LEGEND,
    CellTable,
    Grid,
    draw_axes,
    draw_cells,
    draw_legend,
    lines_of,
)
from vitmap.render.page import DPI, INK, LINE, QUIET, Page, dots, fitted

_MARGIN, _GAP, _HEADER = 0.30, 0.34, 0.80  # inches
_SCREEN = 1.6  # width by height that the page aims at
_READING = (
    "Rows are layers (L), columns heads (H), both count from 0 and stand in the model's order; "
    "'mean' is the map averaged over the layer's heads, not the average of their numbers. A cell "
    "is the mean over pictures. Colours run from the lowest to the highest cell of each table by "
    "itself; the mark on a scale is uniform attention, which prefers no patch. Neither end of a "
    "scale is the good one. ± is the median over cells of the standard deviation over pictures."
)


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The maps of one picture, to stand beside the numbers."""

    name: str
    maps: AttentionMaps


@dataclass(frozen=True, eq=False)
class PortraitSheet:
    """What the figure shows."""

    headline: str
    subtitle: str
    tables: Sequence[CellTable]
    thumbnails: Thumbnails
    notes: Sequence[str] = ()


def draw_portrait(sheet: PortraitSheet) -> Image.Image:
    """The figure: as many tables side by side as fit a screen."""
    layers, heads = sheet.tables[0].values.shape
    grid = Grid(layers, heads)
    words = [lines_of(table.meaning, grid.width) for table in sheet.tables]
    above = 0.34 + max(map(len, words)) * LINE + 0.20  # title, meaning, heads
    block, step = above + grid.height + LEGEND, grid.width + _GAP
    count = len(sheet.tables) + 1
    columns = _columns(count, step, block)
    inner = columns * step - _GAP
    head = lines_of(sheet.headline, inner, 13, "Bold")
    notes = [lines_of(note, inner) for note in (_READING, *sheet.notes, CAVEAT)]
    top = _HEADER + 0.22 * (len(head) - 1)
    bottom = top + -(-count // columns) * block
    page = Page(inner + 2 * _MARGIN, bottom + sum(map(len, notes)) * LINE + 0.25)
    for number, text in enumerate(head):
        page.text(_MARGIN, 0.36 + 0.22 * number, text, size=13, cut="Bold")
    page.text(_MARGIN, top - 0.22, fitted(sheet.subtitle, inner, 8), color=QUIET)
    for number, table in enumerate(sheet.tables):
        corner = _corner(number, columns, (step, block), top)
        _table(page, corner, above, grid, table, words[number])
    _thumbnails(
        page, _corner(count - 1, columns, (step, block), top), above, grid, sheet.thumbnails
    )
    _notes(page, bottom + 0.05, notes)
    return page.render()


def _corner(
    number: int, columns: int, step: tuple[float, float], top: float
) -> tuple[float, float]:
    line, column = divmod(number, columns)
    return _MARGIN + column * step[0], top + line * step[1]


def _notes(page: Page, y: float, notes: Sequence[Sequence[str]]) -> None:
    """How to read the figure; the last note is what it cannot show."""
    for note in notes:
        color, cut = (QUIET, "Oblique") if note is notes[-1] else (INK, "")
        for text in note:
            page.text(_MARGIN, y, text, size=7, color=color, cut=cut)
            y += LINE


def _columns(count: int, width: float, height: float) -> int:
    """Tables side by side, so that the page is about as wide as a screen is."""

    def off(columns: int) -> float:
        lines = -(-count // columns)
        empty = lines * columns - count
        return abs(math.log(columns * width / (lines * height * _SCREEN))) + 0.15 * empty

    return min(range(min(2, count), count + 1), key=off)


def _table(
    page: Page,
    corner: tuple[float, float],
    above: float,
    grid: Grid,
    table: CellTable,
    words: Sequence[str],
) -> None:
    x, y = corner
    _title(page, x, y, table.title, words)
    draw_axes(page, x, y + above, grid)
    draw_cells(page, x, y + above, grid, table)
    draw_legend(page, x, y + above + grid.height + 0.10, grid.width, table)


def _title(page: Page, x: float, y: float, title: str, words: Sequence[str]) -> None:
    page.text(x, y + 0.16, title, size=10, cut="Bold")
    for number, text in enumerate(words):
        page.text(x, y + 0.34 + number * LINE, text, size=7, color=QUIET)


def _thumbnails(
    page: Page, corner: tuple[float, float], above: float, grid: Grid, shown: Thumbnails
) -> None:
    """Each map in its cell, on the scale of one photo."""
    x, y = corner
    cells = _uniform(shown.maps)
    upper = float(np.percentile(cells, PERCENTILE, method="higher")) or 1.0
    scale, colors = Scale("image", upper), palette()
    name = fitted(shown.name, grid.width - 0.5, 7)
    _title(page, x, y, "the maps themselves", [f"of {name}"])
    draw_axes(page, x, y + above, grid)
    for layer, column in np.ndindex(*cells.shape[:2]):
        left, top = grid.place(layer, column)
        pixels = _small(cells[layer, column], grid, shown.maps.view.source)
        beside = (dots(grid.wide) - 1 - pixels.shape[1]) / 2 / DPI
        over = (dots(grid.tall) - 1 - pixels.shape[0]) / 2 / DPI
        page.picture(x + left + beside, y + above + top + over, colors[scale.levels(pixels)])
    y += above + grid.height + 0.10
    page.ramp(x, y, grid.width, 0.11, colors)
    page.text(x, y + 0.24, "0", size=6.5)
    text = f"{upper:.3g} × uniform; hotter is pink"
    page.text(x + grid.width, y + 0.24, text, size=6.5, align="right")
    page.text(x, y + 0.38, f"scale: image ({scale.meaning})", size=6.5, color=QUIET)


def _uniform(maps: AttentionMaps) -> Float[np.ndarray, "layer column gy gx"]:
    layers = len(maps.layers)
    return rearrange(cells_of(maps), "(layer column) gy gx -> layer column gy gx", layer=layers)


def _small(
    values: Float[np.ndarray, "gy gx"], grid: Grid, source: tuple[int, int]
) -> Float[np.ndarray, "y x"]:
    """A map in a cell, in the photo's proportions; patches finer than dots are averaged."""
    tall, wide = dots(grid.tall) - 1, dots(grid.wide) - 1
    shrink = min(tall / source[0], wide / source[1])
    size = max(1, round(source[1] * shrink)), max(1, round(source[0] * shrink))
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BOX))
