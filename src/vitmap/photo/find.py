"""Which pictures were meant: files, folders and patterns → paths, each once, in a stable order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from vitmap.errors import PictureError
from vitmap.photo.read import SUFFIXES


def find_pictures(inputs: Sequence[str | Path]) -> tuple[list[Path], dict[str, PictureError]]:
    """The pictures that the inputs name, and by input an error where it names none.

    A file is taken as it is, a folder for the pictures directly inside it, sorted by name, hidden
    ones apart; a pattern such as `lot/*.png` is for shells that do not expand it, and in
    `lot/**/*.png` two stars stand for folders of any depth, each once
    however many links lead to it. A file that is named twice is taken once. What lies in a folder
    under a picture's name and is none (a link to nowhere, a named pipe) fails when it is read.
    """
    found: dict[str, Path] = {}
    errors: dict[str, PictureError] = {}
    for given in inputs:
        for place in _matches(str(given)):
            try:
                for path in _pictures(place):
                    found.setdefault(real(path), path)
            except PictureError as error:
                errors[place] = error
    return list(found.values()), errors


def _matches(given: str) -> list[str]:
    """What a pattern stands for; what exists, or matches nothing, stands for itself."""
    if os.path.lexists(given):
        return [given]
    return sorted(_globbed(given)) or [given]


def _globbed(pattern: str) -> list[str]:
    """As `glob.glob`, which would follow two links that lead upwards without end below `**`."""
    before, stars, after = _at_stars(pattern)
    if not stars:
        return glob.glob(pattern)  # noqa: PTH207 (patterns may be absolute)
    starts = _globbed(before) if glob.has_magic(before) else [before]
    found: dict[str, None] = {}
    for folder in dict.fromkeys(below for start in starts for below in _walk(start)):
        if not after and folder:
            found[folder] = None
        if after or not pattern.endswith("/"):
            inner = os.path.join(glob.escape(folder), after or "*")  # noqa: PTH118 (as glob's)
            found.update(dict.fromkeys(_globbed(inner)))
    return list(found)


def _at_stars(pattern: str) -> tuple[str, bool, str]:
    """What stands before and after the first parts that are `**`."""
    parts = pattern.replace(os.sep, "/").split("/")
    if "**" not in parts:
        return pattern, False, ""
    first = last = parts.index("**")
    while parts[last : last + 1] == ["**"]:
        last += 1
    above = "".join(f"{part}/" for part in parts[:first])
    return above, True, "/".join(parts[last:])


def _walk(start: str) -> Iterator[str]:
    """The folder and all below it that are not hidden, each by the first name that leads there."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        place = real(folder or ".")
        if place in seen or not is_folder(folder or "."):
            continue
        seen.add(place)
        yield folder
        try:
            names = sorted(os.listdir(folder or "."), reverse=True)  # noqa: PTH208
        except OSError:  # nobody may look into it: `**` means those that can be read
            continue
        waiting += [os.path.join(folder, n) for n in names if not n.startswith(".")]  # noqa: PTH118


def is_folder(path: str | Path) -> bool:
    """Whether a folder lies there; False also for what cannot be asked, such as a loop of links."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def real(path: str | Path) -> str:
    """Where a path leads, links followed as far as they lead anywhere; never raises for loops.

    `Path.resolve` raises RuntimeError for a link that leads to itself.
    """
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.path.abspath(path)  # noqa: PTH100


def _pictures(given: str) -> list[Path]:
    if not given:  # Path("") is the folder we are in, which nobody asked for
        raise PictureError("An empty name was given: expected a picture or a folder of pictures.")
    place = Path(given)
    try:
        return _inside(place) if stat.S_ISDIR(place.stat().st_mode) else [place]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise PictureError(f"{place}: no such file.") from None
    except OSError as error:  # such as a name that is too long, or links that lead in a circle
        raise PictureError(f"{place}: cannot be read ({error.strerror}).") from error


def _inside(folder: Path) -> list[Path]:
    # Hidden files: a Mac leaves a `._cat.jpg`, which is no picture, beside each `cat.jpg`.
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    deeper = [path for path in entries if is_folder(path)]
    pictures = [p for p in entries if p.suffix.lower() in SUFFIXES and p not in deeper]
    if not pictures:
        count = f"{len(deeper)} folder{'s' if len(deeper) > 1 else ''}"
        also = f"; it has {count}: name one of them" if deeper else ""
        raise PictureError(
            f"{folder}: no pictures in this folder (.jpg, .png, .tif, .bmp …){also}."
        )
    return pictures
