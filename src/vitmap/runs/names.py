"""Names of output folders: one a picture, never two the same, right on every file system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

# What some file system refuses; the surrogates stand for bytes that are no UTF-8.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows
_RECORD = "run.json"  # of the run as a whole: it lies beside the folders
_LONGEST = 120  # letters; 255 bytes is the usual limit, and a letter takes up to 4


def folder_names(pictures: Sequence[Path]) -> list[str]:
    """A folder's name for each picture: its stem, told apart by a number where stems agree.

    >>> folder_names([Path("a/car.jpg"), Path("b/car.png"), Path("cat.jpg")])
    ['car', 'car-2', 'cat']
    """
    taken = {_RECORD}
    names = []
    for picture in pictures:
        stem = unicodedata.normalize("NFC", _FORBIDDEN.sub("_", picture.stem))
        stem = _fitting(stem.strip(" .")).strip(" .") or "picture"
        if _DEVICE.fullmatch(stem):
            stem = f"_{stem}"
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
