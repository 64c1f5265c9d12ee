"""Regions: planted ones, laws over random grids, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from masks import drawn, views
from oracles.polygons import filled
from vitmap.errors import UsageError
from vitmap.maps.mass import keep_mass
from vitmap.maps.regions import Cut, find_regions, good_level, mask_of, usable
from vitmap.photo.view import View


def heat_over(view: View, data: st.DataObject) -> np.ndarray:
    values = st.floats(0, 64, width=32)
    return data.draw(arrays.arrays(np.float32, view.grid, elements=values))


@given(views(), st.data(), st.floats(0.125, 40, width=32))
def test_regions_cover_just_the_pixels_that_reach_the_level(
    view: View, data: st.DataObject, level: float
) -> None:
    heat = heat_over(view, data)
    regions = find_regions(heat, Cut("level", level).mask(heat), view)
    pixels = view.to_pixels(heat)
    expected = pixels >= np.float32(level)
    assert (mask_of(regions, view.source) == expected).all()
    total = float(heat.sum(dtype=np.float64))
    shares = 0.0
    for region in regions:
        x0, y0, x1, y1 = region.box
        own = np.zeros(view.source, dtype=bool)
        own[y0:y1, x0:x1] = region.mask()
        rows, columns = np.nonzero(own)
        assert (x0, y0, x1, y1) == (
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        )
        assert region.area == own.sum()
        assert region.peak == pixels[own].max()
        x, y = region.at
        assert own[y, x]
        assert pixels[y, x] == region.peak
        assert (sum(filled(ring, view.source) for ring in region.contours()) % 2 == own).all()
        assert (sum(filled(ring, view.source) for ring in region.polygons()) == own).all()
        shares += region.mass * total
    rows, columns = (np.unique(owner) for owner in view.owners())
    seen = heat[np.ix_(rows, columns)]  # patches that hold a pixel
    assert shares == pytest.approx(seen[seen >= np.float32(level)].sum(dtype=np.float64))
    assert [r.peak for r in regions] == sorted((r.peak for r in regions), reverse=True)


@given(views(), st.data(), st.integers(0, 300), st.integers(0, 6))
def test_small_ones_go_after_near_ones_were_joined(
    view: View, data: st.DataObject, smallest: int, merge: int
) -> None:
    heat = heat_over(view, data)
    mask = heat >= 32
    joined = find_regions(heat, mask, view, merge=merge)
    kept = find_regions(heat, mask, view, merge=merge, min_area=smallest)
    assert [r.box for r in kept] == [r.box for r in joined if r.area >= smallest]
    alone = find_regions(heat, mask, view)
    assert len(joined) <= len(alone)
    assert sum(r.area for r in joined) == sum(r.area for r in alone)


def test_a_planted_defect_is_found_to_the_pixel_at_the_border() -> None:
    view = View((100, 101), (32, 32), (8, 8))  # 4 × 4 patches of 25 × 25.25 px
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[0, 3], heat[3, :2] = 5, (3, 4)
    corner, bottom = find_regions(heat, heat > 0, view)
    assert (corner.box, corner.area, corner.peak) == ((76, 0, 101, 25), 625, 5)
    assert bottom.box == (0, 75, 50, 100)  # pixel 50 has its middle in the third patch
    assert bottom.area == 50 * 25
    assert bottom.at == (37, 87)
    assert corner.mass == pytest.approx(5 / 12)


def test_a_gap_is_closed_by_the_distance_that_it_has() -> None:
    row = drawn("#...#")
    heat = row.astype(np.float32)
    assert [len(find_regions(heat, row, merge=gap)) for gap in (0, 2, 3)] == [2, 2, 1]
    [joined] = find_regions(heat, row, merge=3)
    assert (joined.box, joined.area) == ((0, 0, 5, 1), 2)
    assert (joined.mask() == row).all(), "the gap stays outside"


def test_cuts() -> None:
    heat = np.array([[1, 2], [3, -4]], dtype=np.float32)
    assert (Cut("mass", 0.6).mask(heat) == keep_mass(np.maximum(heat, 0), 0.6)).all()
    assert Cut("level", 2).mask(heat).tolist() == [[False, True], [True, False]]
    assert not Cut("mass", 0.6).mask(-np.abs(heat)).any(), "no mass, no mask"


def test_the_level_of_good_pictures_leaves_them_dark() -> None:
    good = [np.random.default_rng(seed).random((5, 4), dtype=np.float32) for seed in range(8)]
    level = good_level(good)
    assert not any(Cut("level", level).mask(heat).any() for heat in good)
    peaks = sorted(float(heat.max()) for heat in good)
    assert level == pytest.approx(peaks[-1])
    hot = good[0].copy()
    hot[2, 2] = level
    assert Cut("level", level).mask(hot).sum() == 1
    assert good_level(good, 50) < level


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Cut("mass", 1.5), "a share of the attention mass"),
        (lambda: Cut("level", float("nan")), "expected a number"),
        (lambda: Cut("share", 1.0), "expected mass or level"),
        (lambda: good_level([]), "at least one good picture"),
        (
            lambda: find_regions(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool), min_area=-1),
            "0 or more",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()


def test_rings_that_are_no_polygons_are_counted() -> None:
    square = ((0, 0), (1, 0), (1, 1), (0, 1))
    rings = [square, ((0, 0), (1, 0)), ((0, 0), (1, 0), (2, 0)), ((3, 3),), ()]
    assert usable(rings) == ([square], 4)
