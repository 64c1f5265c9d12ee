"""What a file of boxes says of one picture, and the reading that its formats share."""

from __future__ import annotations

import codecs
import math
from dataclasses import dataclass
from pathlib import Path

from vitmap.datasets.shapes import Shape
from vitmap.errors import InputError
from vitmap.files.opener import GIB, read_file

MOST_BYTES = GIB  # of a file of labels
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Entry:
    """A picture by the name that the file gives it; no shapes make a good one."""

    name: str
    shapes: tuple[Shape, ...]
    kinds: tuple[str, ...]  # of each shape, "" where it has none
    size: tuple[int, int] | None  # (y, x) in px, where it is stated


def read_text(path: Path) -> str:
    """A regular file of at most 1 GiB as UTF-8 text.

    Raises InputError for what is no such file, and for another encoding, which it names.
    """
    try:
        content = read_file(path, MOST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}).") from error
    if content.startswith(_WIDE) or b"\0" in content[:100]:
        raise InputError(f"{path}: looks like UTF-16 text: save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} is not UTF-8 text (Latin-1 or Shift-JIS?): save it as UTF-8."
        ) from None


def number(value: object) -> float | None:
    """A finite number, or None for what is none; texts with a decimal point do."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def size_of(height: object, width: object) -> tuple[int, int] | None:
    """A stated size (y, x); exporters write 0 or nothing where they do not know it."""
    y, x = number(height), number(width)
    return (round(y), round(x)) if y and x else None
