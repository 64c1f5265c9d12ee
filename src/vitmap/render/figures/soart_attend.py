"""attention.png: three heat tables side by side, rows grouped by class, on one stated scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from jaxtyping import Float
from PIL import Image

from vitmap.render.diverging import diverging
from vitmap.render.labels import telling
from vitmap.render.page import LINE, QUIET, Page, dots, fitted, wrapped

_MARGIN, _GAP, _HEADER = 0.30, 0.30, 1.25  # inches
_NAME, _GROUP = 1.4, 1.20  # widths of the rows' names and of the classes'
_TITLE = 1.9  # width that a table's title needs
_NUMBERS = 12  # columns up to which a cell has room for its number; more show the sign alone
_MARK = "#333333"


def draw_heat_tables(
    tables: Float[np.ndarray, "3 row column"],
    titles: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[tuple[str, str]],
    title: str,
    subtitle: str,
    notes: Sequence[str] = (),
) -> Image.Image:
    """The figure; `rows` are (name, class) and are sorted by class in the order of appearance.

    White is 0; the scale ends at the same value for all tables, on both sides, and the legend
    names it. A cell shows its number where there is room, and its sign in any case.
    """
    order = _order([group for _, group in rows])
    limit = limit_of(tables)
    tall = float(np.clip(6.5 / max(len(rows), 1), 0.16, 0.30))
    wide = 0.40 if len(columns) <= _NUMBERS else 0.21
    groups = [(kind, len(list(run))) for kind, run in groupby(rows[i][1] for i in order)]
    apart = 0.08 * (len(groups) - 1)
    left = _MARGIN + _NAME + (_GROUP if any(kind for kind, _ in groups) else 0)
    apiece = max(wide * len(columns), _TITLE)
    paper = max(left + 3 * apiece + 2 * _GAP + _MARGIN, 9.0)
    beyond = int((np.abs(np.nan_to_num(tables)) > limit).sum())
    notes = [*_scale_notes(limit, beyond, bool(np.isnan(tables).any())), *notes]
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    page = Page(paper, _HEADER + tall * len(rows) + apart + 0.75 + lines * LINE + 0.15)
    page.text(_MARGIN, 0.36, fitted(title, paper - 0.6, 13, "Bold"), size=13, cut="Bold")
    page.text(_MARGIN, 0.58, fitted(subtitle, paper - 0.6, 8), color=QUIET)
    x = left
    for table, name in zip(tables, titles, strict=True):
        page.text(x, 0.92, name, size=9.5, cut="Bold")
        for column, label in enumerate(columns):
            page.text(x + (column + 0.5) * wide, 1.15, label, size=6.5, color=QUIET, align="center")
        _table(page, table[order], [count for _, count in groups], x, (tall, wide), limit)
        x += apiece + _GAP
    _row_names(page, [rows[i] for i in order], groups, tall)
    y = _HEADER + tall * len(rows) + apart + 0.20
    _legend(page, y, limit)
    y += 0.55
    for note in notes:
        y = page.paragraph(_MARGIN, y, note)
    return page.render()


def limit_of(tables: Float[np.ndarray, "3 row column"]) -> float:
    """Where the colours end: at 1, or at the 99th percentile of the sizes where that is more."""
    sizes = np.abs(tables[np.isfinite(tables)])
    top = float(np.percentile(sizes, 99)) if sizes.size else 0.0
    return max(1.0, float(np.ceil(10 * top) / 10))


def _order(groups: Sequence[str]) -> list[int]:
    first = {group: index for index, group in reversed(list(enumerate(groups)))}
    return sorted(range(len(groups)), key=lambda i: (first[groups[i]], i))


def _table(
    page: Page,
    table: Float[np.ndarray, "row column"],
    counts: Sequence[int],
    x: float,
    cell: tuple[float, float],
    limit: float,
) -> None:
    tall, wide = cell
    colors, y, row = diverging(table, limit), _HEADER, 0
    for count in counts:
        for line in range(row, row + count):
            for column in range(table.shape[1]):
                size = (dots(tall) - 1, dots(wide) - 1, 3)
                block = np.broadcast_to(colors[line, column], size)
                page.picture(x + column * wide, y, block)
                text = _shown(float(table[line, column]), wide > 0.3)
                ink = "white" if abs(table[line, column]) > 0.6 * limit else _MARK
                middle = x + (column + 0.5) * wide
                size_of = min(6.5, 40 * tall)
                page.text(
                    middle, y + tall / 2 + 0.035, text, size=size_of, color=ink, align="center"
                )
            y += tall
        row += count
        y += 0.08


def _shown(value: float, roomy: bool) -> str:
    if np.isnan(value):
        return "none" if roomy else "?"
    text = f"{value:+.2f}" if roomy else f"{value:+.0f}"[:1]
    return "0" if round(value, 2) == 0 else text.replace("-", "−")


def _row_names(
    page: Page, rows: Sequence[tuple[str, str]], groups: Sequence[tuple[str, int]], tall: float
) -> None:
    named = any(kind for kind, _ in groups)
    small = min(6.5, 40 * tall)
    shown = telling([name for name, _ in rows], _NAME - 0.08, small)
    kinds = telling([kind or "no class" for kind, _ in groups], _GROUP - 0.16, 8.5, "Bold")
    y, row = _HEADER, 0
    for _, count in groups:
        if named:
            bar = np.broadcast_to(np.uint8(120), (max(1, dots(tall * count) - 1), dots(0.03), 3))
            page.picture(_MARGIN + _GROUP - 0.12, y, bar)
            size = min(8.5, 58 * tall * count)  # a class of one row is no taller than the row
            name = kinds.pop(0)
            page.text(_MARGIN, y + min(0.13, tall * count - 0.03), name, size=size, cut="Bold")
        for text in shown[row : row + count]:
            x = _MARGIN + (_GROUP if named else 0)
            page.text(x, y + tall / 2 + 0.035, text, size=small, color=QUIET)
            y += tall
        row += count
        y += 0.08


def _legend(page: Page, y: float, limit: float) -> None:
    ramp = np.linspace(-limit, limit, dots(2.6))[None]
    page.picture(_MARGIN, y, np.repeat(diverging(ramp, limit), dots(0.13), axis=0))
    page.text(_MARGIN, y + 0.27, f"−{limit:g}", size=7)
    page.text(_MARGIN + 1.3, y + 0.27, "0", size=7, align="center")
    page.text(_MARGIN + 2.6, y + 0.27, f"+{limit:g}", size=7, align="right")


def _scale_notes(limit: float, beyond: int, lacking: bool) -> list[str]:
    reading = (
        f"Scale: one for all three tables, -{limit:g} to +{limit:g}, white is 0. Red is above the "
        "reference mean of that column, blue below it."
    )
    if beyond:
        reading += f" {beyond} cell{'s lie' if beyond > 1 else ' lies'} beyond the scale."
    if lacking:
        reading += " Gray: no number there."
    return [reading]
