"""map.png: the standard, the picture with what was found, the anomaly and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.render.colormap import DEFAULT, palette
from vitmap.render.overlay import cut_out
from vitmap.render.page import INK, LINE, QUIET, Page, dots, fitted, wrapped

CAVEAT = (
    "A map shows where this picture differs from the standard; it does not show why, and the "
    "hottest place of a good picture is no defect: check the threshold on known cases."
)
MEANINGS = {
    "image": "one scale for all maps of this picture; upper end: its hottest patch",
    "run": "one scale for all pictures of this run; upper end: the hottest patch of them all",
    "good": "upper end: the hottest patch of any good picture against the others",
}
_MARGIN, _GAP, _HEADER, _CAPTION = 0.30, 0.16, 0.78, 0.40  # inches
_AREA = 5.0  # square inches of one panel
_BOX = (255, 51, 153)


@dataclass(frozen=True, eq=False)
class Panels:
    """What the figure shows of one picture, as plain values.

    `maps` are the anomaly and its three parts, already weighted, so that the parts sum to it.
    """

    title: str
    subtitle: str
    standard: UInt8[np.ndarray, "y x 3"]
    picture: UInt8[np.ndarray, "y x 3"]
    maps: Float[np.ndarray, "4 gy gx"]
    names: Sequence[str]
    mask: Bool[np.ndarray, "gy gx"]
    boxes: Sequence[tuple[int, int, int, int]]
    composite: UInt8[np.ndarray, "gy gx 3"]
    view: View
    notes: Sequence[str] = ()


def draw_defects(
    panels: Panels, scale: Scale, colormap: str = DEFAULT, upsample: str = "nearest"
) -> Image.Image:
    """The figure of one picture: every map on one scale, which the legend names."""
    height, width = panels.view.source
    aspect = min(max(width / height, 0.3), 4.0)
    wide = max((_AREA * aspect) ** 0.5, 1.9)
    tall = wide / aspect
    paper = 2 * _MARGIN + 4 * wide + 3 * _GAP
    notes = _notes(panels, scale)
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    row = _CAPTION + tall + _GAP
    page = Page(paper, _HEADER + 2 * row + 0.75 + lines * LINE + 0.15)
    page.text(_MARGIN, 0.36, fitted(panels.title, paper - 0.6, 13, "Bold"), size=13, cut="Bold")
    page.text(_MARGIN, 0.58, fitted(panels.subtitle, paper - 0.6, 8), color=QUIET)
    view = View((dots(tall), dots(wide)), panels.view.target, panels.view.patch)
    small = _resized(panels.picture, wide, tall)
    heat = [
        palette(colormap)[scale.levels(view.to_pixels(values, upsample))] for values in panels.maps
    ]
    count = len(panels.boxes)
    found = f"{count} region{'s' if count != 1 else ''}, boxes from the mask"
    kept = view.to_pixels(panels.mask.astype(np.float32)) > 0
    shown = view.to_pixels(np.arange(panels.mask.size, dtype=np.float64).reshape(panels.mask.shape))
    colors = panels.composite.reshape(-1, 3)[shown.astype(int)]
    parts = [f"{float(values.max()):.2f} at its hottest" for values in panels.maps]
    cells = [
        ("standard", "what it is compared with", _resized(panels.standard, wide, tall)),
        ("picture", found, _boxed(small, panels.boxes, panels.view)),
        (panels.names[0], parts[0], heat[0]),
        ("mask", f"{float(panels.mask.mean()):.2%} of the picture", cut_out(small, kept)),
        *zip(panels.names[1:], parts[1:], heat[1:], strict=True),
        ("composite", "RGB: beta, eta, gamma by their ranges", colors),
    ]
    for index, (name, said, pixels) in enumerate(cells):
        x = _MARGIN + index % 4 * (wide + _GAP)
        y = _HEADER + index // 4 * row
        page.text(x, y + 0.16, name, size=9, cut="Bold")
        page.text(x, y + 0.31, fitted(said, wide, 6.5), size=6.5, color=QUIET)
        page.picture(x, y + _CAPTION, pixels)
    _legend(page, _HEADER + 2 * row + 0.15, scale, panels.maps[0], colormap)
    y = _HEADER + 2 * row + 0.70
    for note in notes:
        cut, color = ("Oblique", QUIET) if note is CAVEAT else ("", INK)
        y = page.paragraph(_MARGIN, y, note, color=color, cut=cut)
    return page.render()


def _legend(page: Page, y: float, scale: Scale, anomaly: np.ndarray, colormap: str) -> None:
    bar, colors, upper = 2.6, palette(colormap), scale.limits(anomaly)[1]
    page.ramp(_MARGIN, y, bar, 0.13, colors)
    page.text(_MARGIN, y + 0.27, "0", size=7)
    page.text(_MARGIN + bar, y + 0.27, f"{upper:.3g}", size=7, align="right")
    above = int((anomaly > np.float32(upper)).sum())
    if above:
        x = _MARGIN + bar
        page.picture(x + 0.08, y, np.broadcast_to(colors[-1], (dots(0.13), dots(0.20), 3)))
        said = f"hotter than the scale: {above} patch{'es' if above > 1 else ''}"
        page.text(x + 0.34, y + 0.11, said, size=7)


def _notes(panels: Panels, scale: Scale) -> list[str]:
    reading = (
        "Anomaly in log units, 0 = like the standard; the three parts are drawn with their weights "
        f"and sum to it. Scale: {scale.name} ({MEANINGS[scale.name]})."
    )
    return [reading, *panels.notes, CAVEAT]


def _boxed(
    small: UInt8[np.ndarray, "y x 3"], boxes: Sequence[tuple[int, int, int, int]], view: View
) -> UInt8[np.ndarray, "y x 3"]:
    """The small picture with a line around each region, a little outside it."""
    image = Image.fromarray(small)
    draw, (height, width) = ImageDraw.Draw(image), view.source
    for x0, y0, x1, y1 in boxes:
        across, down = image.width / width, image.height / height
        corners = (x0 * across - 3, y0 * down - 3, x1 * across + 2, y1 * down + 2)
        draw.rectangle([round(c) for c in corners], outline=_BOX, width=2)
    return np.asarray(image)


def _resized(pixels: UInt8[np.ndarray, "y x 3"], wide: float, tall: float) -> np.ndarray:
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((dots(wide), dots(tall)), Image.Resampling.BOX))
