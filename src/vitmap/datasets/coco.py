"""COCO's JSON: pictures, and of each its boxes, polygons or run-length masks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vitmap.datasets.entries import Entry, number, read_text, size_of
from vitmap.datasets.samples import is_good
from vitmap.datasets.shapes import Box, Polygon, Runs, Shape
from vitmap.errors import InputError

_FARTHEST = 12  # characters of one count: more than any picture needs


def read_coco(path: Path) -> list[Entry]:
    """The entries of a COCO file, in its order; a picture without annotation is a good one.

    Of an annotation its segmentation is taken, and its bbox [x, y, width, height] where there is
    none. A category's name is the kind.

    Raises InputError that names the annotation.
    """
    try:
        return _entries(path, json.loads(read_text(path)))
    except RecursionError:  # of json, or of a message that shows what lies too deep
        raise InputError(f"{path}: its JSON is nested too deep: no COCO file is.") from None
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{path}: is no JSON that can be read{where}.") from None


def _entries(path: Path, data: object) -> list[Entry]:
    if not isinstance(data, dict) or not isinstance(data.get("images"), list):
        raise InputError(f"{path}: no COCO file: expected images, annotations and categories.")
    names: dict[Any, str] = {}
    sizes: dict[Any, tuple[int, int] | None] = {}
    for image in _objects(path, data, "images"):
        key, name = image.get("id"), image.get("file_name")
        if not isinstance(key, int | str) or not isinstance(name, str) or not name or key in names:
            raise InputError(
                f"{path}: image {str(name or key)[:80]!r}: expected an id of its own and a "
                "file_name."
            )
        names[key], sizes[key] = name, size_of(image.get("height"), image.get("width"))
    kinds = {_key(c.get("id")): c.get("name") for c in _objects(path, data, "categories")}
    shapes: dict[Any, list[tuple[Shape, str]]] = {key: [] for key in names}
    for count, annotation in enumerate(_objects(path, data, "annotations"), start=1):
        where = f"{path}: annotation {_short(annotation.get('id', f'number {count}'))}"
        owner = _key(annotation.get("image_id"))
        if owner not in shapes:
            raise InputError(
                f"{where} is of image {_short(repr(owner))}, which is not among the images."
            )
        kind = str(kinds.get(_key(annotation.get("category_id"))) or "")
        if is_good(kind):
            raise InputError(f"{where} calls a place {_short(kind)!r}: expected defects alone.")
        shapes[owner] += [(shape, kind) for shape in _shapes(where, annotation)]
    return [
        Entry(name, tuple(s for s, _ in shapes[key]), tuple(k for _, k in shapes[key]), sizes[key])
        for key, name in names.items()
    ]


def _objects(path: Path, data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = data.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{path}: no COCO file: {name} must be a list of objects.")
    return found


def _short(value: object) -> str:
    return str(value)[:80]


def _key(value: object) -> object:
    return value if isinstance(value, int | str) else None


def _shapes(where: str, annotation: dict[str, Any]) -> Sequence[Shape]:
    drawn = annotation.get("segmentation")
    if isinstance(drawn, dict):
        return [_runs(where, drawn)]
    if isinstance(drawn, list) and drawn:
        return [_polygon(where, part) for part in drawn]
    if drawn:
        raise InputError(f"{where}: expected a segmentation of polygons or run lengths.")
    edges = annotation.get("bbox")
    values = [number(edge) for edge in edges] if isinstance(edges, list) else []
    x, y, width, height = (v or 0.0 for v in values) if len(values) == 4 else (0.0, 0.0, -1.0, -1.0)
    if None in values or width < 0 or height < 0:
        raise InputError(
            f"{where}: bbox is {str(edges)[:60]}: expected [x, y, width, height] in pixels."
        )
    return [Box(x, y, x + width, y + height)]


def _polygon(where: str, part: object) -> Polygon:
    values = [number(value) for value in part] if isinstance(part, list) else []
    if len(values) < 6 or len(values) % 2 or None in values:
        raise InputError(
            f"{where}: polygon {str(part)[:60]}: expected x, y of at least three corners."
        )
    known = [value or 0.0 for value in values]
    return Polygon(tuple(zip(known[::2], known[1::2], strict=True)))


def _runs(where: str, drawn: dict[str, Any]) -> Runs:
    size, counts = drawn.get("size"), drawn.get("counts")
    if isinstance(counts, str):
        counts = counts_of(counts)
    sides, lengths = _whole(size), _whole(counts)
    if lengths is None or sides is None or len(sides) != 2:
        raise InputError(f"{where}: run lengths that cannot be read: expected size and counts.")
    height, width = sides
    if sum(lengths) != height * width:
        raise InputError(
            f"{where}: run lengths of {sum(lengths)} pixels in all: expected {height * width} for "
            f"{width} × {height} px."
        )
    return Runs((height, width), lengths)


def _whole(values: object) -> tuple[int, ...] | None:
    """Whole numbers from zero on, or None where there is anything else."""
    if not isinstance(values, list) or not all(type(n) is int and n >= 0 for n in values):
        return None
    return tuple(values)


def counts_of(text: str) -> list[int] | None:
    """Run lengths from COCO's compressed text, or None where it is none.

    Each character holds five bits and whether more follow, the lowest first; the last one's highest
    bit is the sign. From the fourth on, a number is the difference to the last but one.

    >>> counts_of("52203")
    [5, 2, 2, 2, 5]
    """
    counts: list[int] = []
    value = length = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or length == _FARTHEST:
            return None
        value |= (bits & 31) << (5 * length)
        length += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << (5 * length)
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = length = 0
    return None if length else counts
