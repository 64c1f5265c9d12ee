"""Coverage: a mask in the photo's pixels as whole pixels a patch; however small, none is lost."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int64

from vitmap.maps.components import label
from vitmap.photo.view import View
from vitmap.rank.row import Truth


def truth_of(mask: Bool[np.ndarray, "y x"], view: View) -> Truth:
    """How many pixels, defect pixels, and pixels of each connected defect a patch covers.

    Each pixel belongs to the patch that covers its centre, so that a metric over these counts is
    the metric over the pixels of a map upsampled by nearest. Defects connect over corners too.
    """
    rows, columns = view.owners()
    gy, gx = view.grid
    high, wide = np.bincount(rows, minlength=gy), np.bincount(columns, minlength=gx)
    total = np.outer(high, wide).ravel().astype(np.int64)
    if not mask.any():
        return Truth(total, np.zeros_like(total), np.empty((0, 3), dtype=np.int64))
    y, x = np.nonzero(mask)
    patches = rows[y] * gx + columns[x]
    defect = np.bincount(patches, minlength=gy * gx).astype(np.int64)
    return Truth(total, defect, _regions(label(mask)[y, x], patches))


def _regions(
    numbers: Int64[np.ndarray, " pixel"], patches: Int64[np.ndarray, " pixel"]
) -> Int64[np.ndarray, "entry 3"]:
    pairs, counts = np.unique(np.stack([numbers, patches], axis=1), axis=0, return_counts=True)
    return np.concatenate([pairs, counts[:, None]], axis=1).astype(np.int64)
