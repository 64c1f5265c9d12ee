"""Fonts: which installed one can draw a text, so that 検査.jpg is a title, not a row of boxes."""

from __future__ import annotations

import logging
from functools import cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

# Many of the fonts below have no bold cut: the plain one will do, and nobody needs to be told.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

_DEFAULT = "DejaVu Sans"
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


def family(text: str) -> list[str]:
    """Families in the order to try, glyph by glyph: the plain one, then one for what it lacks."""
    if _covers(_DEFAULT, text):
        return [_DEFAULT]
    return [_DEFAULT, *_installed()]


def drawable(text: str) -> str:
    """The text with a question mark for each character that no installed font can draw."""
    glyphs = set().union(*(_glyphs(name) for name in family(text)))
    shown = "".join(c if ord(c) in glyphs else "?" for c in text)
    return shown.replace("$", r"\$")  # a file name is no formula


def _covers(name: str, text: str) -> bool:
    return all(ord(character) in _glyphs(name) for character in text)


@cache
def _installed() -> list[str]:
    names = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _WIDE if name in names]


@cache
def _glyphs(name: str) -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont(name)).get_charmap())
