"""rank.png: which layer and head shows the defect, and whether that beats doing nothing clever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, wrapped

_MARGIN, _HEADER = 0.35, 1.12  # inches
_TALL, _SIDE, _CAPTION, _APART = 0.29, 0.42, 0.52, 0.45
_STRIP, _NAMES, _FIGURES, _AXIS = 0.25, 2.75, 1.75, 5.2
_TURNED = np.array([214, 214, 214], dtype=np.uint8)  # paper for what is worse than chance
_ACCENT = np.array([196, 62, 20], dtype=np.uint8)
_BAR = np.array([120, 120, 120], dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Table:
    """One way of reading the cells: a score for every head, and for the mean of every layer."""

    title: str
    scores: Float[np.ndarray, "layer column"]  # the last column is the mean over heads
    tied: Bool[np.ndarray, "layer column"]  # not told apart from the best
    best: tuple[int, int] | None  # where the best of all tables stands, if here


@dataclass(frozen=True)
class Line:
    """A score with its interval, on a strip that all lines share."""

    name: str
    value: float
    low: float
    high: float
    remark: str = ""
    strong: bool = False


@dataclass(frozen=True, eq=False)
class RankingSheet:
    """What the figure shows, as plain values."""

    headline: str
    subtitle: str
    metric: str
    chance: float | None  # what uniform attention gets
    tables: Sequence[Table]
    lines: Sequence[Line]
    notes: Sequence[str]


def draw_ranking(sheet: RankingSheet, colormap: str = DEFAULT) -> Image.Image:
    """Tables of cells on one scale, the best outlined, and below them the strip of baselines."""
    layers, columns = sheet.tables[0].scores.shape
    wide = 0.46 if columns <= 9 else 0.40
    block = _SIDE + columns * wide
    across = len(sheet.tables) * (block + _APART) - _APART
    least = _NAMES + _AXIS + _FIGURES
    paper = 2 * _MARGIN + max(across, least)
    heads = wrapped(sheet.headline, paper - 2 * _MARGIN, 14.5, "Bold")
    notes = [*sheet.notes, CAVEAT]
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    top = _HEADER + 0.28 * (len(heads) - 1)
    strip = top + _CAPTION + layers * _TALL + 0.95
    foot = strip + 0.5 + len(sheet.lines) * _STRIP + 0.35
    page = Page(paper, foot + lines * LINE + 0.2)
    for number, line in enumerate(heads):
        page.text(_MARGIN, 0.46 + 0.28 * number, line, size=14.5, cut="Bold")
    subtitle = fitted(sheet.subtitle, paper - 2 * _MARGIN, 8.5)
    page.text(_MARGIN, top - 0.38, subtitle, size=8.5, color=QUIET)
    low, high = _limits(sheet)
    for number, table in enumerate(sheet.tables):
        x = _MARGIN + number * (block + _APART)
        _table(page, table, (x, top), wide, (low, high), sheet.chance, palette(colormap))
    _legend(page, top + _CAPTION + layers * _TALL + 0.22, (low, high), sheet, palette(colormap))
    _strip(page, strip, sheet, paper)
    y = foot
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        y = page.paragraph(_MARGIN, y, note, color=color, cut=cut)
    return page.render()


def _limits(sheet: RankingSheet) -> tuple[float, float]:
    """From chance, where there is one, to 1 or to the highest score."""
    values = np.concatenate([table.scores.ravel() for table in sheet.tables])
    if sheet.chance is not None:
        return sheet.chance, 1.0
    return 0.0, float(np.max(values, initial=0, where=np.isfinite(values))) or 1.0


def _table(
    page: Page,
    table: Table,
    corner: tuple[float, float],
    wide: float,
    limits: tuple[float, float],
    chance: float | None,
    colors: UInt8[np.ndarray, "256 3"],
) -> None:
    x, y = corner
    layers, columns = table.scores.shape
    room = _SIDE + columns * wide
    page.text(x, y + 0.1, fitted(table.title, room, 10, "Bold"), size=10, cut="Bold")
    left, upper = x + _SIDE, y + _CAPTION
    for column in range(columns):
        name = "mean" if column == columns - 1 else f"H{column}"
        middle = left + (column + 0.5) * wide
        page.text(middle, upper - 0.08, name, size=7, color=QUIET, align="center")
    for layer in range(layers):
        line = upper + layer * _TALL
        page.text(left - 0.08, line + 0.18, f"L{layer}", size=7, color=QUIET, align="right")
        for column in range(columns):
            value = float(table.scores[layer, column])
            paper, ink = _color(value, limits, chance, colors)
            place = (left + column * wide, line)
            size = (dots(_TALL) - 2, dots(wide) - 2, 3)
            page.picture(*place, np.broadcast_to(paper, size))
            cut = "Bold" if (layer, column) == table.best else ""
            at = place[0] + wide / 2
            page.text(at, line + 0.17, _figure(value), size=7, color=ink, cut=cut, align="center")
            if table.tied[layer, column] and (layer, column) != table.best:
                mark = np.broadcast_to(np.uint8(255), (dots(0.035), dots(0.16), 3))
                page.picture(at - 0.08, line + _TALL - 0.065, mark)
    if table.best is not None:
        layer, column = table.best
        page.frame(left + column * wide, upper + layer * _TALL, wide - 0.02, _TALL - 0.02)


def _color(
    value: float,
    limits: tuple[float, float],
    chance: float | None,
    colors: UInt8[np.ndarray, "256 3"],
) -> tuple[UInt8[np.ndarray, " rgb"], str]:
    """A cell's paper and its ink."""
    if not np.isfinite(value) or (chance is not None and value < chance):
        return _TURNED, QUIET
    low, high = limits
    step = int(np.clip((value - low) / (high - low), 0, 1) * (len(colors) - 2))
    paper = colors[step]
    return paper, "white" if float(paper.astype(int) @ (77, 150, 29)) / 256 < 140 else INK


