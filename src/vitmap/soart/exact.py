"""Exact mode: the original program's attention step, with its roundings and its faults.

The faults are reported and not mended: every table is divided by its own mean, which may be near
zero or negative; keys and values come from the measured rows, so one row's result depends on what
else is measured with it.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
from jaxtyping import Float

from vitmap.errors import InputError
from vitmap.soart.attention import METRICS, Attention, constant_columns, named_columns, softmax
from vitmap.soart.tables import NAMES

_SMALL = 0.05  # a mean below this share of the table's largest value makes N() large and erratic

_BATCH = (
    "Exact mode: a row's result depends on what else is measured with it, as keys and values come "
    "from the measured rows."
)


def attend(
    learn: Float[np.ndarray, "3 member column"],
    valid: Float[np.ndarray, "3 row column"],
    order: tuple[int, int, int],
) -> Attention:
    """Q, K and V from `words @ W`, softmax over the measured rows, rounded to 5 and 4 decimals."""
    members = scaled(learn, "learn")
    words = scaled(valid, "valid")
    root = np.sqrt(learn.shape[1])
    att, adjusted, weights = [], [], []
    remarks = [*_means(learn, "learn"), *_means(valid, "valid"), *_apart(learn, valid), _BATCH]
    for metric, word in enumerate(words):
        q, k, v = (word @ members[which].T for which in order)
        weight = softmax(q @ k.T / root)
        found = np.round(weight @ v, 5)
        span = np.ptp(found, axis=0)
        flat = constant_columns(found)
        if flat:
            remarks.append(
                f"{METRICS[metric]}: attention is the same for every row in "
                f"{named_columns(flat, found.shape[1])}, so its range is 0 and the adjusted "
                "values there do not exist (NaN)."
            )
        away = found - found.mean(axis=0)
        adjusted.append(np.round(away / np.where(span == 0, np.nan, span), 4))
        att.append(found)
        weights.append(weight)
    return Attention(
        "exact",
        ",".join(METRICS[which] for which in order),
        np.stack(att),
        np.stack(adjusted),
        np.stack(weights),
        (1.0, 1.0, 1.0),
        tuple(remarks),
    )


def scaled(
    tables: Float[np.ndarray, "3 row column"], role: str
) -> Float[np.ndarray, "3 row column"]:
    """N(M) = M / mean(M), each table by its own mean.

    Raises InputError where a mean is zero.
    """
    means = tables.mean(axis=(1, 2), keepdims=True)
    for name, mean, table in zip(NAMES, means.ravel(), tables, strict=True):
        if abs(mean) <= 1e-12 * np.abs(table).max(initial=0):
            raise InputError(
                f"{role}_{name}: the mean of the table is 0, and exact mode divides by it: "
                "use --mode safe, which does not."
            )
    return tables / means


def _apart(
    learn: Float[np.ndarray, "3 member column"], valid: Float[np.ndarray, "3 row column"]
) -> list[str]:
    """That the two sides are divided by different numbers, and by which."""
    means = zip(NAMES, learn.mean(axis=(1, 2)), valid.mean(axis=(1, 2)), strict=True)
    apart = [f"{name} {a:+.3g} and {b:+.3g}" for name, a, b in means if not np.isclose(a, b, 1e-3)]
    if not apart:
        return []
    return [f"Learn and valid are scaled by different means: {', '.join(apart)}."]


def _means(tables: Float[np.ndarray, "3 row column"], role: str) -> chain[str]:
    """What is wrong with dividing by these means."""
    means = tables.mean(axis=(1, 2))
    most = np.abs(tables).max(axis=(1, 2))
    negative = (
        f"{role}_{name}: the mean is {mean:.4g}, so N() turns every sign of this table."
        for name, mean in zip(NAMES, means, strict=True)
        if mean < 0
    )
    small = (
        f"{role}_{name}: the mean is only {mean:.2g}, so N() makes values as large as "
        f"{top / abs(mean):.0f}."
        for name, mean, top in zip(NAMES, means, most, strict=True)
        if abs(mean) < _SMALL * top
    )
    return chain(negative, small)
