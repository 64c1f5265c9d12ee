"""Runs: a region's mask as counts of pixels outside and inside it, in turn, outside first."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from vitmap.maps.regions import Region


def counts_of(flat: Bool[np.ndarray, " pixels"]) -> list[int]:
    """Lengths of the runs of a line of pixels; the first one may be 0.

    >>> counts_of(np.array([True, True, False]))
    [0, 2, 1]
    """
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], turns, [len(flat)]])).tolist()
    return [0, *counts] if len(flat) and flat[0] else counts


def by_columns(region: Region, size: tuple[int, int]) -> list[int]:
    """A region in the whole photo, column by column, as COCO counts."""
    x0, y0, _, _ = region.box
    return _placed(region.mask().T, (x0, y0), size[0], size[0] * size[1])


def by_rows(region: Region, size: tuple[int, int]) -> list[int]:
    """A region in the whole photo, row by row."""
    x0, y0, _, _ = region.box
    return _placed(region.mask(), (y0, x0), size[1], size[0] * size[1])


def within_box(region: Region) -> list[int]:
    """A region in its own box, row by row."""
    return counts_of(region.mask().ravel())


def compressed(counts: list[int]) -> str:
    """COCO's string of counts: differences to the one before the last, 5 bits a letter.

    >>> compressed([6, 1, 40, 4, 5, 4, 5, 4, 21])
    '61X13mN000`0'

    Source: rleToString in the COCO API's maskApi.c.
    """
    letters = []
    for place, count in enumerate(counts):
        left = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            low = left & 31
            left >>= 5
            more = left != (-1 if low & 16 else 0)
            letters.append(chr(low + (32 if more else 0) + 48))
    return "".join(letters)


def _placed(
    mask: Bool[np.ndarray, "lines along"], corner: tuple[int, int], length: int, total: int
) -> list[int]:
    """The counts of a box's mask whose lines lie in longer lines; no whole mask is made."""
    wide = np.pad(mask, ((0, 0), (1, 1)))
    lines, along = np.nonzero(wide[:, 1:] != wide[:, :-1])
    turns: Int[np.ndarray, " turns"] = (lines + corner[0]) * length + along + corner[1]
    # Where a run reaches a line's end and goes on in the next one, two turns are none.
    twice = np.flatnonzero(turns[1:] == turns[:-1])
    turns = np.delete(turns, np.concatenate([twice, twice + 1]))
    counts = np.diff(np.concatenate([[0], turns, [total]])).tolist()
    return counts[:-1] if counts[-1] == 0 else counts
