"""Pixel metrics from histograms against scikit-learn and against loops over pixels."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import pro as oracle
from vitmap.photo.view import View
from vitmap.rank.candidates import BRIGHTER, EITHER, RAW, Candidate
from vitmap.rank.coverage import truth_of
from vitmap.rank.histogram import (
    BINS,
    SCALE,
    Histogram,
    bins_of,
    count,
    fold,
    overlap_of,
    signed_bins_of,
)
from vitmap.rank.metrics import auroc, average_precision, pro, regions_of
from vitmap.rank.row import HIT, IOU, MASS, PEAK, SCORE, Row, Truth, measure
from vitmap.rank.row_file import read_row, write_row

# Photos (y, x) and grids: odd sizes, slivers, a patch a pixel, fewer pixels than patches.
VIEWS = {
    "odd sizes": View((37, 53), (20, 28), (4, 4)),
    "a pixel a patch": View((5, 7), (20, 28), (4, 4)),
    "smaller than the grid": View((4, 9), (28, 20), (4, 4)),
    "a sliver": View((61, 3), (80, 4), (4, 4)),
}


def masks_of(size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Defects of one pixel, at a corner, touching over a corner, and several at once."""
    found = {name: np.zeros(size, dtype=bool) for name in ("pixel", "corner", "diagonal", "many")}
    y, x = size[0] // 2, size[1] // 2
    found["pixel"][y, x] = True
    found["corner"][-1, -1] = True
    found["diagonal"][y, x] = found["diagonal"][y - 1, x - 1] = True
    found["many"] = np.random.default_rng(1).random(size) < 0.2
    found["many"][0, 0] = True
    return found


def row_of(values: np.ndarray, masks: list[np.ndarray], view: View) -> list[Row]:
    """Rows with one map each, of the values on the patch grid."""
    return [
        Row(
            name=f"{number}.png",
            digest=f"{number:064x}",
            kind="scratch",
            grid=view.grid,
            bins=bins_of(one.reshape(1, -1).astype(np.float32)),
            measures=np.zeros((1, 5)),
            truth=truth_of(mask, view),
        )
        for number, (one, mask) in enumerate(zip(values, masks, strict=True))
    ]


def total_of(rows: list[Row]) -> Histogram:
    return reduce(add, (row.histogram(slice(None)) for row in rows))


def attention_like(name: str, count: int, chance: np.random.Generator) -> np.ndarray:
    """Values as attention has them, in multiples of uniform."""
    drawn = {
        "log-normal": np.exp(chance.normal(0, 1, count)),
        "heavy tail": 0.05 * (1 + chance.pareto(0.8, count)),
        "nine decades": 10 ** chance.uniform(-5, 3, count),
        "nearly flat": 1 + 0.05 * chance.normal(size=count),
        "ties": np.round(np.exp(chance.normal(0, 1, count)), 1),
    }
    return drawn[name].astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("held", [12, 400])
def test_auroc_and_ap_of_counts_are_scikit_learn_s(seed: int, held: int) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    chance = np.random.default_rng(seed)
    defect, good = (chance.integers(0, 50, 64) * (chance.random(64) < held / 64) for _ in "ab")
    defect[3] = good[5] = 7
    labels = np.repeat([1, 0], 64)
    values, weights = np.tile(np.arange(64.0), 2), np.concatenate([defect, good])
    kept = weights > 0
    given_to_them = labels[kept], values[kept]
    expected = sk.roc_auc_score(*given_to_them, sample_weight=weights[kept])
    assert float(auroc(defect, good)) == pytest.approx(expected, abs=1e-12)
    expected = sk.average_precision_score(*given_to_them, sample_weight=weights[kept])
    assert float(average_precision(defect, good)) == pytest.approx(expected, abs=1e-12)


# What bins of 0.8 % at most cost, (AUROC, AP), in 40,000 pixels: next to nothing where attention
# spreads as it does; more where all of it lies within a few bins, or where values are rounded.
COSTS = {
    "log-normal": (3e-5, 1e-3),
    "heavy tail": (5e-5, 1e-4),
    "nine decades": (5e-5, 3e-4),
    "ties": (1e-3, 2e-3),
    "nearly flat": (1e-3, 6e-3),
}


@pytest.mark.parametrize("apart", [0.02, 2.0])
@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize(("pixels", "times"), [(40_000, 1), (60, 10)])
def test_bins_are_fine_enough_for_attention(
    name: str, apart: float, pixels: int, times: int
) -> None:
    """Against the values themselves; in 60 pixels a pair counts for more."""
    sk = pytest.importorskip("sklearn.metrics")
    chance = np.random.default_rng(len(name))
    values = attention_like(name, pixels, chance)
    labels = chance.random(pixels) < 0.2
    values[labels] *= np.float32(np.exp(apart))
    bins = bins_of(values)[None]
    defect, good = (count(bins, kind.astype(np.int64))[0] for kind in (labels, ~labels))
    away = float(auroc(defect, good)) - sk.roc_auc_score(labels, values)
    assert abs(away) <= times * max(COSTS[name][0], 1e-3 if times > 1 else 0)
    away = float(average_precision(defect, good)) - sk.average_precision_score(labels, values)
    assert abs(away) <= times * max(COSTS[name][1], 5e-3 if times > 1 else 0)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", ["pixel", "corner", "diagonal", "many"])
