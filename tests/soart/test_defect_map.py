"""SOARTC: against plain loops, with planted defects, shifted, dimmed, and on real boards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import soart as oracle
from vitmap.commands.soart.files import said_of
from vitmap.errors import PictureError, UsageError
from vitmap.photo.alignment import correlation, find_shift, overlap
from vitmap.photo.view import View
from vitmap.soart.defect_map import Reference
from vitmap.soart.map_settings import MapSettings
from vitmap.soart.patches import places
from vitmap.soart.regions import check_level, mask_of, regions_of
from vitmap.soart.vectors import gray

AUTHOR = MapSettings(blur=0, tolerance=0, align=False, gain=False)


def board(height: int = 120, width: int = 160, seed: int = 0) -> np.ndarray:
    """A picture with blocks of light and dark, and a little noise."""
    chance = np.random.default_rng(seed)
    blocks = chance.integers(60, 220, (height // 10 + 1, width // 10 + 1, 1))
    large = np.repeat(np.repeat(blocks, 10, 0), 10, 1)[:height, :width]
    return np.clip(large + chance.integers(-3, 4, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "chosen",
    [
        AUTHOR,
        MapSettings((4, 8), None, 5, (1, 2, 3), "gray", 0, 0, False, False),
        MapSettings((4, 4), (17, 23), 3, (0.5, 0, 2), "gray", 0, 0, False, False),
    ],
    ids=["author", "steps 4,8", "kernel 3"],
)
def test_every_patch_equals_the_plain_loops(chosen: MapSettings) -> None:
    standard, measured = board(61, 83), board(61, 83, 1)
    found = Reference(standard, chosen).map(measured)
    gy, gx = found.view.grid
    k = chosen.kernel
    rows, columns = places(61, gy, k), places(83, gx, k)
    first, second = ((gray(p) / 255).tolist() for p in (standard, measured))
    compared = 0
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            if top < 0 or left < 0 or top + 2 * k > 61 or left + 2 * k > 83:
                continue  # the border repeats its pixels, which the loops do not know
            anomaly, *families = oracle.patch_anomaly(first, second, top, left, k, chosen.weights)
            assert found.anomaly[i, j] == pytest.approx(anomaly, rel=2e-4, abs=2e-5)
            assert found.families[:, i, j] == pytest.approx(families, rel=2e-4, abs=2e-5)
            compared += 1
    assert compared > 0.6 * gy * gx


@given(st.integers(20, 3000), st.integers(1, 200))
def test_patches_lie_over_the_middle_of_their_cells(side: int, count: int) -> None:
    middles = places(side, count, 5) + 5
    expected = (np.arange(count) + 0.5) * side / count
    assert np.abs(middles - expected).max() < 1


def test_the_standard_against_itself_is_nothing() -> None:
    for chosen in (AUTHOR, MapSettings(), MapSettings(color="rgb")):
        found = Reference(board(), chosen).map(board())
        assert found.anomaly.max() == 0
        assert not mask_of(found.anomaly, 0.5 * float(found.anomaly.max())).any()


def test_several_planted_defects_are_found_where_they_are() -> None:
    measured = board()
    centres = [(30, 40), (90, 120), (60, 90)]  # y, x
    for y, x in centres:
        measured[y - 6 : y + 6, x - 6 : x + 6] = 255 - measured[y, x]
    found = Reference(board(), MapSettings()).map(measured)
    limit = 0.5 * float(found.anomaly.max())
    regions = regions_of(found.anomaly, mask_of(found.anomaly, limit), found.view)
    for y, x in centres:
        x0, y0, x1, y1 = next(
            r.box for r in regions if r.box[0] <= x <= r.box[2] and r.box[1] <= y <= r.box[3]
        )
        assert x0 >= x - 20
        assert x1 <= x + 20
        assert y0 >= y - 20
        assert y1 <= y + 20
    for region in regions:
        assert any(abs(region.at[0] - x) < 15 and abs(region.at[1] - y) < 15 for y, x in centres)


@pytest.mark.parametrize("shift", [(0, 0), (5, -9), (-12, 3)], ids=str)
def test_a_shifted_part_is_mapped_in_its_own_pixels(shift: tuple[int, int]) -> None:
    large = board(200, 240)
    standard = large[20:140, 20:180]
    down, right = shift
    measured = large[20 - down : 140 - down, 20 - right : 180 - right].copy()
    measured[50:62, 100:112] = 255 - measured[50:62, 100:112]
    found = Reference(standard, MapSettings()).map(measured)
    assert (found.shift.y, found.shift.x) == shift
    assert found.shift.fine == pytest.approx(shift, abs=0.3)
    row, column = np.unravel_index(int(found.anomaly.argmax()), found.anomaly.shape)
    x, y = found.view.center(int(row), int(column))
    assert 44 <= y < 68
    assert 94 <= x < 118
    outside = (abs(down) / 120 + abs(right) / 160) * 0.9 - 0.02
    assert 1 - found.compared.mean() >= max(0, outside - 0.02)
    assert not found.anomaly[~found.compared].any()
    unaligned = Reference(standard, MapSettings(align=False)).map(measured)
    if shift != (0, 0):
        assert np.median(unaligned.anomaly) > 20 * np.median(found.anomaly) + 0.1


def test_lighting_is_undone_and_told() -> None:
    measured = np.rint(board() * 0.8).astype(np.uint8)
    found = Reference(board(), MapSettings()).map(measured)
    assert found.gain == pytest.approx(0.8, abs=0.01)
    kept = Reference(board(), MapSettings(gain=False)).map(measured)
    assert found.anomaly.mean() < 0.2 * kept.anomaly.mean()
    assert kept.gain == 1


def test_another_part_is_refused_unless_alignment_is_off() -> None:
    reference = Reference(board(), MapSettings())
    with pytest.raises(PictureError, match=r"lot/a\.png: it cannot be aligned.*--align off"):
        reference.map(board(seed=9), "lot/a.png")
    blank = np.full((120, 160, 3), 128, np.uint8)
    with pytest.raises(PictureError, match=r"correlation 0\.00"):
        reference.map(blank)
    assert Reference(board(), MapSettings(align=False)).map(blank).anomaly.max() > 1
    with pytest.raises(PictureError, match="160 × 100 px, but the standard has 160 × 120 px"):
        reference.map(board(100))


def sheet(noise: int, spot: bool, seed: int) -> np.ndarray:
    """A uniform sheet, with noise of so many levels and a dark spot where wanted."""
    chance = np.random.default_rng(seed)
    made = np.full((120, 160, 3), 180) + chance.integers(-noise, noise + 1, (120, 160, 1))
    if spot:
        made[50:62, 100:112] = 60
    return made.astype(np.uint8)


@pytest.mark.parametrize("noise", [0, 2, 20])
def test_a_sheet_without_structure_is_mapped_where_it_lies(noise: int) -> None:
    reference = Reference(sheet(noise, False, 0), MapSettings())
    clean = reference.map(sheet(noise, False, 1))
    assert (clean.shift.y, clean.shift.x, clean.shift.blind) == (0, 0, True)
    assert said_of(clean).startswith("nothing to align by")
    found = reference.map(sheet(noise, True, 1))
    assert (found.shift.y, found.shift.x, found.shift.blind) == (0, 0, True)
    row, column = np.unravel_index(int(found.anomaly.argmax()), found.anomaly.shape)
    x, y = found.view.center(int(row), int(column))
    assert 44 <= y < 68
    assert 94 <= x < 118
    assert found.anomaly.max() > 2 * clean.anomaly.max()
    lost = Reference(sheet(noise, True, 0), MapSettings()).map(sheet(noise, False, 1))
    assert lost.shift.blind  # a spot that is missing is a defect as well


def test_flat_pictures_of_any_level_have_no_correlation() -> None:
    for level in (1, 100, 181, 254):
        flat = np.full((480, 640), level / 255, np.float32)
        shift = find_shift(flat, flat)
        assert (shift.y, shift.x, shift.correlation) == (0, 0, 0)


@pytest.mark.parametrize("size", [3, 6, 20])
def test_a_texture_is_refused_for_another_and_aligned_with_itself(size: int) -> None:
    chance = np.random.default_rng(size)
    first, second = (
        np.kron(chance.integers(90, 170, (240 // size, 240 // size, 1)), np.ones((size, size, 3)))
        for _ in range(2)
    )
    first, second = first.astype(np.uint8), second.astype(np.uint8)
    reference = Reference(first[20:200, 20:200], MapSettings())
    with pytest.raises(PictureError, match="cannot be aligned"):
        reference.map(second[20:200, 20:200])
    found = reference.map(first[15:195, 28:208])
    assert (found.shift.y, found.shift.x, found.shift.blind) == (5, -8, False)


def test_colour_sees_what_gray_does_not() -> None:
    measured = board()
    spot = measured[40:60, 40:60].astype(float)
    spot[..., 0] += 30
    spot[..., 1] -= 30 * 0.299 / 0.587
    measured[40:60, 40:60] = np.rint(spot)
    peaks = {}
    for color in ("gray", "rgb"):
        found = Reference(board(), MapSettings(color=color)).map(measured)
        peaks[color] = float(found.anomaly.max())
    assert peaks["rgb"] > 3 * peaks["gray"]


def test_the_softmax_sums_to_one_and_the_composite_spans_its_range() -> None:
    found = Reference(board(), AUTHOR).map(board(seed=3))
    assert found.softmax.sum() == pytest.approx(1, rel=1e-4)
    assert found.softmax.argmax() == found.anomaly.argmax()
    assert found.composite.shape == (*found.view.grid, 3)
    assert found.composite.min(axis=(0, 1)).tolist() == [0, 0, 0]
    assert found.composite.max(axis=(0, 1)).tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (MapSettings(kernel=4), "Kernel 4 asked for"),
        (MapSettings(step=(0, 4)), "Step 0,4 asked for"),
        (MapSettings(weights=(0, 0, 0)), "Weights 0,0,0 asked for"),
        (MapSettings(weights=(1, -1, 0)), "Weights 1,-1,0 asked for"),
        (MapSettings(weights=(1, float("nan"), 1)), "Weights 1,nan,1 asked for"),
        (MapSettings(weights=(float("inf"), 1, 1)), "Weights inf,1,1 asked for"),
        (MapSettings(weights=(1e300, 1, 1)), "each 0 or from 1e-06 to 1e"),
        (MapSettings(kernel=1001), "Kernel 1001 asked for: expected at most 101 px"),
        (MapSettings(tolerance=9), "Tolerance 9 asked for: expected 0 to 4"),
        (MapSettings(blur=-1), "Blur -1 asked for"),
        (MapSettings(color="grey"), "did you mean 'gray'"),
        (MapSettings(patches=(268, 238)), "268x238 patches of 10 px asked for.* 160 × 120 px"),
        (MapSettings(patches=(0, 5)), "0x5 patches"),
        (MapSettings(kernel=101), "patches of 202 px"),
    ],
)
def test_settings_that_cannot_be(chosen: MapSettings, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Reference(board(), chosen)


def test_more_patches_than_memory_holds_are_refused() -> None:
    with pytest.raises(UsageError, match="tolerance 4 would take 48 GB, at most 4"):
        MapSettings(step=(1, 1), tolerance=4).check((2880, 2880))


def test_the_author_s_picture_has_the_author_s_patches() -> None:
    chosen = MapSettings(patches=(268, 238))
    assert chosen.grid((1080, 1920)) == (268, 238)
    assert np.diff(places(1080, 268, 5)).mean() == pytest.approx(4.03, abs=0.01)
    assert np.diff(places(1920, 238, 5)).mean() == pytest.approx(8.07, abs=0.01)


# Alignment by itself.


@settings(max_examples=30, deadline=None)
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 99))
def test_any_shift_is_found(down: int, right: int, seed: int) -> None:
    large = gray(board(180, 220, seed)).astype(np.float32)
    standard = large[30:150, 30:190]
    measured = large[30 - down : 150 - down, 30 - right : 190 - right]
    found = find_shift(standard, measured)
    assert (found.y, found.x) == (down, right)
    assert found.correlation == pytest.approx(1, abs=1e-3)
    assert np.array_equal(*overlap(standard, measured, down, right))


def test_without_contrast_nothing_is_moved() -> None:
    flat, other = np.full((50, 60), 0.5, np.float32), gray(board(50, 60)).astype(np.float32)
    assert find_shift(flat, other).correlation == 0
    assert (find_shift(flat, flat).y, find_shift(flat, flat).x) == (0, 0)
    assert not find_shift(flat, flat).credible
    assert correlation(other, other, 0, 0) == pytest.approx(1)


# Regions by themselves.


def test_regions_are_connected_patches_hottest_first() -> None:
    values = np.zeros((5, 6))
    values[0, 0], values[1, 1] = 0.6, 0.9  # corners touch
    values[4, 5], values[3, 5] = 1.0, 0.7
    values[2, 3] = 0.2
    view = View((50, 120), (50, 120), (10, 20))
    first, second = regions_of(values, mask_of(values, 0.5), view)
    assert (first.peak, first.at, first.box, first.patches) == (
        1.0,
        (110, 45),
        (100, 30, 120, 50),
        2,
    )
    assert (second.peak, second.at, second.box, second.patches) == (
        0.9,
        (30, 15),
        (0, 0, 40, 20),
        2,
    )
    for level in (0, 1.5, float("nan")):
        with pytest.raises(UsageError, match="share of the hottest patch"):
            check_level(level)


@given(st.integers(0, 2**20 - 1))
def test_regions_hold_every_patch_of_the_mask_once(bits: int) -> None:
    mask = np.array([bits >> i & 1 for i in range(20)], dtype=bool).reshape(4, 5)
    regions = regions_of(mask.astype(float), mask, View((40, 50), (40, 50), (10, 10)))
    assert sum(region.patches for region in regions) == mask.sum()


# Real boards, where they are.


def test_the_hottest_patch_of_a_real_board_lies_on_a_defect(shared: object) -> None:
    from vitmap.photo.read import read_photo

    folder = shared / "defects/pcb"
    hits, plain, names = 0, 0, sorted(path.name for path in (folder / "test").iterdir())[::4]
    for name in names:
        standard, test = (read_photo(folder / kind / name).pixels for kind in ("template", "test"))
        lines = (folder / "boxes" / name.replace(".jpg", ".txt")).read_text("utf-8").splitlines()
        boxes = [tuple(map(int, line.split()[:4])) for line in lines]
        found = Reference(standard, MapSettings()).map(test)
        row, column = np.unravel_index(int(found.anomaly.argmax()), found.anomaly.shape)
        hits += inside(*found.view.center(int(row), int(column)), boxes)
        apart = np.abs(gray(standard).astype(int) - gray(test))
        y, x = np.unravel_index(int(apart.argmax()), apart.shape)
        plain += inside(int(x), int(y), boxes)
    assert hits == len(names)
    assert plain < hits


def inside(x: int, y: int, boxes: list[tuple[int, ...]]) -> bool:
    return any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in boxes)
