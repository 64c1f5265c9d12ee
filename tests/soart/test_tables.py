"""Pictures → tables: against plain loops, by the laws of the metrics, and at their edges."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from oracles import soart as oracle
from vitmap.commands.soart.attend import settings_of
from vitmap.errors import InputError, UsageError
from vitmap.soart.kernels import NAMES, kernels
from vitmap.soart.metrics import measure
from vitmap.soart.rt import distances
from vitmap.soart.settings import COLORS, VARIANTS, TableSettings, difference
from vitmap.soart.tables import Row, measure_pictures, standard_of
from vitmap.soart.vectors import gray, planes, shrink, vectors


def noise(seed: int, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_kernels_are_as_drawn() -> None:
    drawn = {
        "bend1": "11111 00001 00001 00001 00001",
        "bend2": "00001 00001 00001 00001 11111",
        "bend3": "10000 10000 10000 10000 11111",
        "bend4": "11111 10000 10000 10000 10000",
        "line1": "00001 00010 00100 01000 10000",
        "line2": "10000 01000 00100 00010 00001",
        "datum": "00100 00100 11111 00100 00100",
    }
    for name, kernel in zip(NAMES, kernels(5), strict=True):
        assert " ".join("".join(str(int(v)) for v in row) for row in kernel) == drawn[name]


def test_shrinking_takes_the_pixel_at_the_floor() -> None:
    pixels = np.zeros((7, 100, 3), dtype=np.uint8)
    pixels[:, :, 0] = np.arange(100)
    assert shrink(pixels, 30)[0, :, 0].tolist() == [i * 100 // 30 for i in range(30)]
    assert (
        shrink(pixels, 30)[0, :, 0].tolist()
        != np.asarray(Image.fromarray(pixels).resize((30, 30), Image.Resampling.NEAREST))[
            0, :, 0
        ].tolist()
    )


def test_gray_rounds_the_exact_sum() -> None:
    colors = np.stack(np.meshgrid(*[np.arange(0, 256, 5, dtype=np.uint8)] * 3), axis=-1)
    expected = (colors.astype(np.int64) @ [299, 587, 114] + 500) // 1000
    assert np.array_equal(gray(colors), expected)
    luma = np.asarray(Image.fromarray(colors.reshape(1, -1, 3)).convert("L")).reshape(
        gray(colors).shape
    )
    assert np.abs(gray(colors).astype(int) - luma).max() <= 1


def test_shrinking_comes_before_gray() -> None:
    """One bright blue pixel that is not picked must not tint its neighbours."""
    pixels = np.zeros((60, 60, 3), dtype=np.uint8)
    pixels[1::2, 1::2] = 255
    assert not planes(shrink(pixels, 30)[None], TableSettings()).any()


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("decimals", [None, 3])
@pytest.mark.parametrize(("size", "kernel", "grid"), [(30, 5, (2, 2)), (18, 3, (3, 2))])
def test_tables_equal_the_plain_loops(
    color: str, variant: str, decimals: int | None, size: int, kernel: int, grid: tuple[int, int]
) -> None:
    settings = TableSettings(variant, size, kernel, grid, color, decimals)
    pictures = [noise(seed, 31 + seed, 45) for seed in range(4)]
    found = measure_pictures(standard_of(pictures[:1], settings), pictures)
    expected = oracle.tables_of(
        pictures[0], pictures, size, kernel, grid, color, variant, settings.white, decimals
    )
    assert found.values.shape == (settings.metrics, 4, settings.columns)
    assert np.allclose(found.values, expected, rtol=1e-9, atol=1e-12)


def test_the_order_inside_a_column_is_patch_channel_kernel() -> None:
    seen = np.zeros((1, 3, 30, 30))
    seen[0, 1, 5:10, 0:5] = 1  # green, first column of patches, second row: patch 3 of the quadrant
    joint = vectors(seen, TableSettings(color="rgb-joint"))
    assert np.flatnonzero(joint[0, 0]).tolist() == list(range(3 * 21 + 7, 3 * 21 + 14))
    split = vectors(seen, TableSettings(color="rgb-split"))
    assert np.flatnonzero(split[0].any(axis=1)).tolist() == [4]  # green's first quadrant
    assert np.flatnonzero(split[0, 4]).tolist() == list(range(21, 28))


def test_a_mean_standard_is_not_rounded() -> None:
    dark, light = np.full((30, 30, 3), 10, np.uint8), np.full((30, 30, 3), 11, np.uint8)
    x = standard_of(iter([dark, light])).vectors
    assert np.allclose(x.reshape(-1, 7)[:, 0], 9 * 10.5)


# The laws of the metrics.

positive = arrays(np.float64, (2, 9), elements=st.floats(0.01, 255))


@pytest.mark.parametrize("variant", ["mean-l2", "sum-chebyshev"])
@given(x=positive)
def test_the_standard_against_itself_is_zero(variant: str, x: np.ndarray) -> None:
    assert np.allclose(measure(x, x, variant), 0, atol=1e-12)


@pytest.mark.parametrize("variant", ["mean-l2", "sum-chebyshev"])
@given(x=arrays(np.float64, (2, 9), elements=st.floats(1, 255)), c=st.floats(0.1, 10))
def test_a_scaled_picture_changes_sensitivity_alone(variant: str, x: np.ndarray, c: float) -> None:
    y1, y2, y3 = measure(x, c * x, variant)
    assert np.allclose(y1, math.log(c), atol=1e-4)
    assert np.allclose([y2, y3], 0, atol=0.05)


@given(x=positive, y=positive)
def test_concentration_has_its_bounds(x: np.ndarray, y: np.ndarray) -> None:
    mean = measure(x, y, "mean-l2")[2]
    assert (mean >= -0.5 * math.log(2) - 1e-9).all()
    assert (mean <= 0.5 * math.log(9) + 1e-9).all()
    top = measure(x, y, "sum-chebyshev")[2]
    assert (top <= 1e-9).all()
    assert (top >= -math.log(9) - 1e-9).all()


def test_figures_by_hand() -> None:
    x, y = np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]])
    slope = 3.0001 / 5.0001
    rest = [abs(1 - slope), abs(1 - 2 * slope)]
    expected = [math.log(slope), math.log(sum(rest) / 2 + 1)]
    expected.append(0.5 * math.log((rest[0] ** 2 + rest[1] ** 2) / 2 + 1) - expected[1])
    assert np.allclose(measure(x, y, "mean-l2").ravel(), expected, rtol=1e-12)
    assert np.allclose(measure(x, y, "rt").ravel(), [0.6, math.sqrt(2 - 9 / 5)])


def test_rt_gives_the_published_figures() -> None:
    """Iris against 40 rows of versicolor, as the documentation of R's MTSYS prints them."""
    iris = pytest.importorskip("sklearn.datasets").load_iris().data
    unit = iris[60:100]
    center = unit.mean(axis=0)
    own = measure(center[None], unit[:, None], "rt")[:, :, 0]
    rows = iris[[0, 1, 2, 50, 51, 100]]
    found = measure(center[None], rows[:, None], "rt")[:, :, 0] - own.mean(axis=1, keepdims=True)
    assert found[0].round(3).tolist() == [-0.259, -0.301, -0.318, 0.159, 0.091, 0.209]
    assert found[1].round(3).tolist() == [1.244, 1.05, 1.115, -0.036, -0.061, 0.671]


