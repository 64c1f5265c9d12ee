"""Which pixels boxes, polygons and run lengths mark."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as oracle

from labelled import SIZE
from oracles.coco import decoded
from vitmap.datasets import Box, Polygon, Runs
from vitmap.datasets.coco import counts_of
from vitmap.datasets.shapes import fill
from vitmap.errors import InputError

# A box as x0, y0, x1, y1 → the first and last column and row that it marks of 8 × 6 px.
BOXES: dict[str, tuple[tuple[float, float, float, float], tuple[int, int, int, int]]] = {
    "whole pixels": ((1, 2, 4, 5), (1, 2, 3, 4)),
    "the whole picture": ((0, 0, 8, 6), (0, 0, 7, 5)),
    "centres on the left edge count": ((1.5, 2.5, 3.6, 4.6), (1, 2, 3, 4)),
    "centres on the right edge do not": ((1.4, 2.4, 3.5, 4.5), (1, 2, 2, 3)),
    "between centres": ((2.6, 3.6, 2.9, 3.9), (2, 3, 2, 3)),
    "between centres of two pixels": ((2.6, 3.6, 3.4, 4.4), (3, 4, 3, 4)),
    "a thin line keeps its length": ((1, 3.6, 6, 3.9), (1, 3, 5, 3)),
    "a point": ((2, 3, 2, 3), (2, 3, 2, 3)),
    "partly outside": ((-5, -5, 2, 1), (0, 0, 1, 0)),
    "beyond the far corner": ((6, 4, 100, 100), (6, 4, 7, 5)),
    "a sliver at the far corner": ((7.9, 5.9, 9, 9), (7, 5, 7, 5)),
    "a sliver at the near corner": ((-1, -1, 0.2, 0.2), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("case", BOXES)
def test_pixels_of_a_box(case: str) -> None:
    edges, (left, top, right, bottom) = BOXES[case]
    expected = np.zeros(SIZE, dtype=bool)
    expected[top : bottom + 1, left : right + 1] = True
    assert np.array_equal(fill(Box(*edges), SIZE), expected)


edge = st.floats(-20, 20)


@given(edge, edge, st.floats(0, 20), st.floats(0, 20))
def test_a_box_that_touches_the_picture_marks_a_pixel(
    x: float, y: float, w: float, h: float
) -> None:
    box = Box(x, y, x + w, y + h)
    if box.x1 <= 0 or box.y1 <= 0 or x >= SIZE[1] or y >= SIZE[0]:
        return
    found = fill(box, SIZE)
    inside = [
        (i, j)
        for i, j in np.ndindex(SIZE)
        if box.x0 <= j + 0.5 < box.x1 and box.y0 <= i + 0.5 < box.y1
    ]
    assert found.any()
    if inside:
        assert sorted(zip(*map(np.ndarray.tolist, np.nonzero(found)), strict=True)) == inside


@pytest.mark.parametrize("edges", [(8, 0, 9, 1), (0, 6, 1, 9), (-3, 0, -1, 2), (0, -3, 2, 0)])
def test_a_box_outside_is_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(InputError) as caught:
        fill(Box(*edges), SIZE)
    assert str(caught.value) == (
        "the box ({:g}, {:g}) to ({:g}, {:g}) lies outside the picture of 8 × 6 px: boxes are in "
        "the original picture's pixels, upright.".format(*edges)
    )


def coarse(low: float, high: float) -> st.SearchStrategy[float]:
    """Corners as tools write them: whole, halves, tenths, or any number."""
    steps = st.sampled_from([1, 2, 10, 100])
    rounded = st.tuples(st.floats(low, high), steps).map(lambda t: round(t[0] * t[1]) / t[1])
    return rounded | st.floats(low, high)


@st.composite
def outlines(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[float, float]]]:
    """A picture's size, and corners inside it and around it."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    corner = st.tuples(coarse(-width + 1, 2 * width - 1), coarse(-height + 1, 2 * height - 1))
    return (height, width), draw(st.lists(corner, min_size=3, max_size=9))


@settings(max_examples=400, deadline=None)
@given(outlines())
@example(((6, 8), [(1, 1), (1, 1), (5, 1), (5, 4), (5, 4), (1, 4)]))
@example(((6, 8), [(0, 0), (8, 0), (8, 6), (0, 6)]))
@example(((6, 8), [(2, 2), (2, 2), (2, 2)]))
@example(((6, 8), [(-0.1, -0.3), (3.3, 7.7), (9.9, -2.5), (4, 3)]))
def test_polygons_are_filled_as_pycocotools_does(
    outline: tuple[tuple[int, int], list[tuple[float, float]]],
) -> None:
    size, corners = outline
    flat = [float(value) for corner in corners for value in corner]
    expected = decoded(oracle.frPyObjects([flat], *size)[0])
    assert np.array_equal(fill(Polygon(tuple(corners)), size), expected)


masks = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 1)
)


@settings(deadline=None)
@given(masks)
@example(np.ones((1, 1), dtype=np.uint8))
@example(np.zeros((700, 300), dtype=np.uint8))
@example(np.tri(90, 300, 40, dtype=np.uint8))
def test_run_lengths_are_read_as_pycocotools_does(values: np.ndarray) -> None:
    encoded = oracle.encode(np.asfortranarray(values))
    counts = counts_of(encoded["counts"].decode())
    assert counts is not None
    assert np.array_equal(fill(Runs(values.shape, tuple(counts)), values.shape), values > 0)


@given(masks)
def test_plain_run_lengths_round_trip(values: np.ndarray) -> None:
    flat = values.T.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    counts = np.diff([0, *changes, flat.size]).tolist()
    assert np.array_equal(fill(Runs(values.shape, tuple(counts)), values.shape), values > 0)
    packed = oracle.frPyObjects({"size": list(values.shape), "counts": counts}, *values.shape)
    assert counts_of(packed["counts"].decode()) == counts


@given(st.text(max_size=40) | st.text(st.characters(min_codepoint=48, max_codepoint=111)))
@example("o" * 100_000)
def test_any_text_is_run_lengths_or_none(text: str) -> None:
    counts = counts_of(text)
    assert counts is None or len(counts) <= len(text)
