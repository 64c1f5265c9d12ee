"""Page: pictures and text placed in inches from the upper left corner → one RGB picture."""

from __future__ import annotations

import textwrap
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from vitmap.render.fonts import runs

DPI = 120
INK, QUIET = "#1a1a1a", "#666666"
LINE = 0.14  # inches between lines of small type
_EM = 0.0076  # inches a point of type takes in width, on average


class Page:
    """White paper. Pictures land on whole pixels and are never resampled by the page."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._paper = Image.new("RGB", (dots(width), dots(height)), "white")
        self._paper.info["dpi"] = (DPI, DPI)
        self._pen = ImageDraw.Draw(self._paper)

    def picture(self, x: float, y: float, pixels: UInt8[np.ndarray, "y x 3"]) -> None:
        """Pixels as they are, one a dot, with their upper left corner at (x, y)."""
        self._paper.paste(Image.fromarray(pixels), (dots(x), dots(y)))

    def ramp(
        self, x: float, y: float, width: float, height: float, colors: UInt8[np.ndarray, "color 3"]
    ) -> None:
        """A legend's bar: a palette's colours from left to right, but for the last, the mark."""
        steps = np.linspace(0, len(colors) - 2, dots(width)).round().astype(int)
        self.picture(x, y, np.repeat(colors[steps][None], dots(height), axis=0))

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """An empty box, dark within light, to be seen on any photo."""
        corner, far = (dots(x), dots(y)), (dots(x + width), dots(y + height))
        for grow, color in ((2, "white"), (1, INK), (0, INK), (-1, "white")):
            box = (corner[0] - grow, corner[1] - grow, far[0] + grow, far[1] + grow)
            self._pen.rectangle(box, outline=color)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 8,
        color: str = INK,
        cut: str = "",
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """One line of text whose baseline starts at (x, y), or has its middle or its end there."""
        parts = list(runs(text, size * DPI / 72, cut))
        lengths = [font.getlength(part) for part, font in parts]
        left = dots(x) - sum(lengths) * {"left": 0, "center": 0.5, "right": 1}[align]
        for (part, font), length in zip(parts, lengths, strict=True):
            self._pen.text((round(left), dots(y)), part, fill=color, font=font, anchor="ls")
            left += length

    def paragraph(
        self, x: float, y: float, text: str, *, size: float = 7, color: str = INK, cut: str = ""
    ) -> float:
        """Text wrapped to the paper's width, a line every LINE inches; where the next one goes."""
        for line in wrapped(text, self.width - 2 * x, size):
            self.text(x, y, line, size=size, color=color, cut=cut)
            y += LINE
        return y

    def render(self) -> Image.Image:
        """The page as a picture of DPI dots an inch."""
        return self._paper


def dots(inches: float) -> int:
    """Pixels of a length."""
    return max(1, round(inches * DPI))


def wrapped(text: str, inches: float, size: float = 7, cut: str = "") -> list[str]:
    """The lines of a text in a width: shorter ones where its letters are wide."""
    most = letters(inches, size)
    lines = textwrap.wrap(text, most)
    while most > 8 and any(width_of(line, size, cut) > inches for line in lines):
        most -= 1 + most // 40
        lines = textwrap.wrap(text, most)
    return lines


def letters(inches: float, size: float) -> int:
    """About how many letters of a type size fit a width."""
    return max(8, int(inches / (size * _EM)))


def width_of(text: str, size: float, cut: str = "") -> float:
    """Inches that a text takes on the page, with the fonts that draw it."""
    return sum(font.getlength(part) for part, font in runs(text, size * DPI / 72, cut)) / DPI


def fitted(text: str, inches: float, size: float, cut: str = "") -> str:
    """The text, its middle left out where it is too wide: both ends of a name tell it apart.

    >>> fitted("part-number-000123-left-2026.png", 1.0, 8), fitted("a.png", 1.0, 8)
    ('part-nu…026.png', 'a.png')
    """
    if width_of(text, size, cut) <= inches:
        return text
    low, high = 0, len(text) - 1  # letters that are kept
    while low < high:
        middle = (low + high + 1) // 2
        fits = width_of(_without_middle(text, middle), size, cut) <= inches
        low, high = (middle, high) if fits else (low, middle - 1)
    return _without_middle(text, low)


def _without_middle(text: str, kept: int) -> str:
    head = (kept + 1) // 2
    return f"{text[:head]}…{text[len(text) - (kept - head) :]}"


def shorten(text: str, most: int) -> str:
    """The text, its middle left out where it is too long: both ends of a name tell it apart."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"
