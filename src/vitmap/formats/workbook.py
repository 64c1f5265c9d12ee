"""One Excel workbook of several sheets, with + and - in the numbers' format and in their colour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitmap.errors import require_extra
from vitmap.formats.spreadsheet import Cell

_SIGNED = "+0.0000;-0.0000;0.0000"
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # in XML
_BLUE, _WHITE, _RED = "2166AC", "FFFFFF", "B2182B"  # the ends of the figure's colours


@dataclass(frozen=True)
class Sheet:
    """A header and lines. `signed` are the columns (from 0) of numbers with a sign and a colour.

    `limit` is where the colours end, on both sides of 0.
    """

    name: str
    header: Sequence[str]
    lines: Sequence[Sequence[Cell]]
    signed: range = range(0)
    limit: float = 1.0


def write_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    """The sheets in one .xlsx file; nothing in it is a formula.

    Raises MissingExtra where openpyxl is not installed.
    """
    book_of, colors, letter_of = _library()
    book = book_of()
    book.remove(book.active)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for number, line in enumerate([sheet.header, *sheet.lines], start=1):
            for column, value in enumerate(line, start=1):
                cell = page.cell(number, column, _value(value))
                if isinstance(value, str):
                    cell.data_type = "s"  # whatever it begins with: `=1+1.png` is a name
        page.freeze_panes = page.cell(2, (sheet.signed.start if sheet.signed else 0) + 1)
        if not sheet.signed or not sheet.lines:
            continue
        first, last = (letter_of(column + 1) for column in (sheet.signed[0], sheet.signed[-1]))
        area = f"{first}2:{last}{len(sheet.lines) + 1}"
        for cells in page[area]:
            for cell in cells:
                cell.number_format = _SIGNED
        rule = colors(
            start_type="num", start_value=-sheet.limit, start_color=_BLUE,
            mid_type="num", mid_value=0, mid_color=_WHITE,
            end_type="num", end_value=sheet.limit, end_color=_RED,
        )  # fmt: skip
        page.conditional_formatting.add(area, rule)
    book.save(path)


def require_workbook() -> None:
    """Raises MissingExtra where openpyxl is not installed: before any work is done."""
    _library()


def _value(cell: Cell) -> Cell | None:
    """NaN has no cell in Excel: it stays empty; characters that XML cannot hold are replaced."""
    if isinstance(cell, float | np.floating):
        return float(cell) if np.isfinite(cell) else None
    if isinstance(cell, str):
        return _UNWRITABLE.sub("\ufffd", cell)
    return int(cell) if isinstance(cell, np.integer) else cell


def _library() -> tuple[Any, Any, Any]:
    try:
        from openpyxl import Workbook
        from openpyxl.formatting.rule import ColorScaleRule
        from openpyxl.utils import get_column_letter
    except ModuleNotFoundError as error:
        raise require_extra(error, "An Excel workbook", "--no-excel leaves it out") from error
    return Workbook, ColorScaleRule, get_column_letter
