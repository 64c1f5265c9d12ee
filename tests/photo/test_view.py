"""View: nothing cropped, nothing shifted, and every patch back at its own pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitmap.errors import UsageError
from vitmap.photo.view import View

SIDES = st.integers(1, 400)
PATCHES = st.sampled_from([(8, 8), (14, 14), (16, 16), (8, 16)])


@pytest.mark.parametrize(
    ("source", "patch", "size", "fit", "target"),
    [
        ((683, 1024), 8, 480, "keep", (392, 584)),  # 392 · 584 = 478²
        ((683, 1024), 14, 480, "keep", (392, 588)),
        ((1024, 683), 16, 480, "keep", (592, 400)),
        ((500, 500), 8, 480, "keep", (480, 480)),
        ((683, 1024), 8, 480, "squash", (480, 480)),
        ((683, 1024), 14, 480, "squash", (476, 476)),
        ((1, 1), 8, 480, "keep", (480, 480)),
        ((20, 30000), 16, 480, "keep", (16, 18592)),
        ((1, 65000), 8, 480, "keep", (8, 28800)),  # thinner than a patch: the area alone holds
        ((224, 224), 16, 224, "keep", (224, 224)),
    ],
)
def test_target(
    source: tuple[int, int], patch: int, size: int, fit: str, target: tuple[int, int]
) -> None:
    assert View.of(source, (patch, patch), size, fit).target == target


@given(SIDES, SIDES, PATCHES, st.integers(32, 600))
def test_keep_keeps_area_and_aspect_within_half_a_patch(
    height: int, width: int, patch: tuple[int, int], size: int
) -> None:
    view = View.of((height, width), patch, size)
    (ty, tx), (py, px) = view.target, patch
    assert ty % py == tx % px == 0
    ideal = (size * math.sqrt(height / width), size * math.sqrt(width / height))
    if min(ideal[0] / py, ideal[1] / px) > 0.5:
        assert abs(ty - ideal[0]) <= py / 2 + 1e-9
        assert abs(tx - ideal[1]) <= px / 2 + 1e-9


@given(SIDES, SIDES, PATCHES, st.integers(32, 300))
def test_every_pixel_belongs_to_the_patch_that_covers_its_centre(
    height: int, width: int, patch: tuple[int, int], size: int
) -> None:
    view = View.of((height, width), patch, size)
    rows, columns = view.owners()
    for pixels, owners, count in ((height, rows, view.grid[0]), (width, columns, view.grid[1])):
        assert owners.min() >= 0
        assert owners.max() < count
        assert (np.diff(owners) >= 0).all()
        if pixels >= count:
            assert set(owners) == set(range(count))  # no patch is lost, borders included
            areas = np.bincount(owners)
            assert areas.max() - areas.min() <= 1
    x0, y0, x1, y1 = view.box(*view.patch_at(width - 0.5, height - 0.5))
    assert x0 <= width - 0.5 < x1
    assert y0 <= height - 0.5 < y1


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 12), st.integers(1, 12))
def test_pooling_undoes_nearest(height: int, width: int, gy: int, gx: int) -> None:
    view = View((height, width), (gy * 8, gx * 8), (8, 8))
    grid = np.random.default_rng(0).random((gy, gx)).astype(np.float32)
    back = view.to_grid(view.to_pixels(grid))
    if height >= gy and width >= gx:
        np.testing.assert_allclose(back, grid, rtol=1e-6)
    else:
        assert np.isin(back, grid).all()


@pytest.mark.parametrize("size", [(48, 80), (47, 81), (200, 31)], ids=str)
def test_upsampling_agrees_with_torch(size: tuple[int, int]) -> None:
    grid = np.random.default_rng(1).random((6, 10)).astype(np.float32)
    view = View(size, (48, 80), (8, 8))
    for mode, ours in (("nearest-exact", "nearest"), ("bilinear", "bilinear")):
        tensor = torch.from_numpy(grid)[None, None]
        expected = torch.nn.functional.interpolate(tensor, size=size, mode=mode)[0, 0].numpy()
        np.testing.assert_allclose(view.to_pixels(grid, ours), expected, atol=1e-6)


def test_one_patch_wide_maps_can_be_smoothed() -> None:
    view = View((3, 40), (8, 40), (8, 8))
    grid = np.array([[0, 1, 2, 3, 4]], np.float32)
    smooth = view.to_pixels(grid, "bilinear")
    assert smooth.shape == (3, 40)
    assert (np.diff(smooth[0]) >= 0).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda _: View.of((9, 9), (16, 16), 8), "one patch of the model is 16 × 16 px: give at"),
        (
            lambda _: View.of((9, 9), (8, 8), 64, "crop"),
            "Fit 'crop' is not known. Known: keep, squash",
        ),
        (
            lambda v: v.patch_at(60.0, 10.0),
            r"Point \(60, 10\) lies outside the photo of 60 × 40 px",
        ),
        (lambda v: v.to_pixels(np.zeros((5, 7), np.float32), "cubic"), "Upsampling 'cubic'"),
    ],
)
def test_what_cannot_be_is_refused(call: object, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        call(View.of((40, 60), (8, 8), 48))
