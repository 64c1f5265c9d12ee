"""recipe.png: one photo as a recipe reads it: the heat, where it stands out, and the verdict."""

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
from vitmap.render.overlay import cut_out, overlay
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, wrapped

_MARGIN, _GAP, _HEADER, _CAPTION = 0.35, 0.18, 0.98, 0.45  # inches
_AREA = 9.0  # square inches of a panel
_NARROWEST = 2.4


@dataclass(frozen=True, eq=False)
class Judged:
    """What the figure shows, as plain values."""

    title: str
    verdict: str
    subtitle: str
    photo: UInt8[np.ndarray, "y x 3"]
    view: View
    heat: Float[np.ndarray, "gy gx"]
    mask: Bool[np.ndarray, "gy gx"]
    mask_caption: str
    scale: Scale
    unit: str
    notes: Sequence[str]


def draw_judged(judged: Judged, colormap: str = DEFAULT, upsample: str = "nearest") -> Image.Image:
    """The photo, the heat over it on the recipe's scale, and what lies above the level."""
    aspect = min(max(judged.photo.shape[1] / judged.photo.shape[0], 0.3), 4.0)
    wide = max((_AREA * aspect) ** 0.5, _NARROWEST)
    stacked = aspect > 1.8  # wide photos stand one above the other
    tall = wide / aspect
    columns, rows = (1, 3) if stacked else (3, 1)
    paper = 2 * _MARGIN + columns * (wide + _GAP) - _GAP
    notes = [*judged.notes, CAVEAT]
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    room = paper - 2 * _MARGIN
    said = wrapped(judged.verdict, room, 9.5)
    head = _HEADER + 0.18 * len(said)
    foot = head + rows * (_CAPTION + tall + _GAP) + 0.6
    page = Page(paper, foot + lines * LINE + 0.2)
    page.text(_MARGIN, 0.42, fitted(judged.title, room, 13, "Bold"), size=13, cut="Bold")
    for number, line in enumerate(said):
        page.text(_MARGIN, 0.66 + 0.18 * number, line, size=9.5)
    page.text(_MARGIN, head - 0.32, fitted(judged.subtitle, room, 7.5), size=7.5, color=QUIET)
    view = View((dots(tall), dots(wide)), judged.view.target, judged.view.patch)
    image = Image.fromarray(judged.photo)
    small = np.asarray(image.resize((dots(wide), dots(tall)), Image.Resampling.BOX))
    levels = judged.scale.levels(view.to_pixels(judged.heat.astype(np.float32), upsample))
    kept = view.to_pixels(judged.mask.astype(np.float32)) > 0
    panels = [
        ("photo", "", small),
        ("heat", judged.unit, overlay(small, levels, palette(colormap))),
        ("what stands out", judged.mask_caption, cut_out(small, kept)),
    ]
    for number, (name, caption, pixels) in enumerate(panels):
        column, row = (0, number) if stacked else (number, 0)
        x = _MARGIN + column * (wide + _GAP)
        y = head + row * (_CAPTION + tall + _GAP)
        page.text(x, y + 0.17, name, size=10, cut="Bold")
        page.text(x, y + 0.33, fitted(caption, wide, 7), size=7, color=QUIET)
        page.picture(x, y + _CAPTION, pixels)
    _legend(page, foot - 0.5, judged, colormap)
    y = foot
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        y = page.paragraph(_MARGIN, y, note, color=color, cut=cut)
    return page.render()


def _legend(page: Page, y: float, judged: Judged, colormap: str) -> None:
    colors, bar = palette(colormap), 2.2
    page.ramp(_MARGIN, y, bar, 0.12, colors)
    low, high = judged.scale.limits(judged.heat)
    page.text(_MARGIN, y + 0.26, f"{low:.3g}", size=7)
    page.text(_MARGIN + bar, y + 0.26, f"{high:.3g}", size=7, align="right")
    x = _MARGIN + bar
    page.picture(x + 0.08, y, np.broadcast_to(colors[-1], (dots(0.12), dots(0.2), 3)))
    above = int((judged.heat > np.float32(high)).sum())
    patches = "1 patch" if above == 1 else f"{above} patches"
    page.text(x + 0.34, y + 0.1, f"above the scale: {patches}", size=7)
