"""Where a comparison's maps stand: columns of one width, rows as high as their photo needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WRAP = 16  # maps side by side; more go on in the next line of the same row
MARGIN, GAP = 0.30, 0.12  # inches
PANEL = 2.15  # the photo's column, at least: its name and label must fit
TITLED, CAPTION, UNDER = 0.17, 0.125, 0.14  # a map's own label, a line above it, one below a photo
APART = 0.20  # between rows
_ACROSS = 13.0  # what the columns may take before they are as narrow as their captions allow
_NARROWEST, _WIDEST = 1.22, 2.40
_LARGER, _SEEN = 1.4, 2.2  # a photo is so much wider than its maps, up to these square inches
_BANNER = 1.8  # width by height from which a map is as wide as its column
_TALLEST = 1.9  # a map's height at most, in widths of its column


@dataclass(frozen=True)
class Size:
    """Width and height in inches."""

    width: float
    height: float


@dataclass(frozen=True)
class Block:
    """One row of the figure: its photo, and its maps in lines."""

    tile: Size
    photo: Size
    above: float  # inches of text above photo and maps
    lines: int
    under: int  # lines of text below the photo

    @property
    def pitch(self) -> float:
        """From one line of maps to the next."""
        return self.above + self.tile.height + GAP

    @property
    def height(self) -> float:
        """Of the whole row, the gap to the next one included."""
        words = self.under * UNDER + 0.04 if self.under else 0.0
        maps = self.lines * self.pitch - GAP
        return max(maps, self.above + self.photo.height + words) + APART


@dataclass(frozen=True)
class Layout:
    """Columns and rows of a figure, in inches."""

    across: int  # maps side by side
    column: float  # a column's width
    panel: float  # the photo column's
    blocks: Sequence[Block]

    @property
    def left(self) -> float:
        """Where the first column of maps begins."""
        return MARGIN + self.panel + 2 * GAP

    @property
    def width(self) -> float:
        """Of the paper, for the maps."""
        return self.left + self.across * (self.column + GAP) - GAP + MARGIN

    @property
    def height(self) -> float:
        """Of all rows."""
        return sum(block.height for block in self.blocks)

    def place(self, number: int) -> tuple[int, float]:
        """The line and the left edge of a row's map of that number."""
        line, column = divmod(number, self.across)
        return line, self.left + column * (self.column + GAP)


def across_of(count: int, group: int = 1) -> int:
    """Maps side by side: all of them, or lines of about equal length.

    A line ends where a group (the heads of a layer) ends, wherever one fits a line.

    >>> across_of(12), across_of(24), across_of(72, 6), across_of(40, 20)
    (12, 12, 12, 10)
    """
    if count <= WRAP:
        return count
    if 1 < group <= WRAP:
        return group * (WRAP // group)
    whole = group if group > 1 else count
    lines = -(-whole // WRAP)
    return -(-whole // lines)


def lay_out(
    shapes: Sequence[tuple[int, int]],
    counts: Sequence[int],
    group: int,
    above: Sequence[float],
    under: Sequence[int],
) -> Layout:
    """The layout for photos of those (y, x) sizes with so many maps each.

    `above` are the inches of text above the maps of each row, `under` the lines below its photo.
    Maps of different shapes have about the same area, but for banners: beside them all others
    would be small.
    """
    across = across_of(max(counts), group)
    column = min(max(_ACROSS / across - GAP, _NARROWEST), _WIDEST)
    panel = max(column, PANEL)
    aspects = [_aspect(shape) for shape in shapes]
    widest = min(max(aspects), _BANNER)
    blocks = []
    for aspect, count, text, words in zip(aspects, counts, above, under, strict=True):
        width = column * min(1.0, aspect / widest) ** 0.5
        width = min(width, _TALLEST * column * aspect)
        tile = Size(width, width / aspect)
        lines = -(-count // across)
        room = lines * (text + tile.height + GAP) - GAP - text - words * UNDER
        larger = min(_LARGER * tile.width, (_SEEN * aspect) ** 0.5)
        wide = min(panel, max(tile.width, larger, room * aspect))
        blocks.append(Block(tile, Size(wide, wide / aspect), text, lines, words))
    return Layout(across, column, panel, blocks)


def _aspect(shape: tuple[int, int]) -> float:
    """Width by height; slivers are drawn less extreme than they are, so that they can be seen."""
    return min(max(shape[1] / shape[0], 0.3), 5.0)
