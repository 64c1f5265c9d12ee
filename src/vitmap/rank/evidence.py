"""Evidence: what the rows of all pictures say of one candidate, unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64

from vitmap.rank.candidates import EITHER, Candidate, Field
from vitmap.rank.folds import Split
from vitmap.rank.histogram import BINS, Histogram
from vitmap.rank.row import MASS, MEASURES, SCORE
from vitmap.rank.row_file import NONE, read_row

PIXELS, PICTURES = "pixels", "pictures"


@dataclass(frozen=True, eq=False)
class Evidence:
    """One candidate: pixels a bin (or pictures, by their score), and its measures, by unit."""

    candidate: Candidate
    pixels: Histogram | None  # [unit bin]; None where the pictures have no masks
    pictures: Histogram  # [unit bin]: a picture is one pixel, in the bin of its rank
    sums: Float[np.ndarray, "unit measure"]  # over the unit's pictures with a mask
    masked: Int64[np.ndarray, " unit"]  # how many these are


def gather(paths: Sequence[Path], field: Field, split: Split, level: str) -> Iterator[Evidence]:
    """The evidence on each candidate; memory holds one layer's sums, and a number a picture."""
    candidates = field.candidates()
    by_line: dict[int, list[tuple[int, Candidate]]] = {}
    for place, candidate in enumerate(candidates):
        by_line.setdefault(candidate.stored, []).append((place, candidate))
    for lines in _chunks(field):
        pixels = _pixels(paths, lines, split) if level == PIXELS else None
        own = [pair for line in range(lines.start, lines.stop) for pair in by_line[line]]
        measured = _measured(paths, [place for place, _ in own], split)
        for number, (_, candidate) in enumerate(own):
            counts = None
            if pixels is not None:
                counts = _line(pixels, candidate.stored - lines.start)
                counts = (counts.folded() if candidate.kind == EITHER else counts).dense()
            yield measured.evidence(candidate, number, counts)


def _chunks(field: Field) -> list[slice]:
    """The stored lines, a layer at a time; the baselines come last."""
    step = field.heads + 1
    end = field.stored - len(field.extras)
    return [*(slice(i, i + step) for i in range(0, end, step)), slice(end, field.stored)]


def _pixels(paths: Sequence[Path], lines: slice, split: Split) -> Histogram:
    count, units = lines.stop - lines.start, len(split.fold)
    sums = [np.zeros((count, units, BINS), dtype=np.int64) for _ in range(3)]
    for path, unit in zip(paths, split.unit, strict=True):
        found = read_row(path, lines, NONE).histogram(slice(None))
        for total, own in zip(sums, (found.defect, found.good, found.overlap), strict=True):
            total[:, unit] += own
    return Histogram(*sums)


def _line(pixels: Histogram, line: int) -> Histogram:
    return Histogram(pixels.defect[line], pixels.good[line], pixels.overlap[line])


@dataclass(frozen=True, eq=False)
class _Measured:
    """Picture scores, and summed measures, for some candidates."""

    split: Split
    good: Bool[np.ndarray, " picture"]
    scores: Float[np.ndarray, "picture candidate"]
    sums: Float[np.ndarray, "candidate unit measure"]
    masked: Int64[np.ndarray, " unit"]

    def evidence(self, candidate: Candidate, number: int, pixels: Histogram | None) -> Evidence:
        counts = np.zeros((2, len(self.split.fold), BINS), dtype=np.int64)
        bins = _ranks(self.scores[:, number])
        np.add.at(counts, (self.good.astype(int), self.split.unit, bins), 1)
        pictures = Histogram(counts[0], counts[1], np.zeros_like(counts[0])).dense()
        return Evidence(candidate, pixels, pictures, self.sums[number], self.masked)


def _measured(paths: Sequence[Path], places: Sequence[int], split: Split) -> _Measured:
    count, units = len(places), len(split.fold)
    good = np.zeros(len(paths), dtype=bool)
    scores = np.zeros((len(paths), count))
    sums = np.zeros((count, units, len(MEASURES)))
    masked = np.zeros(units, dtype=np.int64)
    spread = slice(min(places), max(places) + 1)
    chosen = np.array(places) - spread.start
    for number, (path, unit) in enumerate(zip(paths, split.unit, strict=True)):
        row = read_row(path, NONE, spread, truth=False)
        measures = row.measures[chosen]
        good[number], scores[number] = row.good, measures[:, SCORE]
        if np.isfinite(measures[0, MASS]):
            sums[:, unit] += measures
            masked[unit] += 1
    return _Measured(split, good, scores, sums, masked)


def _ranks(scores: Float[np.ndarray, " picture"]) -> Int64[np.ndarray, " picture"]:
    """A bin for each different score, in their order; past 4,096 of these, neighbours share one."""
    different, places = np.unique(scores, return_inverse=True)
    return places.reshape(-1) * BINS // max(len(different), BINS)
