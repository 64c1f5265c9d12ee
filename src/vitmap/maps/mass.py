"""The cumulative-mass rule of DINO's visualisation: the fewest patches that hold a given share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from vitmap.errors import UsageError


def check_share(share: float) -> None:
    """Raises UsageError where a threshold is no share."""
    if not 0 < share <= 1:
        raise UsageError(
            f"Threshold {share:g} asked for, but it is a share of the attention mass: "
            "a number above 0 and at most 1, such as 0.6."
        )


def keep_mass(
    values: Float[np.ndarray, "*map gy gx"], share: float
) -> Bool[np.ndarray, "*map gy gx"]:
    """The smallest set of patches, map by map, whose mass reaches `share` of the patches' mass.

    Prefix tokens are no patches: shares are of the patch mass alone. Among equal patches the one
    that comes first in reading order (left to right, top to bottom) is kept first.

    >>> keep_mass(np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32), 0.6)
    array([[False, False],
           [ True,  True]])

    Source: Caron et al. 2021, figure 4 and `visualize_attention.py`; there a map is sorted upwards
    and what lies above `1 - share` of the running sum is kept, which is the same set.

    Raises UsageError where `share` is outside (0, 1].
    """
    check_share(share)
    *lead, gy, gx = values.shape
    flat = values.reshape(-1, gy * gx).astype(np.float64)
    order = np.argsort(-flat, axis=1, kind="stable")  # brightest first, ties in reading order
    upwards = np.take_along_axis(flat, order, axis=1)[:, ::-1].cumsum(axis=1)
    # Left out is the longest run of the dimmest patches that still leaves `share` to the others.
    # The factor absorbs rounding, so that 3 of 5 equal patches reach 0.6; at share 1 it is zero.
    allowed = (1 - share) * (1 + 1e-12) * upwards[:, -1:]
    dropped = (upwards <= allowed).sum(axis=1)
    kept = np.arange(gy * gx) < (gy * gx - dropped)[:, None]
    mask = np.zeros_like(kept)
    np.put_along_axis(mask, order, kept, axis=1)
    return mask.reshape(*lead, gy, gx)
