"""Fonts: which installed one can draw a text, so that 検査.jpg is a title, not a row of boxes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

# Many of the fonts below have no bold cut: the plain one will do, and nobody needs to be told.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

_WIDE = [  # families with Japanese, Chinese or Korean glyphs, by system
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAPGothic",
    "TakaoPGothic",
    "VL PGothic",
    "Yu Gothic",
    "Meiryo",
    "MS Gothic",
    "Hiragino Sans",
    "Droid Sans Fallback",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "Arial Unicode MS",
]

_SHAPED = "\u0590", "\u1fff"  # Hebrew, Arabic, Hindi … : letters depend on their neighbours
_File = tuple[str, int]  # a font's path, and which of the fonts in it


def runs(text: str, pixels: float, cut: str = "") -> Iterator[tuple[str, ImageFont.FreeTypeFont]]:
    """The text in parts, each with the font that draws it; a cut is "", "Bold" or "Oblique".

    A character that no installed font can draw becomes a question mark.
    """
    # The plain layout spaces small type more evenly.
    shaped = any(_SHAPED[0] <= character <= _SHAPED[1] for character in text)
    layout = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    for file, part in groupby(text, lambda character: _file(character, cut)):
        shown = "".join(part)
        if file is None:
            file, shown = _plain(cut), "?" * len(shown)
        yield shown, _font(file, pixels, layout)


@cache
def _file(character: str, cut: str) -> _File | None:
    """The first font that has the character; beyond the plain one they are sought when needed."""
    if ord(character) in _glyphs(_plain(cut)):
        return _plain(cut)
    return next((file for file in _wide(cut) if ord(character) in _glyphs(file)), None)


@cache
def _plain(cut: str) -> _File:
    """DejaVu Sans, which matplotlib brings along."""
    name = f"DejaVuSans-{cut}.ttf" if cut else "DejaVuSans.ttf"
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), 0


@cache
def _wide(cut: str) -> list[_File]:
    from matplotlib import font_manager  # lists every installed font: seconds, the first time

    names = {font.name for font in font_manager.fontManager.ttflist}
    weight = "bold" if cut == "Bold" else "normal"
    known = [name for name in _WIDE if name in names]
    wanted = [font_manager.FontProperties(family=name, weight=weight) for name in known]
    found = [font_manager.findfont(font) for font in wanted]
    return [(str(file), getattr(file, "face_index", 0)) for file in found]


@cache
def _glyphs(file: _File) -> frozenset[int]:
    return frozenset(FT2Font(file[0]).get_charmap())


@cache
def _font(file: _File, pixels: float, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file[0], pixels, index=file[1], layout_engine=layout)