def test_rt_distances_are_mahalanobis_over_two() -> None:
    unit = np.random.default_rng(0).normal(size=(2, 20, 3))
    found = distances(unit, unit)
    for column in range(3):
        rows = unit[:, :, column].T
        away = rows - rows.mean(axis=0)
        inverse = np.linalg.inv(np.cov(rows.T))
        expected = [math.sqrt(d @ inverse @ d / 2) for d in away]
        assert np.allclose(found[:, column], expected)
    assert np.allclose((found**2).mean(axis=0), 19 / 20)
    with pytest.raises(InputError, match="The unit space has 2 pictures"):
        distances(unit[:, :2], unit)
    with pytest.raises(InputError, match="no covariance in column X0"):
        distances(np.ones((2, 5, 1)), np.ones((2, 1, 1)))


# What has no number.


@pytest.mark.parametrize("variant", ["mean-l2", "sum-chebyshev"])
def test_no_slope_and_no_picture_give_no_number(variant: str) -> None:
    x = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    y = np.array([[-1.0, -2.0], [0.0, 0.0], [1.0, 1.0]])
    assert np.isnan(measure(x, y, variant)).all()


def test_rt_has_no_number_for_a_blank_standard_alone() -> None:
    zero, one = np.zeros((1, 2)), np.ones((1, 2))
    assert np.isnan(measure(zero, one, "rt")).all()
    assert measure(one, zero, "rt").ravel().tolist() == [0, 0]