def test_counts_on_patches_are_the_pixels_of_the_nearest_map(name: str, kind: str) -> None:
    """The whole chain against scikit-learn and the paper's loops over the photo's own pixels."""
    sk = pytest.importorskip("sklearn.metrics")
    view = VIEWS[name]
    chance = np.random.default_rng(3)
    maps = np.exp(chance.normal(0, 1, (2, *view.grid))).astype(np.float32)
    masks = [masks_of(view.source)[kind], masks_of(view.source)["many"]]
    found = total_of(row_of(maps, masks, view))

    assert found.defect.sum() == sum(mask.sum() for mask in masks)
    assert found.good.sum() == sum((~mask).sum() for mask in masks)
    binned = [view.to_pixels(bins_of(one).astype(np.float64)) for one in maps]
    labels, values = np.concatenate([m.ravel() for m in masks]), np.concatenate(binned, None)
    for ours, theirs in (
        (auroc, sk.roc_auc_score),
        (average_precision, sk.average_precision_score),
    ):
        got = float(ours(found.defect, found.good)[0])
        assert got == pytest.approx(theirs(labels, values), abs=1e-12)
    assert float(pro(found.overlap, found.good)[0]) == pytest.approx(
        oracle.pro(binned, masks), abs=1e-9
    )
    parts = sum(len(oracle.regions(mask)) for mask in masks)
    assert regions_of(found.overlap).tolist() == [parts]


def test_pro_by_hand() -> None:
    """Two regions; at 10 % of the good pixels half of one is found, at 50 % all of both."""
    overlap = SCALE * np.array([2, 0, 1, 0, 1]) // 2
    good = np.array([50, 0, 40, 0, 10])
    # Curve: (0, 0) (0.1, 0.25) (0.5, 0.5) (1, 1): straight between, so 0.375 at 0.3.
    area = 0.1 * 0.125 + 0.2 * (0.25 + 0.375) / 2
    assert float(pro(overlap, good)) == pytest.approx(area / 0.3, abs=1e-12)


def test_pro_counts_a_small_region_as_much_as_a_large_one() -> None:
    view = View((40, 40), (40, 40), (4, 4))
    mask = np.zeros((40, 40), dtype=bool)
    mask[0, 0] = mask[20:40, 20:40] = True
    values = np.ones((10, 10), dtype=np.float32)
    scores = []
    corner = np.arange(100).reshape(10, 10) == 0
    for found in (mask[::4, ::4] & ~corner, corner):
        [row] = row_of(np.where(found, 9, values)[None], [mask], view)
        histogram = row.histogram(slice(None))
        scores.append(float(pro(histogram.overlap, histogram.good)[0]))
    # Half of the regions at once, and the other half on the way to all good pixels.
    assert scores[0] == pytest.approx(0.5 + 0.5 * 0.3 / 2, abs=0.01)
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


@pytest.mark.parametrize(
    ("defect", "good", "expected"),
    [([0, 5], [5, 0], 1.0), ([5, 0], [0, 5], 0.0), ([3, 0], [7, 0], 0.5)],
)
def test_auroc_at_the_ends(defect: list[int], good: list[int], expected: float) -> None:
    assert float(auroc(np.array(defect), np.array(good))) == expected


def test_without_pixels_of_one_kind_there_is_no_score() -> None:
    some, none = np.array([1, 2]), np.array([0, 0])
    for found in (auroc(none, some), auroc(some, none), average_precision(none, some)):
        assert np.isnan(found)
    assert np.isnan(pro(none, some))


@given(st.lists(st.floats(0, 2.0**20, width=32), min_size=2, max_size=50))
def test_bins_keep_the_order(values: list[float]) -> None:
    ordered = np.sort(np.array(values, dtype=np.float32))
    bins = bins_of(ordered)
    assert (np.diff(bins.astype(int)) >= 0).all()
    for (a, b), (x, y) in zip(pairwise(ordered), pairwise(bins), strict=True):
        if a >= 2.0**-18 and b < 2.0**14 and b > a * (1 + 1 / 32):
            assert x < y


