"""Features: the greatest and the smallest adjusted attention of each metric, and where they are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

NAMES = ("Y1max", "Y1min", "Y2max", "Y2min", "Y3max", "Y3min")


def features_of(
    adjusted: Float[np.ndarray, "3 row member"],
) -> tuple[Float[np.ndarray, "row 6"], Int[np.ndarray, "row 6"]]:
    """Values and members (from 0, the first of equals); columns of NaN are passed over.

    >>> values, members = features_of(np.array([[[0.2, -0.3]], [[0.1, 0.1]], [[0.0, 0.4]]]))
    >>> members
    array([[0, 1, 0, 0, 1, 0]])
    """
    none = np.isnan(adjusted).all(axis=2)
    low = np.where(np.isnan(adjusted), np.inf, adjusted)
    high = np.where(np.isnan(adjusted), -np.inf, adjusted)
    values, members = [], []
    for metric in range(3):
        for table, pick in ((high[metric], np.argmax), (low[metric], np.argmin)):
            member = pick(table, axis=1)
            value = np.take_along_axis(table, member[:, None], axis=1)[:, 0]
            values.append(np.where(none[metric], np.nan, value))
            members.append(np.where(none[metric], -1, member))
    return np.stack(values, axis=1), np.stack(members, axis=1)
