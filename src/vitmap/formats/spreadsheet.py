"""CSV that opens right in a spreadsheet: UTF-8 with its mark, and no text that starts a formula."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# The wide forms are what a Japanese spreadsheet takes for the same signs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | float


def write_sheet(path: Path, header: Sequence[str], lines: Iterable[Sequence[Cell]]) -> None:
    """A header and lines; numbers in full, texts made harmless."""
    with opened_sheet(path, header) as write:
        write(lines)


@contextmanager
def opened_sheet(
    path: Path, header: Sequence[str]
) -> Iterator[Callable[[Iterable[Sequence[Cell]]], None]]:
    """What writes lines below a header, a few at a time."""
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        sheet = csv.writer(file)

        def write(lines: Iterable[Sequence[Cell]]) -> None:
            sheet.writerows([harmless(cell) for cell in line] for line in lines)

        write([header])
        yield write


def harmless(cell: Cell) -> Cell:
    """A text that a spreadsheet takes for a text: `=1+1.png` gets an apostrophe before it.

    >>> harmless("=1+1.png"), harmless(-0.5)
    ("'=1+1.png", -0.5)
    """
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell


def bare(text: str) -> str:
    """The text before it was made harmless.

    >>> bare("'=1+1.png"), bare("'round.png")
    ('=1+1.png', "'round.png")
    """
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
