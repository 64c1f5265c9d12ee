"""Ranking: every candidate's scores, and what choosing among them is worth on other pictures.

The procedure is: on the pictures at hand, take the candidate with the highest score. It is judged
as a whole: in each fold it chooses by the other folds' pictures, and what it chose is scored on
the fold's own. Golden maps were learnt from pictures that are not among these, and cells have no
other parameters, so that nothing further is fitted inside a fold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from vitmap.rank.candidates import BRIGHTER, DISTANCE, EITHER, EXTRAS, RAW, Candidate, Field
from vitmap.rank.evidence import PIXELS, gather
from vitmap.rank.folds import Estimate, Split, chance_of_no_gain, estimate
from vitmap.rank.scoring import PICTURE_METRICS, PIXEL_METRICS, resamples_for, score

RANDOM, LAST = "random head", "last layer's mean"
SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate's scores on all pictures: not to be quoted for the one that was chosen by them.

    `tied` tells that it cannot be told from the best: the paired difference's simultaneous 95 %
    interval over all candidates holds 0.
    """

    candidate: Candidate
    scores: dict[str, float]
    interval: Estimate
    tied: bool = False


@dataclass(frozen=True, eq=False)
class Held:
    """A score on pictures that had no part in it, with its resamples for paired tests."""

    name: str
    estimate: Estimate
    draws: Float[np.ndarray, " draw"]


@dataclass(frozen=True, eq=False)
class Procedure:
    """Choosing the best candidate of some kinds: its held-out score, and what each fold chose."""

    kinds: tuple[str, ...]
    held: Held
    chosen: tuple[Candidate, ...]

    @property
    def votes(self) -> list[tuple[Candidate, int]]:
        """What the folds chose, the most frequent first."""
        return Counter(self.chosen).most_common()


