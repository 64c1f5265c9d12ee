"""Answer: the best cell as a recipe, refit on all pictures, with what good ones look like in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vitmap.errors import UsageError
from vitmap.rank.candidates import EITHER, RAW, Candidate
from vitmap.rank.folds import Estimate
from vitmap.rank.ranking import Ranking
from vitmap.rank.row import PEAK, SCORE, score_of
from vitmap.rank.row_file import NONE, read_row
from vitmap.rank.threshold import Alarm, alarm_of
from vitmap.reference.statistics import FEWEST, Golden, Maps, Place


@dataclass(frozen=True)
class Calibration:
    """What good pictures reach in one cell: the alarm on scores, the level on single patches."""

    alarm: Alarm | None
    level: float | None
    scale: tuple[float, float]


def calibrate(
    scores: Sequence[float],
    peaks: Sequence[float],
    rate: float | None,
    defect_peaks: Sequence[float],
) -> Calibration:
    """Threshold, level and colour scale from the good pictures' scores and hottest patches.

    The scale runs from half the level to twice the level, so that a good part stays dark. With
    fewer than four good pictures there is neither; the scale then ends at the defective pictures'
    median peak. Raises UsageError for a rate that so few pictures cannot tell.
    """
    check_alarms(rate, len(scores))
    if len(scores) < FEWEST:
        return Calibration(None, None, (0.0, float(np.median(defect_peaks))))
    level = alarm_of(peaks, rate).threshold
    low, high = sorted((level / 2, 2 * level))  # a level below 0 has its half above it
    return Calibration(alarm_of(scores, rate), level, (low, high))


def check_alarms(rate: float | None, count: int) -> None:
    """Raises UsageError for a false-alarm rate that so many good pictures cannot tell."""
    if rate is None:
        return
    if count < FEWEST:
        pictures = "1 good picture" if count == 1 else f"{count} good pictures"
        raise UsageError(
            f"False-alarm rate {rate:g} asked for, but there is no telling it from {pictures}: "
            f"expected at least {FEWEST}."
        )
    alarm_of([0.0] * count, rate)


def left_out(
    golden: Golden, cell: int, pictures: Sequence[tuple[Maps, Place]], kind: str
) -> tuple[list[float], list[float]]:
    """Score and peak of every good picture, each against the others."""
    scores, peaks = [], []
    for found, place in pictures:
        own = found[cell : cell + 1]
        away = golden.only(cell).without(own, place).deviations(own, place).ravel()
        away = np.abs(away) if kind == EITHER else away
        scores.append(float(score_of(away)))
        peaks.append(float(away.max()))
    return scores, peaks


def raw_of(cell: int, pictures: Sequence[tuple[Maps, Place]]) -> tuple[list[float], list[float]]:
    """Score and peak of good pictures' raw attention, from their logarithms."""
    values = [np.exp(found[cell]).ravel() for found, _ in pictures]
    return [float(score_of(v)) for v in values], [float(v.max()) for v in values]


def of_rows(paths: Sequence[Path], place: int, *, good: bool) -> tuple[list[float], list[float]]:
    """Score and peak of the good, or of the defective pictures, for the candidate at a place."""
    rows = (read_row(path, NONE, slice(place, place + 1), truth=False) for path in paths)
    found = [row.measures[0] for row in rows if row.good == good]
    return [float(m[SCORE]) for m in found], [float(m[PEAK]) for m in found]


def evidence_of(
    ranking: Ranking, dataset: str, counts: dict[str, int], golden: int
) -> dict[str, Any]:
    """What speaks for a recipe, for recipe.json: held-out scores, and of what they are."""
    procedure, best = ranking.procedure, ranking.best
    return {
        "dataset": dataset,
        "pictures": counts,
        "golden": golden,
        "metric": ranking.by,
        "held_out": as_json(procedure.held.estimate),
        "held_out_is": "the score of choosing a cell on other pictures, not of this cell alone",
        "folds": [f"{candidate.cell} {candidate.kind}" for candidate in procedure.chosen],
        "on_the_pictures_it_was_chosen_on": as_json(best.interval),
        "baselines": {held.name: as_json(held.estimate) for held in ranking.held},
        "against_baselines": {
            c.baseline: {**as_json(c.difference), "p": round(c.p, 5), "verdict": c.verdict}
            for c in ranking.comparisons
        },
        "tied_with_the_best": [
            f"{entry.candidate.cell} {entry.candidate.kind}"
            for entry in ranking.entries[1:]
            if entry.tied
        ],
    }


def as_json(value: Estimate) -> dict[str, Any]:
    """An estimate in five digits; None where there is no number."""
    numbers = {"value": value.value, "low": value.low, "high": value.high}
    return {name: round(n, 5) if np.isfinite(n) else None for name, n in numbers.items()}


def one_cell(golden: Golden, candidate: Candidate, cell: int) -> Golden | None:
    """The good pictures' numbers that a candidate needs; none for raw attention."""
    if candidate.kind == RAW:
        return None
    own = golden.only(cell)
    return replace(own, mean=own.mean.copy(), squares=own.squares.copy())
