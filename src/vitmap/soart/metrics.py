"""Two vectors → the metrics Y1 (sensitivity), Y2 (distance) and Y3 (local concentration)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

EPS = 1e-4  # the original program's; it keeps the slope of dark areas finite

Metrics = Float[np.ndarray, "metric *row column"]


def measure(
    x: Float[np.ndarray, "column element"],
    y: Float[np.ndarray, "*row column element"],
    variant: str = "mean-l2",
) -> Metrics:
    """The metrics of measured vectors against the standard's, column by column.

    `mean-l2` and `sum-chebyshev` give Y1, Y2 and Y3, `rt` gives Y1 and Y2. NaN stands where there
    is no number: a slope that is not positive, or an area that is blank in x or y, whose logarithm
    would look like one.

    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> measure(x, 2 * x).round(3).ravel() + 0.0
    array([0.693, 0.   , 0.   ])
    """
    return _VARIANTS[variant](x, y)


def blank(values: Float[np.ndarray, "*row element"]) -> Bool[np.ndarray, " *row"]:
    """Whether a vector holds nothing but zeros."""
    return np.logical_not(values.any(axis=-1))


def _residual(
    x: np.ndarray, y: np.ndarray
) -> tuple[Float[np.ndarray, "*row column"], Float[np.ndarray, "*row column element"]]:
    """ln beta0 and |y - beta0·x|, with NaN where there is no logarithm."""
    slope = (np.einsum("...e,...e", x, y) + EPS) / (np.einsum("...e,...e", x, x) + EPS)
    slope = np.where((slope > 0) & ~blank(x) & ~blank(y), slope, np.nan)
    return np.log(slope), np.abs(y - slope[..., None] * x)


def _mean_l2(x: np.ndarray, y: np.ndarray) -> Metrics:
    y1, rest = _residual(x, y)
    count = rest.shape[-1]
    y2 = np.log(rest.sum(axis=-1) / count + 1)
    y3 = np.log(np.einsum("...e,...e", rest, rest) / count + 1) / 2 - y2
    return np.stack([y1, y2, y3])


def _sum_chebyshev(x: np.ndarray, y: np.ndarray) -> Metrics:
    y1, rest = _residual(x, y)
    y2 = np.log(rest.sum(axis=-1) + 1)
    return np.stack([y1, y2, np.log(rest.max(axis=-1) + 1) - y2])


def _rt(x: np.ndarray, y: np.ndarray) -> Metrics:
    """Taguchi 2006 (JQES 14(2)): beta = L/r and √Ve, without logarithms."""
    r = np.einsum("...e,...e", x, x)
    r = np.where(r > 0, r, np.nan)
    length = np.einsum("...e,...e", x, y)
    rest = np.maximum(np.einsum("...e,...e", y, y) - length**2 / r, 0)  # below 0 by rounding only
    return np.stack([length / r, np.sqrt(rest / (y.shape[-1] - 1))])


_VARIANTS: dict[str, Callable[[np.ndarray, np.ndarray], Metrics]] = {
    "mean-l2": _mean_l2,
    "sum-chebyshev": _sum_chebyshev,
    "rt": _rt,
}
