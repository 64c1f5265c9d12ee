"""Safe mode: attention whose keys, values and scales come from the members alone.

A row's result is therefore the same alone and in any batch. The temperature is stated: it is the
one at which the members, each measured against the others, spread their attention over half of
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from vitmap.errors import InputError
from vitmap.soart.attention import METRICS, Attention, named_columns, softmax
from vitmap.soart.diagnosis import perplexity
from vitmap.soart.tables import NAMES

FLOOR = 1e-3  # of the table's standard deviation: no column is scaled up by more than this
_FEWEST = 4  # members: of two that stay when one is left out, every scaled value is the same
_NOTHING = 1e-6  # of the largest content: a range below it is rounding


@dataclass(frozen=True, eq=False)
class Scaling:
    """Z(M) = (M - mean) / sd with a mean and sample standard deviation a column, of the members."""

    mean: Float[np.ndarray, "3 1 column"]
    sd: Float[np.ndarray, "3 1 column"]

    @classmethod
    def of(cls, learn: Float[np.ndarray, "3 member column"]) -> Scaling:
        """The members' own statistics (n - 1 in the denominator), the deviation floored."""
        floor = FLOOR * learn.std(axis=(1, 2), ddof=1, keepdims=True)
        sd = np.maximum(learn.std(axis=1, ddof=1, keepdims=True), floor)
        return cls(learn.mean(axis=1, keepdims=True), np.where(sd > 0, sd, 1.0))

    def __call__(self, tables: Float[np.ndarray, "3 row column"]) -> np.ndarray:
        return (tables - self.mean) / self.sd


@dataclass(frozen=True, eq=False)
class Judges:
    """The members as keys and values: scores of a measured row, then its attention."""

    scaling: Scaling
    queries: Float[np.ndarray, "column member"]  # W_Q
    keys: Float[np.ndarray, "3 member token"]  # K transposed, of each input metric
    content: Float[np.ndarray, "3 token member"]  # V

    @classmethod
    def of(cls, learn: Float[np.ndarray, "3 member column"], order: tuple[int, int, int]) -> Judges:
        """W_Q, W_K and W_V are the members' scaled tables, transposed."""
        scaling = Scaling.of(learn)
        z = scaling(learn)
        w_q, w_k, w_v = (z[which].T for which in order)
        return cls(scaling, w_q, np.swapaxes(z @ w_k, 1, 2), z @ w_v)

    def scores(self, valid: Float[np.ndarray, "3 row column"]) -> np.ndarray:
        """Q·Kᵀ/√m, before the temperature: [3 row token]."""
        return self.scaling(valid) @ self.queries @ self.keys / np.sqrt(self.keys.shape[1])


def attend(
    learn: Float[np.ndarray, "3 member column"],
    valid: Float[np.ndarray, "3 row column"],
    order: tuple[int, int, int],
) -> Attention:
    """Attention of every measured row over the members, centred and scaled by the members' own.

    Raises InputError for fewer than four members, or a table of members that is all one value.
    """
    count = learn.shape[1]
    # By powers of two, which change no digit: squares of very large or small numbers stay finite.
    power = -np.frexp(np.abs(learn).max(axis=(1, 2), keepdims=True, initial=0))[1]
    learn = np.ldexp(learn, power)
    _check(learn, power)
    left_out = [np.delete(np.arange(count), i) for i in range(count)]
    judges = [Judges.of(learn[:, kept], order) for kept in left_out]
    own_scores = np.concatenate(
        [judge.scores(learn[:, [i]]) for i, judge in enumerate(judges)], axis=1
    )
    taus, remarks = [], []
    for metric in range(3):
        tau, reached = temperature(own_scores[metric], count / 2)
        taus.append(tau)
        if not reached:
            remarks.append(
                f"{METRICS[metric]}: no temperature spreads the members' attention over half of "
                f"them; {tau:.3g} is the nearest."
            )
    divisor = np.array(taus)[:, None, None]
    own = np.full((3, count, count), np.nan)  # each member's attention over the others
    for i, (kept, judge) in enumerate(zip(left_out, judges, strict=True)):
        own[:, i, kept] = (softmax(own_scores[:, [i]] / divisor) @ judge.content)[:, 0]
    everyone = Judges.of(learn, order)
    with np.errstate(over="ignore", invalid="ignore"):
        scores = everyone.scores(np.ldexp(valid, power)) / divisor
    if not np.isfinite(scores).all():
        raise InputError(
            "The valid tables hold numbers that are out of all proportion to the learn tables': "
            "were both made alike?"
        )
    weights = softmax(scores)
    att = weights @ everyone.content
    centre, span = np.nanmean(own, axis=1), np.nanmax(own, axis=1) - np.nanmin(own, axis=1)
    most = np.abs(everyone.content).max(axis=(1, 2))[:, None]
    span = np.where(span > _NOTHING * most, span, 0.0)
    for name, spans in zip(METRICS, span, strict=True):
        if agreed := [int(column) for column in np.flatnonzero(spans == 0)]:
            remarks.append(
                f"{name}: the members agree in {named_columns(agreed, count)}, so the range there "
                "is 0 and the adjusted values are set to 0."
            )
    away = att - centre[:, None]
    adjusted = np.where(span[:, None] == 0, 0.0, away / np.where(span == 0, 1, span)[:, None])
    return Attention(
        "safe",
        ",".join(METRICS[which] for which in order),
        att,
        adjusted,
        weights,
        (taus[0], taus[1], taus[2]),
        tuple(remarks),
    )


def temperature(scores: Float[np.ndarray, "row token"], target: float) -> tuple[float, bool]:
    """The tau at which the rows' median perplexity is `target`, and whether there is one.

    Perplexity grows with tau, row by row, from 1 to the number of tokens: halving finds it.
    """
    largest = float(np.ptp(scores, axis=1).max()) or 1.0
    low, high = np.log(largest) - 14.0, np.log(largest) + 14.0

    def median(log_tau: float) -> float:
        return float(np.median(perplexity(softmax(scores / np.exp(log_tau)))))

    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if median(middle) < target else (low, middle)
    tau = (low + high) / 2
    return float(np.exp(tau)), abs(median(tau) - target) < 1e-3 * target


def _check(learn: Float[np.ndarray, "3 member column"], power: np.ndarray) -> None:
    count = learn.shape[1]
    if count < _FEWEST:
        raise InputError(
            f"{count} member{'s' if count != 1 else ''} given, but safe mode measures each against "
            f"the others: give at least {_FEWEST} learn rows, or use --mode exact."
        )
    for name, table, shift in zip(NAMES, learn, power, strict=True):
        if np.ptp(table) == 0:
            value = np.ldexp(table.flat[0], -shift.flat[0])
            raise InputError(
                f"learn_{name}: every value is {value:g}, so there is no spread to measure "
                "by: give members that differ as good ones do, or use --mode exact."
            )
