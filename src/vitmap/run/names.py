"""Names of output folders: one a picture, never two the same, right on every file system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_LONGEST = 120  # letters; 255 bytes is the usual limit, and a letter takes up to 4


def folder_names(pictures: Sequence[Path]) -> list[str]:
    """A folder's name for each picture: its stem, told apart by a number where stems agree.

    >>> folder_names([Path("a/car.jpg"), Path("b/car.png"), Path("cat.jpg")])
    ['car', 'car-2', 'cat']
    """
    taken: set[str] = set()
    names = []
    for picture in pictures:
        stem = unicodedata.normalize("NFC", _FORBIDDEN.sub("_", picture.stem)).strip(" .")
        stem = _fitting(stem) or "picture"
        name, number = stem, 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def _fitting(stem: str) -> str:
    while len(stem.encode()) > 2 * _LONGEST:
        stem = stem[:-1]
    return stem
