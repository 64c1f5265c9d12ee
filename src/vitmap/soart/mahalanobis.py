"""Mahalanobis distances with a shrunk covariance: to each class, or to the normal pictures alone.

`predict` functions take training rows, their classes and new rows, and give the new rows' classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from vitmap.errors import NotFinite

Rows = Float[np.ndarray, "_ feature"]


def shrunk_covariance(centred: Rows) -> Float[np.ndarray, "feature feature"]:
    """Ledoit and Wolf's covariance of rows whose mean is already taken out.

    It mixes the sample covariance with its mean variance on the diagonal, so that it can be
    inverted with fewer rows than features. Source: Ledoit and Wolf 2004, equation 14.
    """
    count, size = centred.shape
    sample = centred.T @ centred / count
    level = np.trace(sample) / size
    spread = float(((sample - level * np.eye(size)) ** 2).sum())
    squares = centred**2
    noise = float((squares.T @ squares / count - sample**2).sum()) / count
    share = min(1.0, noise / spread) if spread > 0 else 1.0
    return (1 - share) * sample + share * level * np.eye(size)


def nearest_class(train: Rows, classes: Sequence[str], new: Rows) -> list[str]:
    """The class whose mean is nearest, by one covariance that all classes share."""
    train, new = _standardised(train, new)
    names = sorted(set(classes))
    which = np.array([names.index(name) for name in classes])
    means = np.stack([train[which == k].mean(axis=0) for k in range(len(names))])
    covariance = shrunk_covariance(train - means[which])
    away = np.stack([squared(new - mean, covariance) for mean in means])
    return [names[k] for k in away.argmin(axis=0)]


def normal_alone(train: Rows, classes: Sequence[str], new: Rows, normal: str) -> list[str]:
    """`normal`, or `error` for what lies further out than any normal picture from the others.

    It sees no error while it learns: what to use before there are any.
    """
    good = train[[name == normal for name in classes]]
    limit = max(distances(np.delete(good, i, axis=0), good[i : i + 1])[0] for i in range(len(good)))
    return [normal if far <= limit else "error" for far in distances(good, new)]


def distances(good: Rows, new: Rows) -> Float[np.ndarray, " _"]:
    """Squared Mahalanobis distances of new rows from some good ones."""
    good, new = _standardised(good, new)
    mean = good.mean(axis=0)
    return squared(new - mean, shrunk_covariance(good - mean))


def squared(
    away: Float[np.ndarray, "row feature"], covariance: Float[np.ndarray, "feature feature"]
) -> Float[np.ndarray, " row"]:
    """d·C⁻¹·d of every row; a direction without any spread counts for nothing.

    Raises NotFinite where a distance is no number: every comparison with it would be false.
    """
    if not (np.isfinite(away).all() and np.isfinite(covariance).all()):
        raise _not_finite(away)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.einsum("ij,jk,ik->i", away, np.linalg.pinv(covariance, hermitian=True), away)
    if not np.isfinite(found).all():
        raise _not_finite(found)
    return np.asarray(found)


def _not_finite(values: np.ndarray) -> NotFinite:
    rows = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    which = f"row {rows[0] + 1} of {len(values)}" if rows.size else "every row"
    return NotFinite(
        f"The distance of {which} is no finite number, so it is neither normal nor an error: leave "
        "out pictures whose metrics are NaN or infinite."
    )


def _standardised(train: Rows, new: Rows) -> tuple[Rows, Rows]:
    """Both by the training rows' own mean and deviation; constant features stay at 0."""
    mean, sd = train.mean(axis=0), train.std(axis=0)
    sd = np.where(sd > 0, sd, np.inf)
    return (train - mean) / sd, (new - mean) / sd
