"""The cumulative-mass rule, against an independent copy of the original's sort and cumsum."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oracles.original import original_mask
from vitmap import keep_mass
from vitmap.errors import UsageError

SHARES = [0.05, 0.3, 0.5, 0.6, 0.9, 0.99, 1.0]


def softmax_maps(seed: int, sharpness: float) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(6, 9, 13)) * sharpness
    weights = np.exp(logits)
    return (weights / weights.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("sharpness", [0.1, 1.0, 4.0])
def test_the_same_set_as_the_original(sharpness: float, share: float) -> None:
    maps = softmax_maps(7, sharpness)
    expected = original_mask(torch.from_numpy(maps).double(), share).numpy()
    np.testing.assert_array_equal(keep_mass(maps, share), expected)


ONE_HOT = np.zeros((1, 4, 5), np.float32)
ONE_HOT[0, 2, 3] = 0.9
TIED = np.array([[[0.3, 0.1, 0.1], [0.1, 0.1, 0.3]]], np.float32)
CONSTANT = np.full((1, 5, 5), 1 / 25, np.float32)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", ["one-hot", "tied", "constant"])
def test_under_ties_the_same_count_and_mass(name: str, share: float) -> None:
    maps = {"one-hot": ONE_HOT, "tied": TIED, "constant": CONSTANT}[name]
    mask = keep_mass(maps, share)
    expected = original_mask(torch.from_numpy(maps).double(), share).numpy()
    assert mask.sum() == expected.sum()
    assert maps[mask].sum() == pytest.approx(maps[expected].sum())


@given(
    arrays(np.float32, (2, 4, 6), elements=st.floats(0, 1, width=32)).filter(
        lambda maps: bool((maps.sum(axis=(1, 2)) > 1e-3).all())
    ),
    st.floats(0.01, 1),
)
def test_smallest_set_that_reaches_the_share(maps: np.ndarray, share: float) -> None:
    for values, mask in zip(maps.astype(np.float64), keep_mass(maps, share), strict=True):
        kept = values[mask]
        assert kept.sum() >= share * values.sum() * (1 - 1e-9)
        assert kept.sum() - kept.min() < share * values.sum() * (1 + 1e-9)
        assert kept.min() >= values[~mask].max(initial=0)


@pytest.mark.parametrize(
    ("share", "kept"),
    [(0.2, [0]), (0.4, [0, 1]), (0.6, [0, 1, 2]), (0.8, [0, 1, 2, 3]), (1.0, [0, 1, 2, 3, 4])],
)
def test_equal_patches_are_kept_in_reading_order(share: float, kept: list[int]) -> None:
    mask = keep_mass(np.full((1, 5), 0.2, np.float32), share)
    assert np.flatnonzero(mask).tolist() == kept


def test_prefix_mass_does_not_count() -> None:
    maps = softmax_maps(3, 2.0)
    np.testing.assert_array_equal(keep_mass(maps, 0.6), keep_mass(maps * np.float32(0.125), 0.6))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_a_share_that_cannot_be(share: float) -> None:
    with pytest.raises(UsageError, match=r"above 0 and at most 1, such as 0\.6"):
        keep_mass(CONSTANT, share)
