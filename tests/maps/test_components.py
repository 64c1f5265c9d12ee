"""Connected parts against scipy, and rings that turn into the same pixels again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masks import AWKWARD, MASKS, drawn
from oracles.polygons import filled
from vitmap.maps.components import area_of, label, outline, without_holes


def edges(count: int, data: st.DataObject) -> np.ndarray:
    """Where cells of one to four pixels begin, and where the last one ends."""
    sides = data.draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
    return np.concatenate([[0], np.cumsum(sides)]).astype(np.int64)


def spread(mask: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(mask, np.diff(ys), 0), np.diff(xs), 1)


@given(MASKS)
def test_parts_are_those_of_scipy(mask: np.ndarray) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    expected, _ = ndimage.label(mask, np.ones((3, 3)))
    assert (label(mask) == expected).all()


@given(MASKS, st.integers(0, 5), st.data())
def test_parts_within_a_distance_are_one(
    mask: np.ndarray, distance: int, data: st.DataObject
) -> None:
    """Two pixels with at most `distance` between them, by the definition, pair by pair."""
    ys, xs = edges(mask.shape[0], data), edges(mask.shape[1], data)
    found = spread(label(mask, ys, xs, distance), ys, xs)
    places = np.argwhere(spread(mask, ys, xs))
    near = np.abs(places[:, None] - places[None]).max(axis=2) <= distance + 1
    reached = near
    while (further := (reached.astype(int) @ reached) > 0).sum() > reached.sum():
        reached = further
    numbers = found[tuple(places.T)]
    assert ((numbers[:, None] == numbers[None]) == reached).all()
    assert (found > 0).sum() == len(places)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_masks_survive_their_outlines(name: str) -> None:
    assert_outlined(AWKWARD[name], *(np.arange(n + 1) for n in AWKWARD[name].shape))


@given(MASKS, st.data())
def test_rings_are_simple_and_fill_the_mask(mask: np.ndarray, data: st.DataObject) -> None:
    assert_outlined(mask, edges(mask.shape[0], data), edges(mask.shape[1], data))


def assert_outlined(mask: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> None:
    pixels = spread(mask, ys, xs)
    rings = outline(mask, ys, xs)
    assert sum(area_of(ring) for ring in rings) == pixels.sum()
    assert (sum(filled(ring, pixels.shape) for ring in rings) % 2 == pixels).all()
    pieces = without_holes(mask, ys, xs)
    for ring in [*rings, *pieces]:
        assert len(set(ring)) == len(ring) >= 4, "no ring touches itself"
        steps = [(x0 == x1) + (y0 == y1) for (x0, y0), (x1, y1) in pairwise(ring)]
        assert set(steps) == {1}, "sides run along the pixels' edges"
    # Pieces neither overlap nor leave anything out, though none has a hole.
    assert (sum((filled(ring, pixels.shape) for ring in pieces), 0 * pixels) == pixels).all()
    assert all(area_of(ring) > 0 for ring in pieces)


def test_the_hole_of_a_ring_runs_the_other_way() -> None:
    ring = drawn("###", "#.#", "###")
    outer, hole = sorted(outline(ring, np.arange(4), np.arange(4)), key=area_of, reverse=True)
    assert outer == ((0, 0), (3, 0), (3, 3), (0, 3))
    assert sorted(hole) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert (area_of(outer), area_of(hole)) == (9, -1)
