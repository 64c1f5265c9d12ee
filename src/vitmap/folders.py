"""Which pictures were meant: files, folders and patterns → paths, each once, in a stable order."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from vitmap.errors import PictureError
from vitmap.images import SUFFIXES


def find_pictures(inputs: Sequence[str | Path]) -> tuple[list[Path], list[PictureError]]:
    """The pictures that the inputs name, and an error for each input that names none.

    A file is taken as it is, a folder for the pictures directly inside it, sorted by name; a
    pattern such as `lot/*.png` is for shells that do not expand it. A file that is named twice is
    taken once.
    """
    found: dict[Path, Path] = {}
    errors: list[PictureError] = []
    for given in inputs:
        try:
            for path in _expand(Path(given)):
                found.setdefault(path.resolve(), path)
        except PictureError as error:
            errors.append(error)
    return list(found.values()), errors


def _expand(given: Path) -> list[Path]:
    try:
        if given.is_dir():
            return _inside(given)
        if given.exists():
            return [given]
    except OSError as error:  # such as a name that is too long
        raise PictureError(f"{given}: cannot be read ({error.strerror}).") from error
    matches = sorted(map(Path, glob.glob(str(given))))  # noqa: PTH207 (patterns may be absolute)
    if not matches:
        raise PictureError(f"{given}: no such file.")
    return matches


def _inside(folder: Path) -> list[Path]:
    try:
        pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        deeper = [path for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        raise PictureError(f"{folder}: cannot be read ({error.strerror}).") from error
    if not pictures:
        also = f"; it has {len(deeper)} folders: name one of them" if deeper else ""
        raise PictureError(
            f"{folder}: no pictures in this folder (.jpg, .png, .tif, .bmp …){also}."
        )
    return pictures
