"""CellTable: one number for each layer and head, coloured from its lowest to its highest."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from vitmap.maps.scale import LEVELS
from vitmap.render.colormap import palette
from vitmap.render.page import DPI, INK, QUIET, Page, dots, width_of

NAME, APART = 0.36, 0.07  # inches: the rows' labels, and the gap before the mean over heads
_NONE = np.array([200, 200, 200], dtype=np.uint8)
_BAR = 0.11
_WORDS = 2.75  # inches that a title and a legend need
LEGEND = 0.72  # inches below the cells


@dataclass(frozen=True, eq=False)
class CellTable:
    """Values by layer and head, the mean over heads last, and the words that they need.

    `even` is the value of uniform attention, `varies` how much a cell usually varies from picture
    to picture; either may be unknown.
    """

    title: str
    meaning: str
    low: str
    high: str
    values: Float[np.ndarray, "layer column"]
    even: float | None = None
    varies: float | None = None
    percent: bool = False

    def shown(self, value: float) -> str:
        """A value as a cell shows it."""
        return shown(value, self.percent)


@dataclass(frozen=True)
class Grid:
    """Where cells lie, in inches from a panel's corner."""

    layers: int
    columns: int

    @property
    def wide(self) -> float:
        """A cell's width: few heads have more room."""
        return float(np.clip(2.45 / self.columns, 0.29, 0.60))

    @property
    def tall(self) -> float:
        """A cell's height: few layers have more room, too."""
        return float(np.clip(4.0 / self.layers, 0.21, 0.42))

    @property
    def width(self) -> float:
        """Of labels and cells, or of the words around them where there are few cells."""
        return max(NAME + APART + self.columns * self.wide, _WORDS)

    @property
    def height(self) -> float:
        """Of all cells."""
        return self.layers * self.tall

    def place(self, layer: int, column: int) -> tuple[float, float]:
        """A cell's upper left corner (x, y)."""
        gap = APART if column == self.columns - 1 else 0
        return NAME + gap + column * self.wide, layer * self.tall


def draw_axes(page: Page, x: float, y: float, grid: Grid) -> None:
    """`H0 … mean` above the cells, whose corner is (x, y), and `L0 …` beside them."""
    for column in range(grid.columns):
        left, _ = grid.place(0, column)
        text = "mean" if column == grid.columns - 1 else f"H{column}"
        page.text(x + left + grid.wide / 2, y - 0.06, text, size=6, color=QUIET, align="center")
    for layer in range(grid.layers):
        middle = y + (layer + 0.5) * grid.tall + 0.035
        page.text(x + NAME - 0.06, middle, f"L{layer}", size=6, color=QUIET, align="right")


def draw_cells(page: Page, x: float, y: float, grid: Grid, table: CellTable) -> None:
    """The coloured cells with their numbers."""
    colors = colors_of(table.values)
    for layer, column in np.ndindex(*table.values.shape):
        left, top = grid.place(layer, column)
        color = colors[layer, column]
        size = (dots(grid.tall) - 1, dots(grid.wide) - 1, 3)
        page.picture(x + left, y + top, np.broadcast_to(color, size).copy())
        page.text(
            x + left + grid.wide / 2,
            y + top + grid.tall / 2 + 0.03,
            table.shown(float(table.values[layer, column])),
            size=6.5 if grid.wide > 0.32 else 6,
            color=INK if color @ np.array([0.299, 0.587, 0.114]) > 120 else "white",
            align="center",
        )


def draw_legend(page: Page, x: float, y: float, width: float, table: CellTable) -> None:
    """The colours from the lowest to the highest cell, in words too, and where uniform lies."""
    low, high = limits(table.values)
    colors = palette()
    page.ramp(x, y, width, _BAR, colors)
    y_words = y + _BAR + 0.13
    page.text(x, y_words, f"{table.shown(low)}  {table.low}", size=6.5)
    page.text(
        x + width, y + _BAR + 0.13, f"{table.high}  {table.shown(high)}", size=6.5, align="right"
    )
    said = []
    if table.even is not None:
        said.append(f"uniform attention: {table.shown(table.even)}")
        if low < table.even < high:
            at = x + width * (table.even - low) / (high - low)
            mark = np.full((dots(_BAR) + 6, 3, 3), 255, dtype=np.uint8)
            mark[:, 1] = 20
            page.picture(at - 1.5 / DPI, y - 3 / DPI, mark)
    if table.varies is not None:
        varies = table.varies * (100 if table.percent else 1)
        said.append(f"± {varies:.1g} from picture to picture")
    page.text(x, y_words + 0.14, "  ·  ".join(said), size=6.5, color=QUIET)


def colors_of(values: Float[np.ndarray, "layer column"]) -> UInt8[np.ndarray, "layer column 3"]:
    """Colours from the lowest to the highest value; gray where there is no number."""
    low, high = limits(values)
    share = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0)
    colors = palette()[np.rint(share * (LEVELS - 1)).astype(int)]
    colors[~np.isfinite(values)] = _NONE
    return colors


def limits(values: Float[np.ndarray, "layer column"]) -> tuple[float, float]:
    """The lowest and the highest of the numbers that are some."""
    there = values[np.isfinite(values)]
    return (float(there.min()), float(there.max())) if there.size else (0.0, 0.0)


def shown(value: float, percent: bool = False) -> str:
    """As many digits as a cell has room for; shares in percent, without the sign.

    >>> shown(0.934), shown(-0.5), shown(3.14159), shown(25.3), shown(0.0042), shown(0.996)
    ('.93', '−.50', '3.1', '25', '.00', '1.0')
    >>> shown(0.0042, True), shown(0.293, True), shown(1.0, True)
    ('0.4', '29', '100')
    """
    if not np.isfinite(value):
        return "–"
    value = 100 * value if percent else value
    size = abs(value)
    if percent or size >= 0.995:
        text = f"{value:.0f}" if size >= 9.95 else f"{value:.1f}"
    else:
        text = f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)  # + 0.0: no minus before 0
    return text.replace("-", "−")


def lines_of(text: str, inches: float, size: float = 7, cut: str = "") -> list[str]:
    """The text in lines that are as wide as the fonts say."""
    letters = len(text)
    while letters > 8:
        lines = textwrap.wrap(text, letters)
        if all(width_of(line, size, cut) <= inches for line in lines):
            return lines
        letters -= 1
    return textwrap.wrap(text, letters)
