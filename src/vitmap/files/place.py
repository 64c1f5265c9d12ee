"""One path rule: a name that was read from a file leads to a place below a folder, or nowhere."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from vitmap.errors import UnsafeName

_LONGEST = 4096


def inside(folder: Path, name: str) -> Path:
    """The place of a name below a folder.

    Raises UnsafeName for a name that is absolute, holds `..`, or meets a link on the way: whoever
    wrote it could reach files elsewhere by it. The folder itself may be a link: the user named it.

    >>> inside(Path("out"), "masks/01.png").as_posix()
    'out/masks/01.png'
    """
    parts = parts_of(name)
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise UnsafeName(
                f"{place}: is a link, and {name!r} leads through it: expected a file or folder of "
                f"{folder} itself. Remove the link."
            )
    return place


def parts_of(name: str) -> tuple[str, ...]:
    """The folders and the file of a relative name.

    Raises UnsafeName for a name that could lead out of the folder that it is joined to.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or "\0" in name:
        raise UnsafeName(f"{name!r:.80} is no name of a file: expected a relative path.")
    parts = tuple(name.split("/"))
    strange = {"", ".", ".."} & set(parts)
    if strange or PureWindowsPath(name).anchor or (os.sep == "\\" and ".." in name.split("\\")):
        raise UnsafeName(
            f"{name!r:.200} leads out of its folder: expected a relative path without '..'."
        )
    return parts


def is_safe(name: object) -> bool:
    """Whether a name may be joined to a folder at all; links are not looked for."""
    try:
        parts_of(name)  # type: ignore[arg-type]
    except UnsafeName:
        return False
    return True
