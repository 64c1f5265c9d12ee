"""What lies in a folder, hidden things apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitmap.errors import InputError
from vitmap.images import SUFFIXES

_NO_DATA = {"__MACOSX"}  # a Mac's zip puts hidden files into it


def require_folder(given: str | Path) -> Path:
    """The folder; raises InputError where there is none."""
    folder = Path(given)
    if not str(given) or not folder.is_dir():
        what = "is a file" if str(given) and folder.exists() else "no such folder"
        raise InputError(f"{str(given) or 'An empty name'}: {what}: expected a folder.")
    return folder


def folders_in(folder: Path) -> list[Path]:
    """The folders directly inside, sorted by name."""
    return [path for path in _entries(folder) if path.is_dir() and path.name not in _NO_DATA]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly inside, sorted by name; a broken link is one, and fails when read."""
    return [p for p in _entries(folder) if p.suffix.lower() in SUFFIXES and not p.is_dir()]


def name_of(given: Sequence[str | Path], pictures: Sequence[Path]) -> str:
    """What a set of pictures is called: the folder that was given, or that they lie in."""
    folder = Path(given[0])
    return (folder if folder.is_dir() else pictures[0].parent).resolve().name


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}).") from error
