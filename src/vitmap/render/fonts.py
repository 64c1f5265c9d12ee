"""Fonts: which installed one can draw a text, so that 検査.jpg is a title, not a row of boxes."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from vitmap.errors import UsageError
from vitmap.files.opener import MIB, is_file, open_file

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

_VARIABLE = "VITMAP_FONT"
_MOST_BYTES = 256 * MIB  # the largest font of all scripts has 60 MB
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
    known = (file for file in [*_named(), *_wide(cut)] if ord(character) in _glyphs(file))
    return next(known, None) or _any(character)


def use_font(path: str | Path) -> None:
    """Draw what the plain font lacks with this one; also the environment's VITMAP_FONT.

    Raises UsageError for what is no font, and no regular file.
    """
    try:
        _require_font(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        found = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise UsageError(
            f"{path}: not a font that can be read{found}: expected a .ttf, .otf or .ttc file."
        ) from error
    os.environ[_VARIABLE] = str(path)
    for cached in (_file, _named):
        cached.cache_clear()


def undrawable(text: str) -> str:
    """The characters of a text that no font here can draw; figures show question marks for them.

    >>> undrawable("part 7, 60 %")
    ''
    """
    return "".join(dict.fromkeys(sign for sign in text if _file(sign, "") is None))


@cache
def _named() -> list[_File]:
    """The font that the user names."""
    path = os.environ.get(_VARIABLE)
    if not path:
        return []
    try:
        _require_font(path)
    except (OSError, RuntimeError, ValueError):
        return []
    return [(path, 0)]


def _require_font(path: str) -> None:
    """Raises OSError, RuntimeError or ValueError for what FreeType could wait for or not read."""
    open_file(path, _MOST_BYTES).close()
    ImageFont.truetype(path, 12)
    _glyphs((path, 0))


@cache
def _any(character: str) -> _File | None:
    """Whatever installed font has the character: also one that came since matplotlib looked."""
    from matplotlib import font_manager

    if unicodedata.category(character)[0] == "C":  # control signs, and what icon fonts make of them
        return None
    for path in filter(is_file, sorted(font_manager.findSystemFonts())):
        with suppress(OSError, RuntimeError):  # some hold bitmaps of one size alone
            ImageFont.truetype(path, 13)
            if ord(character) in _glyphs((path, 0)):
                return path, 0
    return None


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
