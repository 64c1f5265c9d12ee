"""Rankings of rows set by hand: a planted cell is found, noise is not, and scores are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from vitmap.errors import InputError
from vitmap.maps.keys import head_keys
from vitmap.rank.candidates import BRIGHTER, EITHER, RAW, UNIFORM, Candidate, Field
from vitmap.rank.evidence import PICTURES, PIXELS, _ranks
from vitmap.rank.folds import Split, chance_of_no_gain, estimate, split
from vitmap.rank.ranking import LAST, RANDOM, Ranking, rank
from vitmap.rank.row import Row, Truth, measure
from vitmap.rank.row_file import write_row
from vitmap.rank.stacked_maps import stored_bins
from vitmap.rank.student_t import beyond, widened

GRID = (8, 8)
FIELD = Field(head_keys(range(3), range(2)), golden=False, distance=False)
CENTRE = np.exp(-((np.indices(GRID) - 3.5) ** 2).sum(axis=0) / 8).astype(np.float32).ravel()
Heat = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # the cells of one picture


def noise(field: Field, chance: np.random.Generator) -> np.ndarray:
    """Cells with a bright half of their own in each picture: whole pictures agree by chance."""
    y, x = np.indices(GRID).reshape(2, 1, -1)
    way = chance.uniform(0, 2 * np.pi, (field.stored - 2, 1))
    slope = np.cos(way) * (y - 3.5) + np.sin(way) * (x - 3.5)
    return np.exp(0.2 * slope + 0.1 * chance.normal(size=slope.shape)).astype(np.float32)


def rows(
    folder: Path,
    field: Field,
    count: tuple[int, int],
    cells: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    *,
    masks: bool = True,
    seed: int = 0,
) -> list[Path]:
    """So many defective and good pictures, 64 patches of 4 px each, with a defect of 5 to 12."""
    chance, paths = np.random.default_rng(seed), []
    for number in range(sum(count)):
        bad = number < count[0]
        defect = np.zeros(GRID, dtype=bool)
        y, x = chance.integers(0, 6, 2)
        defect[y : y + 2 + number % 2, x : x + 3] = bad
        heats = np.concatenate(
            [cells(defect.ravel(), chance), [np.ones(64), CENTRE]], dtype=np.float32
        )
        places = np.flatnonzero(defect)
        regions = np.stack([np.ones_like(places), places, np.full_like(places, 4)], axis=1)
        truth = Truth(np.full(64, 4), 4 * defect.ravel().astype(np.int64), regions)
        row = Row(
            name=f"{number}.png",
            digest=f"{number:064x}",
            kind="dent" if bad else "good",
            grid=GRID,
            bins=stored_bins(heats, field),
            measures=measure(heats, field.candidates(), truth if masks else None, 0.6),
            truth=truth if masks else None,
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_row(folder / f"{number:03}", row)
        paths.append(folder / f"{number:03}")
    return paths


def ranked(
    paths: Sequence[Path], field: Field, count: tuple[int, int], by: str = "auroc", **options: int
) -> Ranking:
    level = PIXELS if by in ("auroc", "ap", "pro", "mass", "hit", "iou") else PICTURES
    parts = split([number >= count[0] for number in range(len(paths))], both=level == PICTURES)
    return rank(paths, field, parts, by=by, level=level, **options)


def planted(field: Field, line: int, strength: float) -> Heat:
    """One stored map that is brighter in the defect, among noise."""

    def cells(defect: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        found = noise(field, chance)
        found[line] *= np.exp(strength * defect)
        return found

    return cells


@pytest.mark.parametrize("by", ["auroc", "ap", "pro", "mass", "hit", "iou"])
def test_a_planted_cell_is_found(by: str, tmp_path: Path) -> None:
    count = (12, 3)
    paths = rows(tmp_path, FIELD, count, planted(FIELD, 4, 3.0))
    found = ranked(paths, FIELD, count, by)
    assert found.best.candidate.cell == "L1 H1"
    assert found.procedure.votes == [(found.best.candidate, 5)]
    held = found.procedure.held.estimate
    assert held.low <= held.value <= held.high
    assert held.value == pytest.approx(found.best.scores[by], abs=0.06)  # the oracle's
    assert {test.baseline: test.verdict for test in found.comparisons} == dict.fromkeys(
        (LAST, RANDOM, UNIFORM, "centre prior"), "better"
    )
    assert not any(entry.tied for entry in found.entries[1:])


def test_the_scores_are_those_of_the_pixels(tmp_path: Path) -> None:
    """The whole chain against scikit-learn on the heats themselves, bin by bin."""
    sk = pytest.importorskip("sklearn.metrics")
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def watched(defect: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        found = planted(FIELD, 2, 0.5)(defect, chance)
        seen.append((defect, found))
        return found

    paths = rows(tmp_path, FIELD, (6, 2), watched)
    found = ranked(paths, FIELD, (6, 2))
    labels = np.concatenate([defect for defect, _ in seen])
    for entry in found.entries:
        values = np.concatenate([heat[entry.candidate.stored] for _, heat in seen])
        assert entry.scores["auroc"] == pytest.approx(sk.roc_auc_score(labels, values), abs=3e-3)
        expected = sk.average_precision_score(labels, values)
        assert entry.scores["ap"] == pytest.approx(expected, abs=2e-2)


def test_each_fold_is_judged_by_what_the_others_chose(tmp_path: Path) -> None:
    """Recomputed with one split after the other, each from its own pictures alone."""
    count = (8, 2)
    paths = rows(tmp_path, FIELD, count, planted(FIELD, 4, 0.6))
    found = ranked(paths, FIELD, count)
    parts = split([number >= 8 for number in range(10)])

    def alone(kept: np.ndarray) -> dict[Candidate, float]:
        few = [path for path, own in zip(paths, kept, strict=True) if own]
        bad = int(kept[:8].sum())
        own = rank(
            few,
            FIELD,
            Split(np.arange(len(few)), np.arange(len(few)) % 2, np.arange(len(few)) >= bad, 2),
            by="auroc",
            level=PIXELS,
        )
        return {entry.candidate: entry.scores["auroc"] for entry in own.entries}

    scores = []
    for fold in range(parts.folds):
        out = parts.held_out(fold)[parts.unit]
        train, test = alone(~out), alone(out)
        chosen = max(train, key=lambda candidate: train[candidate])
        assert found.procedure.chosen[fold] == chosen
        scores.append(test[chosen])
    assert found.procedure.held.estimate.value == pytest.approx(np.mean(scores), abs=1e-12)


def test_noise_is_about_chance_however_good_its_best_cell_looks(tmp_path: Path) -> None:
    """What honest means here: 42 cells that know nothing, on 12 pictures, ten times over."""
    field = Field(head_keys(range(6), range(6)), golden=False, distance=False)
    best, held, better = [], [], 0
    for seed in range(10):
        paths = rows(
            tmp_path / str(seed), field, (12, 0), lambda _, chance: noise(field, chance), seed=seed
        )
        found = ranked(paths, field, (12, 0))
        best.append(found.best.scores["auroc"])
        held.append(found.procedure.held.estimate.value)
        verdicts = {test.baseline: test.verdict for test in found.comparisons}
        better += verdicts[UNIFORM] == "better"
        assert sum(entry.tied for entry in found.entries) > 10
    assert min(best) > 0.55
    assert np.mean(best) > 0.6
    assert np.mean(held) == pytest.approx(0.5, abs=0.05)
    assert better <= 2


def test_equal_cells_are_chosen_without_a_look_at_what_is_held_out(tmp_path: Path) -> None:
    """Whether the peak hits is often a tie: the better one on all pictures must not win it."""
    field = Field(head_keys(range(6), range(6)), golden=False, distance=False)
    leads = []
    for seed in range(10):
        paths = rows(
            tmp_path / str(seed), field, (8, 0), lambda _, chance: noise(field, chance), seed=seed
        )
        found = ranked(paths, field, (8, 0), "hit")
        random = next(one for one in found.held if one.name == RANDOM)
        leads.append(found.procedure.held.estimate.value - random.estimate.value)
    assert np.mean(leads) < 0.06


@pytest.mark.parametrize(("pictures", "most"), [(4, 0.08), (10, 0.09), (20, 0.08), (60, 0.08)])
def test_a_paired_test_seldom_sees_what_is_not_there(pictures: int, most: float) -> None:
    """Of 300 differences that are chance alone; nominal is 5 %."""
    parts = split([False] * pictures + [True] * 5)
    weights = parts.resamples(1000)
    masks = np.stack([parts.held_out(fold) for fold in range(parts.folds)]) & ~parts.good
    chance, wrong = np.random.default_rng(1), 0
    for _ in range(300):
        away = chance.normal(size=len(parts.fold))
        with np.errstate(invalid="ignore"):
            folds = np.stack([((weights * m) @ away) / (weights @ m) for m in masks])
        wrong += chance_of_no_gain(np.nanmean(folds, axis=0), pictures) < 0.05
    assert wrong / 300 < most
    assert wrong or pictures < 5  # it is no test that never finds anything


def test_a_paired_test_sees_what_is_there() -> None:
    draws = np.random.default_rng(0).normal(0.2, 0.05, 1000)
    assert chance_of_no_gain(draws, 10_000) == pytest.approx(2 / 1001, rel=0.01)
    assert chance_of_no_gain(-draws, 10_000) == chance_of_no_gain(draws, 10_000)
    assert chance_of_no_gain(draws, 10) > 5 * chance_of_no_gain(draws, 10_000)
    assert chance_of_no_gain(np.zeros(1000), 10) == 1
    assert chance_of_no_gain(np.array([np.nan, -1, 1, 1]), 10) == 1
    found = estimate(0.2, draws, 10_000)
    assert (found.low, found.high) == pytest.approx((0.1, 0.3), abs=0.02)
    few = estimate(0.2, draws, 10)
    assert few.low < found.low
    assert few.high > found.high
    assert str(estimate(0.25, np.array([np.nan]), 10)) == "0.250 [nan, nan]"


@pytest.mark.parametrize(
    ("free", "t"), [(1, 12.706), (2, 4.3027), (3, 3.1824), (9, 2.2622), (30, 2.0423), (99, 1.9842)]
)
def test_students_t_is_that_of_the_tables(free: int, t: float) -> None:
    assert beyond(t, free) == pytest.approx(0.05, abs=1e-4)
    assert beyond(0, free) == 1
    assert widened(0.025, free) == pytest.approx(NormalDist().cdf(-t), rel=1e-3)


@pytest.mark.parametrize("pictures", [5, 12, 60])
def test_resamples_spread_as_means_of_so_many_pictures_do(pictures: int) -> None:
    parts = split([False] * pictures + [True] * 3)
    weights = parts.resamples(20_000)
    values = np.random.default_rng(pictures).normal(size=len(parts.fold))[~parts.good]
    means = weights[:, ~parts.good] @ values / pictures
    assert means.std() == pytest.approx(values.std(ddof=1) / pictures**0.5, rel=0.03)
    assert means.mean() == pytest.approx(values.mean(), abs=0.02)
    assert np.allclose(weights[:, ~parts.good].sum(axis=1), pictures)
    assert np.allclose(weights[:, parts.good].sum(axis=1), 3)


def test_ties_are_told_from_cells_that_are_worse(tmp_path: Path) -> None:
    """Two cells that see the defect about as well, one that sees half of it, noise."""

    def cells(defect: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        found = noise(FIELD, chance)
        for line, strength in ((0, 1.5), (7, 1.5), (3, 0.75)):
            found[line] = np.exp(strength * defect + 0.5 * chance.normal(size=64))
        return found

    found = ranked(rows(tmp_path, FIELD, (20, 0), cells), FIELD, (20, 0))
    assert {entry.candidate.stored for entry in found.entries if entry.tied} == {0, 7}


def test_the_seed_deals_the_folds_and_nothing_else(tmp_path: Path) -> None:
    count = (7, 3)
    paths = rows(tmp_path, FIELD, count, planted(FIELD, 4, 1.0))
    one, again = ranked(paths, FIELD, count), ranked(paths, FIELD, count)
    for first, second in zip(one.entries, again.entries, strict=True):
        assert first.candidate == second.candidate
        assert first.scores == second.scores
        assert first.interval == second.interval
    parts = split([n >= 7 for n in range(10)], seed=1)
    other = rank(paths, FIELD, parts, by="auroc", level=PIXELS, seed=1)
    for first, second in zip(one.entries, other.entries, strict=True):
        assert first.scores == pytest.approx(second.scores, abs=1e-12)
        assert first.interval != second.interval


def test_whole_pictures_are_told_apart(tmp_path: Path) -> None:
    """Without masks: by the pictures' scores, held out the same way, against scikit-learn."""
    sk = pytest.importorskip("sklearn.metrics")
    count, seen = (10, 8), []

    def cells(defect: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        found = noise(FIELD, chance)
        found[5] *= 3 if defect.any() and chance.random() < 0.9 else 1
        seen.append((defect.any(), found.max(axis=1)))
        return found

    paths = rows(tmp_path, FIELD, count, cells, masks=False)
    found = ranked(paths, FIELD, count, "picture-auroc")
    assert found.best.candidate.stored == 5
    assert set(found.best.scores) == {"picture-auroc", "picture-ap"}
    labels = np.array([bad for bad, _ in seen])
    for entry in found.entries:
        scores = np.array([peaks[entry.candidate.stored] for _, peaks in seen])
        expected = sk.roc_auc_score(labels, scores)
        assert entry.scores["picture-auroc"] == pytest.approx(expected, abs=1e-12)
        expected = sk.average_precision_score(labels, scores)
        assert entry.scores["picture-ap"] == pytest.approx(expected, abs=1e-12)
    uniform = next(one for one in found.held if one.name == UNIFORM)
    assert uniform.estimate.value == 0.5
    assert found.procedure.held.estimate.value > 0.8


def test_deviations_either_way_are_read_from_the_signed_ones(tmp_path: Path) -> None:
    """A cell that is darker in the defect: only `either` can see it, and raw attention cannot."""
    field = Field(head_keys(range(1), range(2)), golden=True, distance=False)

    def cells(defect: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        found = noise(field, chance)
        found[field.cells :] = chance.normal(size=(field.cells, 64))
        found[field.cells + 1] -= 4 * defect
        return found

    found = ranked(rows(tmp_path, field, (8, 0), cells), field, (8, 0))
    assert (found.best.candidate.kind, found.best.candidate.cell) == (EITHER, "L0 H1")
    assert found.best.scores["auroc"] > 0.95
    scores = {e.candidate.kind: e.scores["auroc"] for e in found.entries if e.candidate.head == 1}
    assert scores[BRIGHTER] < 0.05
    assert scores[RAW] == pytest.approx(0.5, abs=0.2)
    assert set(found.procedures) == {"raw", "golden", "all"}
    assert found.procedures["raw"].held.estimate.value < 0.7
    assert found.procedures["golden"].held.estimate.value > 0.95


def test_of_many_scores_neighbours_share_a_bin() -> None:
    """Whole pictures by rank: exact up to 1,024 different scores, and bounded past them."""
    scores = np.random.default_rng(0).normal(1, 1e-6, 5000)
    places = _ranks(scores)
    assert (np.diff(places[np.argsort(scores)]) >= 0).all()
    assert np.bincount(places).max() <= 5
    few = _ranks(np.array([3.0, 1.0, 3.0, 2.0]))
    assert few.tolist() == [2, 0, 2, 1]


def test_the_field_lists_every_cell_once() -> None:
    for field in (FIELD, Field(head_keys(range(2), range(3)), golden=True, distance=True)):
        found = field.candidates()
        assert len(set(found)) == len(found)
        assert {one.stored for one in found} == set(range(field.stored))
        raw = [one.cell for one in found if one.kind == RAW]
        expected = [
            f"L{layer} {head}"
            for layer in range(field.depth)
            for head in [*(f"H{h}" for h in range(field.heads)), "mean"]
        ]
        assert raw == expected


@pytest.mark.parametrize(("bad", "good"), [(7, 0), (10, 13), (37, 5), (3, 90)])
def test_folds_hold_about_as_many_of_each_sort(bad: int, good: int) -> None:
    kinds = [False] * bad + [True] * good
    parts = split(kinds)
    assert parts.folds == min(5, bad)
    fold = parts.fold[parts.unit]
    for sort, count in ((False, bad), (True, good)):
        own = np.bincount(fold[np.array(kinds) == sort], minlength=parts.folds)
        assert own.sum() == count
        assert own.max() - own.min() <= 1
    assert (parts.good[parts.unit] == np.array(kinds)).all()
    again = split(kinds)
    assert np.array_equal(parts.unit, again.unit)
    assert np.array_equal(parts.fold, again.fold)
    if bad > 5:
        assert not np.array_equal(parts.unit, split(kinds, seed=1).unit)


def test_of_many_pictures_groups_are_drawn() -> None:
    """Past 100 of a sort, so that what is drawn again fits into memory."""
    parts = split([False] * 950 + [True] * 30)
    assert len(parts.fold) == 100 + 30
    sizes = np.bincount(parts.unit)
    assert sizes[~parts.good].min() == 9
    assert sizes[~parts.good].max() == 10
    assert (sizes[parts.good] == 1).all()
    assert np.bincount(parts.fold[~parts.good]).tolist() == [20] * 5


FEW = {
    (0, 9, False): "0 defective pictures: expected at least 2",
    (1, 9, False): "1 defective picture: expected at least 2, one to choose a cell by and one",
    (9, 1, True): "1 good picture: expected at least 2",
}


@pytest.mark.parametrize(("bad", "good", "both"), FEW)
def test_too_few_pictures(bad: int, good: int, both: bool) -> None:
    with pytest.raises(InputError, match=FEW[bad, good, both]):
        split([False] * bad + [True] * good, both=both)
    if not both:
        return
    assert split([False] * bad + [True] * good).folds == 5
