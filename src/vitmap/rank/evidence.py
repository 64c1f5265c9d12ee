"""Evidence: what the rows of all pictures say of one candidate, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64

from vitmap.rank.candidates import EITHER, EXTRAS, Candidate, Field
from vitmap.rank.folds import Split
from vitmap.rank.histogram import BINS, Histogram, signed_bins_of
from vitmap.rank.row import MASS, MEASURES, SCORE, Row, read_row

PIXELS, PICTURES = "pixels", "pictures"


@dataclass(frozen=True, eq=False)
class Evidence:
    """One candidate: pixels a bin (or pictures, by their score), and its measures, by unit."""

    candidate: Candidate
    pixels: Histogram | None  # [unit bin]; None where the pictures have no masks
    pictures: Histogram  # [unit bin]: a picture is one pixel, in the bin of its score
    sums: Float[np.ndarray, "unit measure"]  # over the unit's pictures with a mask
    masked: Int64[np.ndarray, " unit"]  # how many these are


def gather(paths: Sequence[Path], field: Field, split: Split, level: str) -> Iterator[Evidence]:
    """The evidence on each candidate; one layer of all pictures is in memory at a time."""
    heads = [read_row(path, slice(0, 0)) for path in paths]
    by_line: dict[int, list[tuple[int, Candidate]]] = {}
    for place, candidate in enumerate(field.candidates()):
        by_line.setdefault(candidate.stored, []).append((place, candidate))
    for lines in _chunks(field):
        pixels = _pixels(paths, lines, split) if level == PIXELS else None
        for line in range(lines.start, lines.stop):
            for place, candidate in by_line[line]:
                own = _line(pixels, line - lines.start) if pixels is not None else None
                if own is not None and candidate.kind == EITHER:
                    own = own.folded()
                yield _evidence(candidate, place, own, heads, split)


def _chunks(field: Field) -> list[slice]:
    """The stored lines, a layer at a time; the baselines come last."""
    step = field.heads + 1
    end = field.stored - len(field.extras)
    return [*(slice(i, i + step) for i in range(0, end, step)), slice(end, field.stored)]


def _pixels(paths: Sequence[Path], lines: slice, split: Split) -> Histogram:
    count, units = lines.stop - lines.start, len(split.fold)
    sums = [np.zeros((count, units, BINS), dtype=np.int64) for _ in range(3)]
    for path, unit in zip(paths, split.unit, strict=True):
        found = read_row(path, lines).histogram(slice(None))
        for total, own in zip(sums, (found.defect, found.good, found.overlap), strict=True):
            total[:, unit] += own
    return Histogram(*sums)


def _line(pixels: Histogram, line: int) -> Histogram:
    return Histogram(pixels.defect[line], pixels.good[line], pixels.overlap[line])


def _evidence(
    candidate: Candidate,
    place: int,
    pixels: Histogram | None,
    heads: Sequence[Row],
    split: Split,
) -> Evidence:
    units = len(split.fold)
    measures = np.stack([row.measures[place] for row in heads])
    good = np.array([row.good for row in heads])
    bins = signed_bins_of(measures[:, SCORE].astype(np.float32))
    counts = np.zeros((2, units, BINS), dtype=np.int64)
    np.add.at(counts, (good.astype(int), split.unit, bins), 1)
    masked = np.isfinite(measures[:, MASS])
    sums = np.zeros((units, len(MEASURES)))
    np.add.at(sums, split.unit[masked], measures[masked])
    held = np.bincount(split.unit[masked], minlength=units).astype(np.int64)
    pictures = Histogram(counts[0], counts[1], np.zeros_like(counts[0]))
    return Evidence(candidate, pixels, pictures, sums, held)


def is_baseline(candidate: Candidate) -> bool:
    """Whether this is no cell of the model but what a cell must beat."""
    return candidate.kind in EXTRAS