def test_a_blank_quadrant_is_named() -> None:
    dark = noise(1)
    dark[:20, 25:] = 0
    tables = measure_pictures(
        standard_of([noise(0)]), [noise(2), dark], [Row("1", "a.png"), Row("2", "b.png")]
    )
    assert np.isnan(tables.values[:, 1, 1]).all()
    assert np.isfinite(np.delete(tables.values.reshape(3, -1), 5, axis=1)).all()
    assert tables.remarks == (
        "b.png: X1 is blank or its slope is not positive: no metric there (NaN).",
    )
    blank = measure_pictures(standard_of([dark]), [noise(2), noise(3)])
    assert blank.remarks == ("The standard is blank in X1: no metric there for any picture (NaN).",)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 31}, r"size 31, kernel 5, grid 2x2; .* such as 30 or 40\."),
        ({"grid": (3, 4)}, r"size 30, kernel 5, grid 3x4; .* such as 60\."),
        ({"size": 90, "grid": (3, 4)}, "a multiple of 60, such as 60 or 120"),
        ({"size": 999_999_990}, "Size 999999990, .* shrunk to at most 4096 px"),
        ({"size": 5 * 97 * 101, "grid": (97, 101)}, "kernel 5, grid 97x101 .* at most 4096 px"),
        ({"kernel": 100_001}, "kernel 100001, .* at most 4096 px"),
        ({"grid": (0, 2)}, "Grid 0x2 asked for"),
        ({"full": math.inf}, "White inf asked for"),
        ({"full": math.nan}, "White nan asked for"),
        ({"kernel": 4}, "Kernel 4 asked for, but its cross needs a middle"),
        ({"variant": "mean"}, "Variant 'mean' is not known: did you mean 'mean-l2'"),
        ({"color": "grey"}, "Color 'grey' is not known: did you mean 'gray'"),
        ({"decimals": -1}, "Decimals -1"),
        ({"full": 0.0}, r"White|0"),
        ({"size": 0}, "Size 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict, said: str) -> None:
    if settings == {"full": 0.0}:
        settings, said = {"full": -1.0}, "White -1 asked for"
    with pytest.raises(UsageError, match=said):
        standard_of([noise(0)], TableSettings(**settings))


@given(
    st.sampled_from(VARIANTS), st.integers(1, 4), st.integers(1, 4), st.sampled_from(COLORS),
    st.none() | st.integers(0, 6),
)  # fmt: skip
def test_settings_survive_json(variant: str, r: int, c: int, color: str, decimals: int) -> None:
    settings = TableSettings(variant, 30 * r * c, 5, (r, c), color, decimals, standard="ab")
    back = settings_of(settings.as_json(), "learn_settings.json")
    assert difference(settings, back) is None
    assert "variant is" in (difference(settings, replace(settings, variant="x")) or "")


def test_a_stream_of_any_length_needs_the_memory_of_one_chunk() -> None:
    """1,000 pictures of 48 KB would be 48 MB."""
    picture = noise(0, 100, 160)
    standard = standard_of([picture])
    tracemalloc.start()
    tables = measure_pictures(standard, (picture.copy() for _ in range(1000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert tables.values.shape[1] == 1000
    assert peak < 4_000_000
