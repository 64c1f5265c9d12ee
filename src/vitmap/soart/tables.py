"""Tables: the metrics of some pictures against one standard, with all that they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from jaxtyping import Float, UInt8

from vitmap.soart.metrics import blank, measure
from vitmap.soart.settings import TableSettings
from vitmap.soart.vectors import Pixels, planes, shrink, vectors

NAMES = ("btY1", "snY2", "gmY3")
_CHUNK = 64  # pictures measured at once: fast, and memory does not grow with a folder
_CHUNK_PIXELS = 4_000_000  # of shrunk pictures at once, where they are large


@dataclass(frozen=True)
class Row:
    """Whose metrics they are: the NO column, and the picture's name and class where known."""

    number: str
    image: str = ""
    group: str = ""


@dataclass(frozen=True, eq=False)
class Tables:
    """Y1, Y2 and Y3 (of `rt` Y1 and Y2), a row a picture and a column an area.

    `settings` are None for tables of another program that wrote none beside them. `remarks` name
    what has no number (NaN) and why.
    """

    values: Float[np.ndarray, "metric row column"]
    rows: tuple[Row, ...]
    settings: TableSettings | None = None
    remarks: tuple[str, ...] = ()

    def only(self, kept: Sequence[int]) -> Tables:
        """Some of the rows."""
        return replace(self, values=self.values[:, kept], rows=tuple(self.rows[i] for i in kept))


@dataclass(frozen=True, eq=False)
class Standard:
    """The standard's vectors, and the settings that they were made with."""

    vectors: Float[np.ndarray, "column element"]
    settings: TableSettings


def standard_of(pictures: Iterable[Pixels], settings: TableSettings | None = None) -> Standard:
    """The standard from one picture, or from the mean of several, which may be a stream.

    The mean is taken of the shrunk pictures and is not rounded to whole levels.

    Raises UsageError for settings that cannot be, ValueError where there is no picture.
    """
    settings = settings or TableSettings()
    settings.check()
    total, count = None, 0
    for small in _chunks(pictures, settings.size):
        seen = planes(small, settings)
        total = seen.sum(axis=0) + (0 if total is None else total)
        count += len(seen)
    if total is None:
        raise ValueError("a standard needs at least one picture")
    x = vectors((total / count)[None], settings)[0]
    return Standard(x, replace(settings, standard=hashlib.sha256(x.tobytes()).hexdigest()))


def measure_pictures(
    standard: Standard, pictures: Iterable[Pixels], rows: Iterable[Row] = ()
) -> Tables:
    """The tables of decoded pictures, of any sizes and number: they are read as a stream.

    >>> good = np.full((40, 40, 3), 200, dtype=np.uint8)
    >>> measure_pictures(standard_of([good]), [good]).values.shape
    (3, 1, 4)
    """
    settings = standard.settings
    parts = [
        measure(standard.vectors, vectors(planes(small, settings), settings), settings.variant)
        for small in _chunks(pictures, settings.size)
    ]
    empty = np.zeros((settings.metrics, 0, settings.columns))
    values = np.concatenate(parts, axis=1) if parts else empty
    if settings.decimals is not None:
        values = np.round(values, settings.decimals)
    named = tuple(rows) or tuple(Row(str(i)) for i in range(1, values.shape[1] + 1))
    return Tables(values, named, settings, tuple(_remarks(standard, values, named)))


def _chunks(
    pictures: Iterable[Pixels], size: int
) -> Iterator[UInt8[np.ndarray, "picture size size 3"]]:
    """Shrunk as they come: no two pictures of full size are held at once."""
    stream, count = iter(pictures), max(1, min(_CHUNK, _CHUNK_PIXELS // size**2))
    while chunk := [shrink(pixels, size) for pixels in islice(stream, count)]:
        yield np.stack(chunk)


def _remarks(standard: Standard, values: np.ndarray, rows: Sequence[Row]) -> Iterator[str]:
    """Where there is no number: the standard's blank columns once, the pictures' one by one."""
    dark = blank(standard.vectors)
    for column in np.flatnonzero(dark):
        yield f"The standard is blank in X{column}: no metric there for any picture (NaN)."
    lost = np.isnan(values).any(axis=0) & ~dark
    for row, column in zip(*np.nonzero(lost), strict=True):
        name = rows[row].image or f"Row {rows[row].number}"
        yield f"{name}: X{column} is blank or its slope is not positive: no metric there (NaN)."
