"""agreement.png: how far any two heads keep the same patches, with the numbers in the cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from vitmap.maps.scale import LEVELS
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.labels import telling
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, width_of, wrapped

MOST = 48  # maps: more of them have cells too small for their numbers
_MARGIN, _TALL, _WIDE, _LONGEST = 0.30, 0.25, 0.46, 1.25  # inches
_SELF = np.array([232, 232, 232], dtype=np.uint8)
_BAR = 2.6


@dataclass(frozen=True, eq=False)
class Matrix:
    """The agreement of the maps of one model, over its pictures."""

    title: str
    labels: Sequence[str]
    values: Float[np.ndarray, "cell cell"]
    remarks: Sequence[str]  # beside each line


def draw_agreement(
    title: str,
    subtitle: str,
    matrices: Sequence[Matrix],
    notes: Sequence[str],
    colormap: str = DEFAULT,
) -> Image.Image:
    """Matrices one below the other, on one scale from 0 to 1; the diagonal says nothing."""
    names = [_longest(matrix.labels) for matrix in matrices]
    wides = [max(_WIDE, min(name, _LONGEST) + 0.08) for name in names]
    remarks = [_longest(matrix.remarks) for matrix in matrices]
    inner = max(
        _BAR + 2.5,
        *(
            name + 0.1 + len(matrix.labels) * wide + 0.15 + remark
            for name, wide, remark, matrix in zip(names, wides, remarks, matrices, strict=True)
        ),
        6.5,
    )
    head = wrapped(title, inner, 13, "Bold")
    said = [*notes, CAVEAT]
    lines = [wrapped(note, inner) for note in said]
    about = wrapped(subtitle, inner, 8)
    top = 0.66 + 0.24 * len(head) + 0.16 * len(about)
    body = sum(0.62 + len(matrix.labels) * _TALL for matrix in matrices)
    page = Page(inner + 2 * _MARGIN, top + body + 0.56 + sum(map(len, lines)) * LINE + 0.15)
    for number, text in enumerate(head):
        page.text(_MARGIN, 0.38 + 0.24 * number, text, size=13, cut="Bold")
    for number, text in enumerate(about):
        page.text(_MARGIN, 0.36 + 0.24 * len(head) + 0.16 * number, text, color=QUIET)
    y = top
    for matrix, name, wide in zip(matrices, names, wides, strict=True):
        page.text(_MARGIN, y, fitted(matrix.title, inner, 9, "Bold"), size=9, cut="Bold")
        _draw(page, y + 0.34, matrix, (name, wide), colormap)
        y += 0.62 + len(matrix.labels) * _TALL
    _legend(page, y - 0.02, colormap)
    y += 0.56
    for note, texts in zip(said, lines, strict=True):
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        for text in texts:
            page.text(_MARGIN, y, text, size=7, color=color, cut=cut)
            y += LINE
    return page.render()


def _longest(texts: Sequence[str]) -> float:
    return max((width_of(text, 7) for text in texts), default=0.0)


def _draw(page: Page, y: float, matrix: Matrix, widths: tuple[float, float], colormap: str) -> None:
    name, wide = widths
    left, colors = _MARGIN + name + 0.1, palette(colormap)
    size = (dots(_TALL) - 1, dots(wide) - 1, 3)
    heads = telling(matrix.labels, wide - 0.06, 7)
    for number, label in enumerate(matrix.labels):
        middle = left + (number + 0.5) * wide
        page.text(middle, y - 0.06, heads[number], size=7, color=QUIET, align="center")
        line = y + (number + 0.5) * _TALL + 0.035
        page.text(left - 0.08, line, label, size=7, color=QUIET, align="right")
        remark = left + len(matrix.labels) * wide + 0.12
        page.text(remark, line, matrix.remarks[number], size=7)
        for column, value in enumerate(matrix.values[number]):
            known = np.isfinite(value) and column != number
            step = int(np.clip(value, 0, 1) * (LEVELS - 1)) if known else 0
            paper = colors[step] if known else _SELF
            page.picture(left + column * wide, y + number * _TALL, np.broadcast_to(paper, size))
            dark = float(paper.astype(int) @ (77, 150, 29)) / 256 < 140
            page.text(
                left + (column + 0.5) * wide,
                line,
                _figure(float(value)) if column != number else "–",
                size=7,
                color="white" if dark else INK,
                align="center",
            )


def _figure(value: float) -> str:
    if not np.isfinite(value):
        return "none"
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1"


def _legend(page: Page, y: float, colormap: str) -> None:
    colors = palette(colormap)
    page.ramp(_MARGIN, y, _BAR, 0.13, colors)
    page.text(_MARGIN, y + 0.27, "0: no patch in common", size=7)
    page.text(_MARGIN + _BAR, y + 0.27, "1: the same", size=7, align="right")
