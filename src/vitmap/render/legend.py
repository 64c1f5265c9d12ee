"""The legend of maps: their colours, where they end, and how much lies above them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitmap.maps.maps import PatchMap
from vitmap.maps.method_maps import Map
from vitmap.maps.scale import Scale
from vitmap.render.colormap import palette
from vitmap.render.page import Page, dots

_BAR = 2.6


def draw_legend(
    page: Page,
    x: float,
    y: float,
    scales: Sequence[Scale],
    cells: Sequence[Sequence[PatchMap | Map]],
    colormap: str,
    *,
    unit: str = "",
) -> None:
    """The bar for all rows of maps; where each row has an end of its own, that stands beside it.

    Ends are multiples of uniform attention; maps of another method have their unit named.
    """
    colors = palette(colormap)
    page.ramp(x, y, _BAR, 0.13, colors)
    far = x + _BAR
    if any(scale.upper is None for scale in scales):
        page.text(x, y + 0.27, "own minimum", size=7)
        page.text(far, y + 0.27, "own maximum", size=7, align="right")
        return
    above = sum(
        int((cell.heat > np.float32(scale.upper)).sum())
        for scale, row in zip(scales, cells, strict=True)
        for cell in row
    )
    page.picture(far + 0.08, y, np.broadcast_to(colors[-1], (dots(0.13), dots(0.20), 3)))
    patches = "1 patch" if above == 1 else f"{above} patches"
    page.text(
        far + 0.34, y + 0.11, f"{'above' if unit else 'hotter than'} the scale: {patches}", size=7
    )
    page.text(x, y + 0.27, f"{min(scale.lower for scale in scales):.3g}", size=7)
    ends, sign = {scale.upper for scale in scales}, "" if unit else "×"
    end = f"{max(e for e in ends if e):.3g}{sign}" if len(ends) == 1 else "each row's own end"
    if unit:
        page.text(far + 0.34, y + 0.27, unit, size=7)
    page.text(far, y + 0.27, end, size=7, align="right")
