"""examples.png: what the chosen cell shows on a few pictures, beside what the others show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.outline import outline
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, wrapped

_MARGIN, _GAP, _HEADER, _CAPTION = 0.35, 0.16, 1.05, 0.55  # inches
_AREA = 3.6  # square inches of one panel


@dataclass(frozen=True, eq=False)
class Example:
    """One picture: its maps, one a column, and where its defect is known to lie."""

    name: str
    remark: str
    photo: UInt8[np.ndarray, "y x 3"]
    view: View
    maps: Sequence[Float[np.ndarray, "gy gx"]]
    mask: Bool[np.ndarray, "y x"] | None


@dataclass(frozen=True)
class Column:
    """A column of maps: all of them on one scale."""

    title: str
    subtitle: str
    scale: Scale
    unit: str


@dataclass(frozen=True, eq=False)
class ExampleSheet:
    """What the figure shows, as plain values."""

    title: str
    subtitle: str
    columns: Sequence[Column]
    examples: Sequence[Example]
    notes: Sequence[str]


def draw_examples(sheet: ExampleSheet, colormap: str = DEFAULT) -> Image.Image:
    """Pictures as rows, maps as columns; the known defect's outline on each."""
    sizes = [_size(example.view.source) for example in sheet.examples]
    wide = max(max(width for width, _ in sizes), 1.9)
    paper = 2 * _MARGIN + (len(sheet.columns) + 1) * (wide + _GAP) - _GAP
    notes = [*sheet.notes, CAVEAT]
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    body = sum(height + _GAP + 0.34 for _, height in sizes)
    foot = _HEADER + _CAPTION + body + 0.68
    page = Page(paper, foot + lines * LINE + 0.2)
    page.text(
        _MARGIN, 0.42, fitted(sheet.title, paper - 2 * _MARGIN, 13, "Bold"), size=13, cut="Bold"
    )
    page.text(_MARGIN, 0.66, fitted(sheet.subtitle, paper - 2 * _MARGIN, 8), color=QUIET)
    step = wide + _GAP
    page.text(_MARGIN, _HEADER + 0.1, "photo", size=10, cut="Bold")
    for number, column in enumerate(sheet.columns, start=1):
        _column(page, _MARGIN + number * step, column, wide)
    y = _HEADER + _CAPTION
    for example, size in zip(sheet.examples, sizes, strict=True):
        page.text(_MARGIN, y + 0.05, fitted(example.name, wide, 8, "Bold"), cut="Bold")
        page.text(_MARGIN, y + 0.2, fitted(example.remark, wide, 7), size=7, color=QUIET)
        y += 0.3
        _row(page, y, example, sheet.columns, (step, *size), colormap)
        y += size[1] + _GAP + 0.04
    for number, column in enumerate(sheet.columns, start=1):
        _legend(page, _MARGIN + number * step, y + 0.02, column, wide, colormap)
    y = foot
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        y = page.paragraph(_MARGIN, y, note, color=color, cut=cut)
    return page.render()


def _column(page: Page, x: float, column: Column, wide: float) -> None:
    page.text(x, _HEADER + 0.1, fitted(column.title, wide, 10, "Bold"), size=10, cut="Bold")
    page.text(x, _HEADER + 0.27, fitted(column.subtitle, wide, 7), size=7, color=QUIET)


def _row(
    page: Page,
    y: float,
    example: Example,
    columns: Sequence[Column],
    size: tuple[float, float, float],
    colormap: str,
) -> None:
    step, width, height = size
    shape = dots(height), dots(width)
    view = View(shape, example.view.target, example.view.patch)
    edges = [] if example.mask is None else outline(example.mask, shape)
    small = Image.fromarray(example.photo).resize(shape[::-1], Image.Resampling.BOX)
    page.picture(_MARGIN, y, _marked(np.array(small), edges))
    for number, (values, column) in enumerate(zip(example.maps, columns, strict=True), start=1):
        levels = column.scale.levels(view.to_pixels(values.astype(np.float32)))
        page.picture(_MARGIN + number * step, y, _marked(palette(colormap)[levels], edges))


def _legend(page: Page, x: float, y: float, column: Column, wide: float, colormap: str) -> None:
    bar = min(wide, 1.7)
    colors = palette(colormap)
    page.ramp(x, y, bar, 0.11, colors)
    low, high = column.scale.lower, column.scale.upper
    page.text(x, y + 0.24, f"{low:.3g}", size=7)
    page.text(x + bar, y + 0.24, f"{high:.3g}", size=7, align="right")
    page.text(x, y + 0.37, fitted(column.unit, wide, 7), size=7, color=QUIET)


def _marked(
    pixels: UInt8[np.ndarray, "y x 3"], edges: Sequence[tuple[Bool[np.ndarray, "y x"], int]]
) -> UInt8[np.ndarray, "y x 3"]:
    pixels = pixels.copy()
    for edge, gray in edges:
        pixels[edge] = gray
    return pixels


def _size(source: tuple[int, int]) -> tuple[float, float]:
    """Width and height in inches of a picture of (y, x) pixels; slivers less extreme."""
    aspect = min(max(source[1] / source[0], 0.3), 4.0)
    width = (_AREA * aspect) ** 0.5
    return width, width / aspect
