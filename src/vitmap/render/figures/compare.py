"""compare.png: pictures (or models) as rows, heads as columns, on one scale that is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from vitmap.maps.maps import PatchMap
from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.render.alarms import ALARM, mark_of
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.figures.compare_layout import (
    CAPTION,
    MARGIN,
    TITLED,
    UNDER,
    Block,
    Layout,
    across_of,
    lay_out,
)
from vitmap.render.labels import telling
from vitmap.render.legend import draw_legend
from vitmap.render.marked import mark_parts
from vitmap.render.overlay import cut_out, overlay
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, width_of, wrapped

RIGHT, WRONG, BEST = "#1a6e2e", "#b3261e", "#0b5394"
_LEAST = 8.0  # inches: a page of three narrow columns still has room for its title
_TITLE = 14.0  # points
_LEGEND = 0.56  # inches from its top to the first note
_LABEL = 8.5, 7.5, 6.5  # points: `L10 mean of H0-H11` is wider than a narrow column
_ONCE = 3  # rows that are seen at once: in a longer figure each row carries the labels too


@dataclass(frozen=True, eq=False)
class Tile:
    """One map with the small lines above it; as many for every map of a row."""

    cell: PatchMap
    captions: Sequence[tuple[str, str]]  # text and colour
    framed: bool = False


@dataclass(frozen=True, eq=False)
class CompareRow:
    """One picture, or one model: its photo, what is said of it, and its maps."""

    name: str
    about: str
    photo: UInt8[np.ndarray, "y x 3"]
    source: tuple[int, int]  # (y, x) of the photo as it was
    tiles: Sequence[Tile]
    scale: Scale
    under: Sequence[tuple[str, str]] = ()  # lines below the photo: text and colour
    parts: Sequence[tuple[str, Bool[np.ndarray, "y x"]]] = ()  # outlined on the photo


@dataclass(frozen=True, eq=False)
class CompareSheet:
    """What the figure shows. Without columns every map carries its own label."""

    title: str
    subtitle: str
    rows: Sequence[CompareRow]
    columns: Sequence[tuple[str, Sequence[str]]] = ()  # label, remarks below it
    group: int = 1  # heads of a layer that stay side by side
    show: str = "map"
    notes: Sequence[str] = field(default_factory=tuple)
    alarms: Sequence[str] = ()  # what the marks on some maps mean
    colormap: str = DEFAULT
    upsample: str = "nearest"
    threshold: float = 0.6


def draw_compare(sheet: CompareSheet) -> Image.Image:
    """The figure: labels above columns, and above each map where lines wrap or rows are many."""
    counts = [len(row.tiles) for row in sheet.rows]
    alone = not sheet.columns or max(counts) > across_of(max(counts), sheet.group)
    far = len(sheet.rows) > _ONCE
    titled = [alone or (far and number > 0) for number in range(len(sheet.rows))]
    captions = [max(len(_captions(tile)) for tile in row.tiles) for row in sheet.rows]
    above = [
        max(0.34, TITLED * own + CAPTION * lines + 0.06)
        for own, lines in zip(titled, captions, strict=True)
    ]
    shapes, under = [row.source for row in sheet.rows], [len(row.under) for row in sheet.rows]
    layout = lay_out(shapes, counts, sheet.group, above, under)
    paper = max(layout.width, _LEAST)
    inner = paper - 2 * MARGIN
    title = wrapped(sheet.title, inner, _TITLE, "Bold")
    notes = {note: wrapped(note, inner) for note in (*sheet.notes, *sheet.alarms, CAVEAT)}
    heads = [] if alone else _heads(sheet, layout.column)
    # Column labels stand close above the first row's small lines, beside its name where they can.
    words = 0.06 + CAPTION * captions[0]
    tall = max((len(head.label) * 0.15 + len(head.remarks) * 0.13 for head in heads), default=0.0)
    top = 0.68 + 0.26 * len(title)
    body = top + max(0.0, words + tall - above[0])
    foot = body + layout.height
    legend = 0.12 if sheet.show == "mask" else _LEGEND  # a mask has no colours to explain
    page = Page(paper, foot + legend + sum(map(len, notes.values())) * LINE + 0.18)
    for number, text in enumerate(title):
        page.text(MARGIN, 0.38 + 0.26 * number, text, size=_TITLE, cut="Bold")
    page.text(MARGIN, top - 0.33, fitted(sheet.subtitle, inner, 8), color=QUIET)
    for number, head in enumerate(heads):
        _column(page, layout.place(number)[1], body + above[0] - words, head)
    names = telling([row.name for row in sheet.rows], layout.panel, 8.5, "Bold")
    y = body
    for row, name, block, own in zip(sheet.rows, names, layout.blocks, titled, strict=True):
        _photo(page, y, row, name, block, layout.panel)
        _tiles(page, y, sheet, row, block, layout, own)
        y += block.height
    if sheet.show != "mask":
        cells = [[tile.cell for tile in row.tiles] for row in sheet.rows]
        scales = [row.scale for row in sheet.rows]
        draw_legend(page, MARGIN, foot + 0.02, scales, cells, sheet.colormap)
    _notes(page, foot + legend, notes, sheet.alarms)
    return page.render()


def _notes(page: Page, y: float, notes: Mapping[str, Sequence[str]], alarms: Sequence[str]) -> None:
    """How to read the figure, what its marks mean, and what it cannot show."""
    for note, lines in notes.items():
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        for line in lines:
            color = ALARM if note in alarms else color
            page.text(MARGIN, y, line, size=7, color=color, cut=cut)
            y += LINE


@dataclass(frozen=True)
class _Head:
    """What stands above a column: its label in lines, and remarks below them."""

    label: Sequence[str]
    remarks: Sequence[str]


def _heads(sheet: CompareSheet, width: float) -> list[_Head]:
    """Labels in at most two lines: `L11 mean of H0-H5` is longer than a map is wide.

    Where one column has remarks, all keep their lines free: labels stand in one line.
    """
    most = max(len(remarks) for _, remarks in sheet.columns)
    heads = []
    for label, remarks in sheet.columns:
        lines = wrapped(label, width, 9, "Bold")
        lines = lines if len(lines) <= 2 else [lines[0], " ".join(lines[1:])]
        shown = [fitted(line, width, 9, "Bold") for line in lines]
        below = [fitted(remark, width, 7, "Bold") for remark in remarks]
        heads.append(_Head(shown, [*below, *[""] * (most - len(below))]))
    return heads


def _column(page: Page, x: float, y: float, head: _Head) -> None:
    """A column's label and remarks, all of it above y."""
    y -= 0.13 * len(head.remarks)
    for number, remark in enumerate(head.remarks):
        if remark:
            line = y + 0.13 * (number + 1) - 0.03
            page.text(x, line, remark, size=7, color=BEST, cut="Bold")
    for number, text in enumerate(reversed(head.label)):
        page.text(x, y - 0.03 - 0.15 * number, text, size=9, cut="Bold")


