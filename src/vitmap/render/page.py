"""Page: pictures and text placed in inches from the upper left corner → one RGB picture."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vitmap.render.fonts import drawable, family

DPI = 120
INK, QUIET = "#1a1a1a", "#666666"
LINE = 0.14  # inches between lines of small type
_EM = 0.0076  # inches a point of type takes in width, on average


class Page:
    """White paper. Pictures land on whole pixels and are never resampled by the page."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._paper = np.full((dots(height), dots(width), 3), 255, dtype=np.uint8)
        size = dots(width) / DPI, dots(height) / DPI
        self._figure = Figure(figsize=size, dpi=DPI, facecolor=(1, 1, 1, 0))

    def picture(self, x: float, y: float, pixels: UInt8[np.ndarray, "y x 3"]) -> None:
        """Pixels as they are, one a dot, with their upper left corner at (x, y)."""
        top, left = dots(y), dots(x)
        self._paper[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels

    def text(
        self, x: float, y: float, text: str, *, size: float = 8, color: str = INK, **style: Any
    ) -> None:
        """One line of text whose baseline starts at (x, y)."""
        self._figure.text(
            x / self.width,
            1 - y / self.height,
            drawable(text),
            fontsize=size,
            color=color,
            family=family(text),
            **style,
        )

    def paragraph(self, x: float, y: float, text: str, *, size: float = 7, **style: Any) -> float:
        """Text wrapped to the paper's width, a line every LINE inches; where the next one goes."""
        for line in wrapped(text, self.width - 2 * x, size):
            self.text(x, y, line, size=size, **style)
            y += LINE
        return y

    def render(self) -> Image.Image:
        """The page as a picture of DPI dots an inch."""
        canvas = FigureCanvasAgg(self._figure)
        canvas.draw()
        words = Image.fromarray(np.asarray(canvas.buffer_rgba()))
        image = Image.fromarray(self._paper)
        image.paste(words, mask=words)
        image.info["dpi"] = (DPI, DPI)
        return image


def dots(inches: float) -> int:
    """Pixels of a length."""
    return max(1, round(inches * DPI))


def wrapped(text: str, inches: float, size: float = 7) -> list[str]:
    """The lines of a text in a width."""
    return textwrap.wrap(text, letters(inches, size))


def letters(inches: float, size: float) -> int:
    """About how many letters of a type size fit a width."""
    return max(8, int(inches / (size * _EM)))


def shorten(text: str, most: int) -> str:
    """The text, its middle left out where it is too long: both ends of a name tell it apart."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"