@given(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=50))
def test_signed_bins_are_symmetric_and_keep_the_order(values: list[float]) -> None:
    ordered = np.sort(np.array(values, dtype=np.float32))
    ordered = ordered[ordered != 0]
    bins = signed_bins_of(ordered).astype(int)
    assert (np.diff(bins) >= 0).all()
    assert (signed_bins_of(-ordered) == BINS - 1 - bins).all()
    assert ((bins >= BINS // 2) == (ordered > 0)).all()


@given(st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=80))
def test_a_folded_histogram_is_that_of_the_sizes(values: list[float]) -> None:
    found = np.array(values, dtype=np.float32)
    ones = np.ones(len(found), dtype=np.int64)
    both = fold(count(signed_bins_of(found)[None], ones))
    sizes = count(signed_bins_of(np.abs(found))[None], ones)
    assert np.array_equal(both, sizes[:, BINS // 2 :])


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=40))
def test_a_region_s_weight_is_exact_however_it_is_spread(pixels: list[int]) -> None:
    bins = np.random.default_rng(len(pixels)).integers(0, BINS, (3, len(pixels))).astype(np.uint16)
    found = overlap_of(bins, np.array(pixels, dtype=np.int64))
    assert (found.sum(axis=1) == SCALE).all()
    assert (found >= 0).all()
    whole = count(bins, np.array(pixels, dtype=np.int64)) / sum(pixels)
    assert np.abs(found / SCALE - whole).max() < 2 / SCALE


def six_histograms() -> list[Histogram]:
    view = VIEWS["a pixel a patch"]
    maps = np.exp(np.random.default_rng(5).normal(0, 2, (6, *view.grid)))
    masks = [masks_of(view.source)[k] for k in ("pixel", "many", "corner", "many", "pixel", "many")]
    return [row.histogram(slice(None)) for row in row_of(maps, masks, view)]


SIX = six_histograms()


@given(st.permutations(range(6)), st.sets(st.integers(1, 5)))
def test_histograms_of_any_parts_add_up_to_the_same_bits(order: list[int], cuts: set[int]) -> None:
    ends = [0, *sorted(cuts), 6]
    parts = [reduce(add, (SIX[i] for i in order[a:b])) for a, b in pairwise(ends)]
    whole, joined = reduce(add, SIX), reduce(add, reversed(parts))
    for name in ("defect", "good", "overlap"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))


@pytest.mark.parametrize("name", VIEWS)
def test_measures_are_the_loops_over_patches_and_pixels(name: str) -> None:
    view = VIEWS[name]
    mask = masks_of(view.source)["many"]
    heats = np.random.default_rng(2).normal(0.2, 1, (3, *view.grid)).astype(np.float32)
    kinds = [(RAW, 0), (BRIGHTER, 1), (EITHER, 1)]
    candidates = [Candidate(kind, 0, 0, stored) for kind, stored in kinds]
    found = measure(heats.reshape(3, -1), candidates, truth_of(mask, view), 0.6)
    for line, (kind, stored) in zip(found, kinds, strict=True):
        heat = np.abs(heats[stored]) if kind == EITHER else heats[stored]
        flat = sorted(heat.ravel().tolist(), reverse=True)
        top = max(1, round(len(flat) / 100))
        assert line[SCORE] == pytest.approx(sum(flat[:top]) / top)
        assert line[PEAK] == np.float32(flat[0])
        positive = np.maximum(heat, 0)
        pixels = view.to_pixels(positive).astype(np.float64)
        assert line[MASS] == pytest.approx(pixels[mask].sum() / pixels.sum())
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        rows, columns = view.owners()
        assert line[HIT] == mask[np.ix_(rows == y, columns == x)].any()
        kept, mass = np.zeros(heat.shape, dtype=bool), 0.0
        for place in np.argsort(-positive.ravel(), kind="stable"):
            if mass >= 0.6 * positive.sum(dtype=np.float64) * (1 - 1e-9):
                break
            kept.flat[place] = positive.flat[place] > 0
            mass += float(positive.flat[place])
        marked = view.to_pixels(kept.astype(np.float32)) > 0
        assert line[IOU] == pytest.approx((marked & mask).sum() / (marked | mask).sum())


def test_without_a_mask_only_the_picture_s_own_numbers_are_known() -> None:
    heats = np.ones((1, 200), dtype=np.float32)
    candidates = [Candidate(RAW, 0, 0, 0)]
    ones, none = np.ones(200, dtype=np.int64), np.zeros(200, dtype=np.int64)
    good = Truth(ones, none, np.empty((0, 3), dtype=np.int64))
    for truth in (None, good):
        [line] = measure(heats, candidates, truth, 0.6)
        assert line[[SCORE, PEAK]].tolist() == [1, 1]
        assert np.isnan(line[[MASS, HIT, IOU]]).all()


def test_rows_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    view = VIEWS["odd sizes"]
    chance = np.random.default_rng(4)
    [row] = row_of(np.exp(chance.normal(size=(1, *view.grid))), [masks_of((37, 53))["many"]], view)
    write_row(tmp_path / "row", row)
    again = read_row(tmp_path / "row")
    assert (again.name, again.digest, again.kind, again.grid) == (
        row.name,
        row.digest,
        row.kind,
        row.grid,
    )
    assert again.truth is not None
    assert row.truth is not None
    for ours, theirs in zip(
        (again.bins, again.measures, *vars(again.truth).values()),
        (row.bins, row.measures, *vars(row.truth).values()),
        strict=True,
    ):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert read_row(tmp_path / "row", slice(0, 0)).bins.shape == (0, 35)
