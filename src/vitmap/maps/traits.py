"""Traits: what one picture's maps are like, cell by cell, without any label.

A cell is a head, or the map averaged over a layer's heads, in the order of `stack.cells_of`. All
but the mass on prefix tokens look at the patches alone, whose mass is brought to 1. A trait is NaN
where it means nothing: no mass on patches, a map without any contrast, a grid that is all border.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.stack import cells_of, logs
from vitmap.photo.view import View

_FLAT = 1e-6  # a map whose log varies less is flat: what is left is rounding

Shares = Float[np.ndarray, "cell gy gx"]
PerCell = Float[np.ndarray, " cell"]


def shares_of(maps: AttentionMaps) -> Shares:
    """Every cell's patches as shares of the mass on patches."""
    cells = cells_of(maps).astype(np.float64)
    mass = cells.sum(axis=(1, 2), keepdims=True)
    return np.divide(cells, mass, out=np.full_like(cells, np.nan), where=mass > 0)


def entropy(shares: Shares) -> PerCell:
    """Bits: 0 where one patch has all, log2(patches) where all have the same.

    Source: Shannon 1948; of heads, Clark et al. 2019, *What Does BERT Look At?*.
    """
    parts = np.where(shares > 0, shares, 1)
    return np.maximum(-(shares * np.log2(parts)).sum(axis=(1, 2)), 0)


def entropy_share(shares: Shares) -> PerCell:
    """Entropy over its highest value, log2(patches): 0 to 1, the same for grids of any size."""
    patches = shares[0].size
    return entropy(shares) / np.log2(patches) if patches > 1 else np.full(len(shares), np.nan)


def distance(shares: Shares, view: View) -> PerCell:
    """Mean distance of attended patches from their own centre of mass, in diagonals of the photo.

    0 (one patch) to 0.5 (half in either of two opposite corners); patches lie where they do in the
    photo, so that its shape counts. A CLS token or a mean over patches has no place to measure
    from: this is not the distance from query to key of Dosovitskiy et al. 2021 (*An Image is Worth
    16x16 Words*, figure 7).
    """
    (height, width), (gy, gx) = view.source, view.grid
    diagonal = float(np.hypot(height, width))
    y = ((np.arange(gy) + 0.5) * height / gy / diagonal)[:, None]
    x = (np.arange(gx) + 0.5) * width / gx / diagonal
    middle_y = (shares * y).sum(axis=(1, 2))[:, None, None]
    middle_x = (shares * x).sum(axis=(1, 2))[:, None, None]
    return (shares * np.hypot(y - middle_y, x - middle_x)).sum(axis=(1, 2))


def brightest(shares: Shares) -> PerCell:
    """The brightest patch's share: 1/patches where all are alike, to 1 where it has all (a sink).

    Source: Darcet et al. 2024, *Vision Transformers Need Registers*.
    """
    return shares.max(axis=(1, 2))


def border(shares: Shares) -> PerCell:
    """Mass on the outermost ring of patches, over what uniform attention puts there.

    0 (none of it), 1 (no preference), to patches ÷ ring (all of it). That the border is mostly
    background holds for many photos (Wei et al. 2012, *Geodesic Saliency Using Background Priors*)
    and for a part that fills its picture it does not: this says where, not what.
    """
    ring = _ring(shares.shape[1], shares.shape[2])
    if ring.all():
        return np.full(len(shares), np.nan)
    return shares[:, ring].sum(axis=1) / ring.mean()


def prefix_mass(maps: AttentionMaps) -> PerCell:
    """Share of all attention on CLS, registers and the like: 0 to 1; NaN where there are none."""
    prefix = maps.prefix.astype(np.float64).sum(axis=2)
    both = np.concatenate([prefix, prefix.mean(axis=1, keepdims=True)], axis=1).ravel()
    return both if maps.prefix.shape[2] else np.full_like(both, np.nan)


def stability(maps: AttentionMaps, mirrored: AttentionMaps) -> PerCell:
    """Correlation of a photo's maps with those of its mirror image, mirrored back: -1 to 1.

    1: the same parts are attended to on whichever side they lie. So are they by a head that looks
    at the middle of any picture: see sameness. Pearson's correlation of log attention (see
    `pattern`): of attention itself one sink would decide it, and in ranks (Spearman) the order of
    patches that get next to nothing weighs as much as that of the bright ones.
    """
    return correlation(pattern(maps), pattern(mirrored, back=True))


def pattern(maps: AttentionMaps, *, back: bool = False) -> Float32[np.ndarray, "cell patch"]:
    """Log attention, floored at 0.01 of uniform, centred and of length 1; `back` mirrors it.

    The products of two patterns sum to their correlation. Maps without contrast are NaN.
    """
    found = logs(cells_of(maps))[:, :, :: -1 if back else 1].astype(np.float64)
    flat = found.reshape(len(found), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    contrast = length > _FLAT * flat.shape[1] ** 0.5
    unit = np.divide(flat, length, out=np.full_like(flat, np.nan), where=contrast)
    return unit.astype(np.float32)


def correlation(
    one: Float[np.ndarray, "cell patch"], other: Float[np.ndarray, "cell patch"]
) -> PerCell:
    """Of two patterns, cell by cell."""
    return np.clip((one.astype(np.float64) * other).sum(axis=1), -1, 1)


def _ring(gy: int, gx: int) -> Bool[np.ndarray, "gy gx"]:
    ring = np.ones((gy, gx), dtype=bool)
    ring[1:-1, 1:-1] = False
    return ring
