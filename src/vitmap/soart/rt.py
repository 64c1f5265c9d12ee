"""The distance of Taguchi's RT method, from the two metrics of its unit space."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from vitmap.errors import InputError


def distances(
    unit: Float[np.ndarray, "2 member column"], measured: Float[np.ndarray, "2 row column"]
) -> Float[np.ndarray, "row column"]:
    """How far (Y1, Y2) lies from the unit space's rows, column by column: √(d·C⁻¹·d / 2).

    C is the members' 2 × 2 sample covariance; the division by 2, the number of metrics, makes the
    members' own mean square about 1. Source: Taguchi 2006, JQES 14(2); Huda et al. 2013.

    Raises InputError where fewer than three members, or members all alike, leave no covariance.
    """
    count = unit.shape[1]
    if count < 3:
        raise InputError(
            f"The unit space has {count} pictures, but an RT distance needs at least 3: "
            "give --standard a folder of good pictures."
        )
    found = np.full(measured.shape[1:], np.nan)
    for column in range(unit.shape[2]):
        rows = unit[:, :, column]
        if not np.isfinite(rows).all():
            continue
        covariance = np.cov(rows)
        if not np.linalg.det(covariance) > 1e-12 * np.prod(np.diag(covariance)):
            raise InputError(
                f"The unit space has no covariance in column X{column}: its pictures are alike "
                "there; give pictures that vary as good ones do."
            )
        away = measured[:, :, column] - rows.mean(axis=1, keepdims=True)
        found[:, column] = np.sqrt(np.sum(away * np.linalg.solve(covariance, away), axis=0) / 2)
    return found
