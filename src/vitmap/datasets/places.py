"""What lies in a folder, hidden things apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitmap.errors import InputError
from vitmap.files.opener import kind_of
from vitmap.photo.find import is_folder, real
from vitmap.photo.read import SUFFIXES

_NO_DATA = {"__MACOSX"}  # a Mac's zip puts hidden files into it


def require_folder(given: str | Path) -> Path:
    """The folder; raises InputError where there is none."""
    folder = Path(given)
    if not str(given) or not is_folder(folder):
        what = _instead(folder) if str(given) else "no such folder"
        raise InputError(f"{str(given) or 'An empty name'}: {what}: expected a folder.")
    return folder


def folders_in(folder: Path) -> list[Path]:
    """The folders directly inside, sorted by name."""
    return [path for path in _entries(folder) if is_folder(path) and path.name not in _NO_DATA]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly inside, sorted by name; a broken link is one, and fails when read."""
    return [p for p in _entries(folder) if p.suffix.lower() in SUFFIXES and not is_folder(p)]


def name_of(given: Sequence[str | Path], pictures: Sequence[Path]) -> str:
    """What a set of pictures is called: the folder that was given, or that they lie in."""
    folder = Path(given[0])
    return Path(real(folder if is_folder(folder) else pictures[0].parent)).name


def _instead(place: Path) -> str:
    """What lies where a folder was expected."""
    try:
        kind = kind_of(place)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "no such folder"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return f"is {kind.partition(',')[0]}" if kind else "is a file"


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}).") from error