def _photo(page: Page, y: float, row: CompareRow, name: str, block: Block, panel: float) -> None:
    page.text(MARGIN, y + 0.13, name, size=8.5, cut="Bold")
    page.text(MARGIN, y + 0.27, fitted(row.about, panel, 7), size=7, color=QUIET)
    shape = dots(block.photo.height), dots(block.photo.width)
    page.picture(MARGIN, y + block.above, mark_parts(_small(row.photo, shape), row.parts))
    cell, (height, width) = row.tiles[0].cell, row.source
    for place in {cell.view.patch_at(*point) for point in cell.query.points}:
        x0, y0, x1, y1 = cell.view.box(*place)
        across, down = block.photo.width / width, block.photo.height / height
        left, upper = MARGIN + x0 * across, y + block.above + y0 * down
        page.frame(left, upper, (x1 - x0) * across, (y1 - y0) * down)
    line = y + block.above + block.photo.height + UNDER
    for text, color in row.under:
        cut = "" if color in (INK, QUIET) else "Bold"
        page.text(MARGIN, line, fitted(text, panel, 7.5, cut), size=7.5, color=color, cut=cut)
        line += UNDER


def _tiles(
    page: Page,
    y: float,
    sheet: CompareSheet,
    row: CompareRow,
    block: Block,
    layout: Layout,
    titled: bool,
) -> None:
    shape = dots(block.tile.height), dots(block.tile.width)
    small = None if sheet.show == "map" else _small(row.photo, shape)
    labels = [tile.cell.label for tile in row.tiles]
    size = next((s for s in _LABEL if _widest(labels, s) <= layout.column), _LABEL[-1])
    for number, tile in enumerate(row.tiles):
        line, x = layout.place(number)
        upper = y + line * block.pitch
        bottom = upper + block.above
        captions = _captions(tile, layout.column)
        words = bottom - 0.06 - CAPTION * (len(captions) - 1)
        if titled:
            label = fitted(tile.cell.label, layout.column, size, "Bold")
            page.text(x, upper + 0.13, label, size=size, cut="Bold")
        for text, color in captions:
            page.text(x, words, fitted(text, layout.column, 6.5), size=6.5, color=color)
            words += CAPTION
        page.picture(x, bottom, _drawn(tile.cell, row.scale, sheet, shape, small))
        if tile.framed:
            page.frame(x, bottom, block.tile.width, block.tile.height)


def _widest(labels: Sequence[str], size: float) -> float:
    return max(width_of(label, size, "Bold") for label in labels)


def _captions(tile: Tile, inches: float = math.inf) -> list[tuple[str, str]]:
    """The small lines, what alarms first: where a map has none, the space above it stays empty."""
    mark = mark_of(tile.cell.alarms, inches, 6.5)
    return [*([(mark, ALARM)] if mark else []), *tile.captions]


def _drawn(
    cell: PatchMap,
    scale: Scale,
    sheet: CompareSheet,
    shape: tuple[int, int],
    small: UInt8[np.ndarray, "y x 3"] | None,
) -> UInt8[np.ndarray, "y x 3"]:
    """The map alone, over its photo, or as what is left of the photo."""
    view = View(shape, cell.view.target, cell.view.patch)
    if small is not None and sheet.show == "mask":
        rows, columns = view.owners()
        return cut_out(small, cell.keep_mass(sheet.threshold)[rows][:, columns])
    levels = scale.levels(view.to_pixels(cell.uniform, sheet.upsample))
    colors = palette(sheet.colormap)
    return colors[levels] if small is None else overlay(small, levels, colors)


def _small(
    photo: UInt8[np.ndarray, "y x 3"], shape: tuple[int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    image = Image.fromarray(photo).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(image)
