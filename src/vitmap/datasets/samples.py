"""Sample and Dataset: what is known of labelled pictures before any of them is decoded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from vitmap.datasets.shapes import Shape

GOOD, DEFECT = "good", "defect"
_GOOD_NAMES = {"good", "ok", "normal"}  # as MVTec, BTAD and VisA call the folder


@dataclass(frozen=True)
class Sample:
    """A picture to be scored, and what its labels say of it.

    `truth` is a mask's file, or shapes in the picture's own upright pixels, or None where nothing
    but the kind is known; a good picture has no defect pixels either way.
    """

    path: Path
    kind: str  # "good", "scratch" or another type of defect, "defect" without a name, "" unknown
    truth: Path | tuple[Shape, ...] | None = None
    size: tuple[int, int] | None = None  # (y, x) in px, where the file with the shapes states it


@dataclass(frozen=True)
class Dataset:
    """The samples in a stable order; `golden` are good pictures for learning, not to be scored.

    `layout` is "MVTec", "VisA", "good and bad folders", "masks", "boxes" or "no labels". `remarks`
    are sentences on what was taken in another way than a user may expect.
    """

    name: str
    layout: str
    samples: tuple[Sample, ...]
    golden: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()


def is_good(name: str) -> bool:
    """Whether a folder or a label of that name means good parts: good, ok or normal, in any case.

    >>> is_good("OK"), is_good("not ok")
    (True, False)
    """
    return name.strip().casefold() in _GOOD_NAMES


def some(names: Collection[object]) -> str:
    """At most three of the names, and how many there are besides.

    >>> print(some(["a", "b", "c", "d"]), "|", some(["a", "b"]))
    a, b, c and 1 more | a, b
    """
    first = ", ".join(str(name) for name in list(names)[:3])
    return first + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def counted(count: int, noun: str) -> str:
    """The count with its noun.

    >>> print(counted(1, "mask"), counted(2, "mask"))
    1 mask 2 masks
    """
    return f"{count} {noun}" + ("" if count == 1 else "s")


def pixels(size: tuple[int, int]) -> str:
    """A size (y, x) as pictures' sizes are written.

    >>> print(pixels((480, 640)))
    640 × 480 px
    """
    return f"{size[1]} × {size[0]} px"
