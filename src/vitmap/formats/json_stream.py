"""JSON of any length, written item by item, so that memory does not grow with the lot."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any


def compact(value: object) -> str:
    """One line of JSON; letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def opened(path: Path) -> IO[str]:
    """A text file for JSON; a name that is not UTF-8 is written escaped, and read back alike."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")


def write_items(file: IO[str], items: Iterable[Any]) -> None:
    """A JSON list, an item a line."""
    joint = "[\n"
    for item in items:
        file.write(joint + compact(item))
        joint = ",\n"
    file.write("]" if joint != "[\n" else "[]")
