"""CSV files of boxes: a line a box, in the spellings that are common."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from vitmap.datasets.entries import Entry, number, read_text, size_of
from vitmap.datasets.samples import is_good
from vitmap.datasets.shapes import Box
from vitmap.errors import InputError

_NAMES = {
    "image": {"image", "path", "filename", "file_name", "file", "image_path", "picture"},
    "kind": {"kind", "class", "label", "category", "type", "defect"},
    "x0": {"x0", "xmin", "x_min", "left", "x"},
    "y0": {"y0", "ymin", "y_min", "top", "y"},
    "x1": {"x1", "xmax", "x_max", "right"},
    "y1": {"y1", "ymax", "y_max", "bottom"},
    "width": {"width", "w"},
    "height": {"height", "h"},
}
# Who writes x2 counts from one: their x1 is the left edge.
_FROM_ONE = {"x1": "x0", "y1": "y0", "x2": "x1", "y2": "y1"}
_EXPECTED = "expected image,x0,y0,x1,y1 or image,x,y,width,height, and kind if known"


def read_table(path: Path) -> list[Entry]:
    """The entries of a CSV file, in its order; commas, semicolons or tabs part the cells.

    Columns are found by name, in any case: corners x0,y0,x1,y1 (xmin…, left,top,right,bottom, or
    x1,y1,x2,y2), or x,y with width,height. Beside corners, width and height are the picture's. A
    line whose box is empty names a good picture.

    Raises InputError that names the line.
    """
    lines = _lines(path)
    _, header = next(lines, (0, []))
    columns = _columns(path, header)
    boxes: dict[str, list[tuple[Box, str]]] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    good: dict[str, int] = {}
    for line, cells in lines:
        where = f"{path}: line {line}"
        if len(cells) != len(header):
            raise InputError(f"{where} has {len(cells)} cells, the header {len(header)}.")
        row = {name: cells[column].strip() for name, column in columns.items()}
        name, kind = row["image"], row.get("kind", "")
        if not name:
            raise InputError(f"{where} names no picture.")
        box = _box(where, row)
        if kind and is_good(kind) != (box is None):
            wrong = "has a box" if box else "has no box"
            raise InputError(f"{where}: {name} is called {kind!r} and {wrong}: mend one of them.")
        held = boxes.setdefault(name, [])
        if box:
            held.append((box, kind))
        else:
            good.setdefault(name, line)
        if held and name in good:
            raise InputError(
                f"{path}: {name} is good in line {good[name]}, and has a box: delete one."
            )
        sizes[name] = sizes.get(name) or _stated_size(row, box)
    return [
        Entry(name, tuple(box for box, _ in held), tuple(kind for _, kind in held), sizes[name])
        for name, held in boxes.items()
    ]


def _stated_size(row: dict[str, str], box: Box | None) -> tuple[int, int] | None:
    """The picture's size beside corners, unless it is the box's own."""
    size = size_of(row.get("height"), row.get("width")) if "x1" in row else None
    return None if box and size == (round(box.y1 - box.y0), round(box.x1 - box.x0)) else size


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    text = read_text(path)
    first = text.lstrip("\r\n").partition("\n")[0]
    mark = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is no CSV ({error}).") from None


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Where each thing that we read stands."""
    given = [cell.strip().lower() for cell in header]
    renamed = [_FROM_ONE.get(name, name) for name in given] if "x2" in given else given
    columns: dict[str, int] = {}
    for thing, names in _NAMES.items():
        found = [index for index, name in enumerate(renamed) if name in names]
        if len(found) > 1:
            both = " and ".join(header[index].strip() for index in found[:2])
            raise InputError(f"{path}: columns {both} mean the same ({thing}): delete one.")
        if found:
            columns[thing] = found[0]
    if columns.keys() >= {"x1", "y1"}:
        needed = {"image", "x0", "y0", "x1", "y1"}
    else:
        columns = {thing: i for thing, i in columns.items() if thing not in ("x1", "y1")}
        needed = {"image", "x0", "y0", "width", "height"}
    if not needed <= columns.keys():
        raise InputError(f"{path}: the header is {','.join(header)[:200]!r}: {_EXPECTED}.")
    return columns


def _box(where: str, row: dict[str, str]) -> Box | None:
    edges = ["x0", "y0", *(("x1", "y1") if "x1" in row else ("width", "height"))]
    if not any(row[edge] for edge in edges):
        return None
    values = [number(row[edge]) for edge in edges]
    for edge, value in zip(edges, values, strict=True):
        if value is None:
            raise InputError(
                f"{where}: {edge} is {row[edge][:40]!r}: expected a number with a decimal point, "
                "or no box at all for a good picture."
            )
    x0, y0, x1, y1 = (value or 0.0 for value in values)
    if "x1" not in row:
        x1, y1 = x0 + x1, y0 + y1
    if x1 < x0 or y1 < y0:
        raise InputError(
            f"{where}: the box runs from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}): expected the upper "
            "left corner first."
        )
    return Box(x0, y0, x1, y1)