@dataclass(frozen=True)
class Comparison:
    """The procedure against a baseline on the same held-out pictures."""

    baseline: str
    difference: Estimate
    p: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or that the pictures do not tell."""
        if not self.p < SIGNIFICANT:
            return "not told apart"
        return "better" if self.difference.value > 0 else "worse"


@dataclass(frozen=True, eq=False)
class Ranking:
    """The answer: entries by score, the procedures, the baselines, and how they compare."""

    by: str
    level: str
    field: Field
    split: Split
    entries: tuple[Entry, ...]  # cells, the best first
    baselines: tuple[Entry, ...]
    procedures: dict[str, Procedure]  # raw, golden, all
    held: tuple[Held, ...]  # the baselines, on the same folds
    comparisons: tuple[Comparison, ...]  # of the procedure over all kinds

    @property
    def best(self) -> Entry:
        """The cell with the highest score on all pictures."""
        return self.entries[0]

    @property
    def procedure(self) -> Procedure:
        """Choosing among all kinds."""
        return self.procedures["all"]


@dataclass(frozen=True, eq=False)
class _Scored:
    candidate: Candidate
    scores: dict[str, float]
    draws: np.ndarray  # [draw], all pictures
    train: np.ndarray  # [fold]
    test: np.ndarray  # [fold]
    test_draws: np.ndarray  # [draw fold]


def rank(
    paths: Sequence[Path], field: Field, split: Split, *, by: str, level: str, seed: int = 0
) -> Ranking:
    """Rank the candidates by a metric, from rows in the order that the split was made for."""
    scored = _score_all(paths, field, split, by, level, seed)
    cells = [s for s in scored if s.candidate.kind not in EXTRAS]
    cells.sort(key=lambda s: -np.nan_to_num(s.scores[by], nan=-1.0))
    tied, count = _tied(cells), split.carriers(both=by in PICTURE_METRICS)
    entries = tuple(_entry(s, by, count, bool(t)) for s, t in zip(cells, tied, strict=True))
    kinds: dict[str, tuple[str, ...]] = {"raw": (RAW,)}
    if field.golden:
        kinds["golden"] = (BRIGHTER, EITHER)
    kinds["all"] = (RAW, BRIGHTER, EITHER)
    procedures = {name: _procedure(name, which, scored, count) for name, which in kinds.items()}
    held = _held_baselines(scored, field, count)
    return Ranking(
        by=by,
        level=level,
        field=field,
        split=split,
        entries=entries,
        baselines=tuple(_entry(s, by, count) for s in scored if s.candidate.kind in EXTRAS),
        procedures=procedures,
        held=held,
        comparisons=tuple(compare(procedures["all"].held, other, count) for other in held),
    )


def compare(first: Held, second: Held, count: int) -> Comparison:
    """The paired difference of two held-out scores, resampled alike from `count` units."""
    away = first.draws - second.draws
    difference = estimate(first.estimate.value - second.estimate.value, away, count)
    return Comparison(second.name, difference, chance_of_no_gain(away, count))


def _score_all(
    paths: Sequence[Path], field: Field, split: Split, by: str, level: str, seed: int
) -> list[_Scored]:
    units, folds = len(split.fold), split.folds
    masks = np.stack([split.held_out(f) for f in range(folds)]).astype(np.float64)
    draws = split.resamples(resamples_for(by), seed)
    weights = np.concatenate(
        [np.ones((1, units)), 1 - masks, masks, draws, *(draws * mask for mask in masks)]
    )
    names = [*(PIXEL_METRICS if level == PIXELS else ())]
    if split.good.any():
        names += PICTURE_METRICS
    found = []
    for evidence in gather(paths, field, split, level):
        first, train, test, all_draws, own = np.split(
            score(by, evidence, weights),
            np.cumsum([1, folds, folds, len(draws)]),
        )
        rest = {n: float(score(n, evidence, weights[:1])[0]) for n in names if n != by}
        whole = {name: rest[name] if name != by else float(first[0]) for name in names}
        by_fold = own.reshape(folds, len(draws)).T
        found.append(_Scored(evidence.candidate, whole, all_draws, train, test, by_fold))
    return found


def _entry(scored: _Scored, by: str, count: int, tied: bool = False) -> Entry:
    interval = estimate(scored.scores[by], scored.draws, count)
    return Entry(scored.candidate, scored.scores, interval, tied)


def _tied(cells: Sequence[_Scored]) -> Bool[np.ndarray, " cell"]:
    """Which cells cannot be told from the first: simultaneous over all paired differences.

    Source: Hsu 1996, *Multiple Comparisons*, comparisons with the best, by the bootstrap.
    """
    away = cells[0].draws - np.stack([cell.draws for cell in cells])  # [cell draw]
    away = np.where(np.isfinite(away), away, 0)
    middle = away.mean(axis=1, keepdims=True)
    spread = away.std(axis=1, keepdims=True)
    spread[spread == 0] = np.inf
    reach = float(np.percentile(np.abs((away - middle) / spread).max(axis=0), 95))
    finite = np.where(np.isfinite(spread), spread, 0)
    return (middle - reach * finite)[:, 0] <= 0


def _procedure(
    name: str, kinds: tuple[str, ...], scored: Sequence[_Scored], count: int
) -> Procedure:
    # In the field's own order: sorted by their scores on all pictures, the first of several that
    # are equal in training would be one that does well on the pictures held out.
    able = [cell for cell in scored if cell.candidate.kind in kinds]
    folds = len(able[0].train)
    picked = [max(able, key=lambda c: np.nan_to_num(c.train[f], nan=-1.0)) for f in range(folds)]
    value = float(np.mean([cell.test[f] for f, cell in enumerate(picked)]))
    draws = _over_folds(np.stack([cell.test_draws[:, f] for f, cell in enumerate(picked)], axis=1))
    held = Held(name, estimate(value, draws, count), draws)
    return Procedure(kinds, held, tuple(cell.candidate for cell in picked))


def _held_baselines(scored: Sequence[_Scored], field: Field, count: int) -> tuple[Held, ...]:
    raw = [s for s in scored if s.candidate.kind == RAW]
    heads = [s for s in raw if s.candidate.head is not None]
    last = [s for s in raw if s.candidate.head is None and s.candidate.layer == field.depth - 1]
    found = {LAST: last, RANDOM: heads}
    for entry in scored:
        if entry.candidate.kind in EXTRAS:
            found[_named(entry.candidate.kind, field)] = [entry]
    return tuple(_held(name, group, count) for name, group in found.items())


def _named(kind: str, field: Field) -> str:
    """A baseline's name; without good pictures patches are held against their own picture."""
    return kind if kind != DISTANCE or field.golden else f"{kind} from its own mean"


def _held(name: str, group: Sequence[_Scored], count: int) -> Held:
    """Fixed candidates on the same folds; of several, the mean: one drawn at random."""
    value = float(np.mean([s.test.mean() for s in group]))
    draws = np.mean([_over_folds(s.test_draws) for s in group], axis=0)
    return Held(name, estimate(value, draws, count), draws)


def _over_folds(draws: Float[np.ndarray, "draw fold"]) -> Float[np.ndarray, " draw"]:
    """The mean over the folds that a draw left pictures in; NaN where it left none."""
    known = np.isfinite(draws)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, draws, 0).sum(axis=1) / known.sum(axis=1))
