"""Which pictures were meant: files, folders and patterns → paths, each once, in a stable order."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from vitmap.errors import PictureError
from vitmap.images import SUFFIXES


def find_pictures(inputs: Sequence[str | Path]) -> tuple[list[Path], dict[str, PictureError]]:
    """The pictures that the inputs name, and by input an error where it names none.

    A file is taken as it is, a folder for the pictures directly inside it, sorted by name, hidden
    ones apart; a pattern such as `lot/*.png` is for shells that do not expand it, and in
    `lot/**/*.png` two stars stand for folders of any depth. A file that is
    named twice is taken once.
    """
    found: dict[Path, Path] = {}
    errors: dict[str, PictureError] = {}
    for given in inputs:
        for place in _matches(str(given)):
            try:
                for path in _pictures(place):
                    found.setdefault(path.resolve(), path)
            except PictureError as error:
                errors[place] = error
    return list(found.values()), errors


def _matches(given: str) -> list[str]:
    """What a pattern stands for; what exists, or matches nothing, stands for itself."""
    if os.path.lexists(given):
        return [given]
    found = glob.glob(given, recursive=True)  # noqa: PTH207 (patterns may be absolute)
    return sorted(found) or [given]


def _pictures(given: str) -> list[Path]:
    if not given:  # Path("") is the folder we are in, which nobody asked for
        raise PictureError("An empty name was given: expected a picture or a folder of pictures.")
    place = Path(given)
    try:
        if place.is_dir():
            return _inside(place)
        if place.exists():
            return [place]
    except OSError as error:  # such as a name that is too long
        raise PictureError(f"{place}: cannot be read ({error.strerror}).") from error
    raise PictureError(f"{place}: no such file.")


def _inside(folder: Path) -> list[Path]:
    # Hidden files: a Mac leaves a `._cat.jpg`, which is no picture, beside each `cat.jpg`.
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    deeper = [path for path in entries if path.is_dir()]
    pictures = [p for p in entries if p.suffix.lower() in SUFFIXES and p not in deeper]
    if not pictures:
        count = f"{len(deeper)} folder{'s' if len(deeper) > 1 else ''}"
        also = f"; it has {count}: name one of them" if deeper else ""
        raise PictureError(
            f"{folder}: no pictures in this folder (.jpg, .png, .tif, .bmp …){also}."
        )
    return pictures