def _figure(value: float) -> str:
    if not np.isfinite(value):
        return "none"
    return f"{value:.3f}".removeprefix("0") if value < 0.9995 else "1"


def _legend(
    page: Page,
    y: float,
    limits: tuple[float, float],
    sheet: RankingSheet,
    colors: UInt8[np.ndarray, "256 3"],
) -> None:
    page.ramp(_MARGIN, y, 2.0, 0.12, colors)
    chance = " (chance)" if sheet.chance is not None else ""
    page.text(_MARGIN, y + 0.26, f"{limits[0]:g}{chance}", size=7)
    page.text(_MARGIN + 2.0, y + 0.26, f"{limits[1]:.3g}", size=7, align="right")
    x = _MARGIN + 2.3
    if sheet.chance is not None:
        page.picture(x, y, np.broadcast_to(_TURNED, (dots(0.12), dots(0.2), 3)))
        page.text(x + 0.27, y + 0.1, "worse than chance", size=7)
        x += 1.5
    page.frame(x + 0.02, y + 0.01, 0.18, 0.1)
    page.text(x + 0.3, y + 0.1, "the best on these pictures", size=7)
    x += 1.95
    page.picture(x, y, np.broadcast_to(colors[len(colors) // 2], (dots(0.13), dots(0.24), 3)))
    page.picture(x + 0.04, y + 0.07, np.broadcast_to(np.uint8(255), (dots(0.035), dots(0.16), 3)))
    page.text(x + 0.32, y + 0.1, "cannot be told from the best", size=7)


def _strip(page: Page, y: float, sheet: RankingSheet, paper: float) -> None:
    """Every line's dot and interval on one axis."""
    title = (
        f"{sheet.metric[0].upper()}{sheet.metric[1:]} on pictures that had no part in the choice"
    )
    page.text(_MARGIN, y, title, size=10, cut="Bold")
    known = [v for line in sheet.lines for v in (line.low, line.high, line.value) if np.isfinite(v)]
    low = np.floor(10 * min([*known, 0.5 if sheet.chance else 0.0])) / 10
    high = 1.0 if sheet.chance is not None else max(0.1, np.ceil(10 * max([*known, 0.0])) / 10)
    left = _MARGIN + _NAMES
    width = paper - left - _MARGIN - _FIGURES
    top, bottom = y + 0.16, y + 0.3 + len(sheet.lines) * _STRIP

    def at(value: float) -> float:
        return left + float((np.clip(value, low, high) - low) / (high - low)) * width

    for tick in np.arange(low, high + 0.01, 0.1):
        rule = np.broadcast_to(np.uint8(225), (dots(bottom - top), 1, 3))
        page.picture(at(tick), top, rule)
        page.text(at(tick), bottom + 0.14, f"{tick:.1f}", size=7, color=QUIET, align="center")
    for number, line in enumerate(sheet.lines):
        middle = y + 0.34 + number * _STRIP
        cut = "Bold" if line.strong else ""
        name = fitted(line.name, _NAMES - 0.15, 8.5, cut)
        page.text(_MARGIN, middle + 0.04, name, size=8.5, cut=cut)
        color = _ACCENT if line.strong else _BAR
        if np.isfinite(line.low) and line.high > line.low:
            bar = np.broadcast_to(color, (dots(0.025), dots(at(line.high) - at(line.low)), 3))
            page.picture(at(line.low), middle - 0.0125, bar)
        if np.isfinite(line.value):
            page.picture(at(line.value) - 0.05, middle - 0.05, _dot(color))
        value = f"{line.value:.3f}" if np.isfinite(line.value) else "none"
        text = value + (f"  {line.remark}" if line.remark else "")
        page.text(left + width + 0.18, middle + 0.04, fitted(text, _FIGURES - 0.2, 8), size=8)


def _dot(color: UInt8[np.ndarray, " rgb"]) -> UInt8[np.ndarray, "side side 3"]:
    """A disc of a tenth of an inch, on white."""
    side = dots(0.1)
    away = np.hypot(*np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j])
    cover = np.clip((1 - away) * side / 2 + 0.5, 0, 1)[:, :, None]
    return np.rint(cover * color + (1 - cover) * 255).astype(np.uint8)
