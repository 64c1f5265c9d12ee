"""Finite: a score that is no number is neither good nor defective."""

from __future__ import annotations

import numpy as np

from vitmap.errors import NotFinite


def require_finite(values: float | np.ndarray, picture: str, what: str) -> None:
    """Raises NotFinite where a number of a picture is NaN or infinite.

    `picture` begins the sentence; `what` is the number, with the map that it is of: `the score of
    L8 H1`.
    """
    wrong = np.atleast_1d(values)[~np.isfinite(np.atleast_1d(values))]
    if wrong.size:
        raise NotFinite(
            f"{picture}: {what} is {wrong.flat[0]}, expected a finite number: the picture is "
            "neither good nor defective. Use --precision fp32, or make the recipe anew."
        )
