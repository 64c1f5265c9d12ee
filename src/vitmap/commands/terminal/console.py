"""What is printed, on any console: signs that it cannot show are spelled in ASCII."""

from __future__ import annotations

import contextlib
import io
import re
import sys

_PLAIN = str.maketrans(
    {"×": "x", "·": "-", "…": "...", "–": "-", "→": "->", "²": "^2", "≥": ">=", "≤": "<=", "’": "'"}
)
# What moves the cursor, changes colours or turns the reading order: a file's name may hold it.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def prepare_console() -> None:
    """No print may fail for a letter that the console's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """A line on standard output."""
    print(shown(text, sys.stdout.encoding))


def complain(text: str) -> None:
    """A line on standard error; the name of a file may hold a line break, which is spelled out."""
    line = shown(text, sys.stderr.encoding).replace("\n", "\\n")
    print(f"vitmap: {line}", file=sys.stderr)


def shown(text: str, encoding: str | None) -> str:
    """The text with its typographic signs spelled out where the encoding lacks one of them.

    Signs that a terminal would obey are spelled out everywhere.

    >>> shown("a\\x1b[31m.png", "utf-8")
    'a\\\\x1b[31m.png'
    """
    text = _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    signs = "".join(sign for sign in text if ord(sign) in _PLAIN)
    try:
        signs.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN)
    return text


def table(rows: list[list[str]], *, numbers: bool = True) -> list[str]:
    """Rows as aligned lines; the first column to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 or not numbers else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
