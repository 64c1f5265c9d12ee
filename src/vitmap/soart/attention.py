"""Attention: what both modes share: who is Q, K and V, the result, and the checks before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float, Int

from vitmap.errors import InputError, UsageError
from vitmap.registry import suggest
from vitmap.soart.features import features_of
from vitmap.soart.tables import NAMES, Tables

METRICS = ("Y1", "Y2", "Y3")
SEED = "Y3,Y1,Y2"  # W_Q from Y3 (gamma), W_K from Y1 (beta), W_V from Y2 (eta)
ASSIGNMENTS = tuple(",".join(order) for order in permutations(METRICS))
MODES = ("exact", "safe")


@dataclass(frozen=True, eq=False)
class Attention:
    """The result for Y1, Y2 and Y3: for each measured row one number a member.

    `weights` has a line a measured row; its tokens are the measured rows in exact mode and the
    members in safe mode. `temperatures` are 1 in exact mode, which has none.
    """

    mode: str
    assignment: str
    att: Float[np.ndarray, "3 row member"]
    adjusted: Float[np.ndarray, "3 row member"]
    weights: Float[np.ndarray, "3 row token"]
    temperatures: tuple[float, float, float]
    remarks: tuple[str, ...]

    @property
    def features(self) -> Float[np.ndarray, "row 6"]:
        """Greatest and smallest adjusted value of Y1, then Y2, then Y3."""
        return features_of(self.adjusted)[0]

    @property
    def positions(self) -> Int[np.ndarray, "row 6"]:
        """Which member (from 0) each feature is at; -1 where there is none."""
        return features_of(self.adjusted)[1]


def attend(learn: Tables, valid: Tables, mode: str = "safe", assignment: str = SEED) -> Attention:
    """One attention step: the members' tables are the weights, the measured rows the words.

    `exact` is the original program's arithmetic with its roundings, `safe` the form without its
    faults (see `exact.py` and `safe.py`).

    Raises UsageError for an unknown mode or assignment and for tables that do not belong
    together, InputError for numbers that the step cannot be taken with.
    """
    if mode not in MODES:
        raise suggest("mode", mode, MODES)
    order = order_of(assignment)
    check(learn, valid)
    from vitmap.soart import exact, safe

    step = exact.attend if mode == "exact" else safe.attend
    return step(learn.values, valid.values, order)


def order_of(assignment: str) -> tuple[int, int, int]:
    """Which metric is Q, K and V, as indices.

    >>> order_of("Y3,Y1,Y2")
    (2, 0, 1)
    """
    if assignment not in ASSIGNMENTS:
        raise suggest("assignment", assignment, ASSIGNMENTS)
    q, k, v = (METRICS.index(name) for name in assignment.split(","))
    return q, k, v


def check(learn: Tables, valid: Tables) -> None:
    """Raises UsageError for tables that do not belong together, InputError for missing numbers."""
    for tables in (learn, valid):
        if len(tables.values) != 3:
            raise UsageError(
                "These tables have no Y3 (variant rt), which attention needs: "
                "make them with --variant mean-l2 or sum-chebyshev."
            )
    if learn.values.shape[2] != valid.values.shape[2]:
        raise UsageError(
            f"The learn tables have {learn.values.shape[2]} columns, the valid tables "
            f"{valid.values.shape[2]}: both must come from the same settings."
        )
    for role, tables in (("learn", learn), ("valid", valid)):
        if not tables.values.shape[1]:
            raise InputError(f"The {role} tables have no rows: nothing can be compared.")
        bad = np.argwhere(~np.isfinite(tables.values))
        if len(bad):
            metric, row, column = bad[0]
            raise InputError(
                f"{role}_{NAMES[metric]}: row {tables.rows[row].number}, X{column} is no number: "
                "leave the row out or measure it anew."
            )


def softmax(scores: Float[np.ndarray, "*row token"]) -> Float[np.ndarray, "*row token"]:
    """Shares that sum to 1 along the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def named_columns(found: Sequence[int], count: int) -> str:
    """Some of so many columns in words: the first few by their numbers, or how many.

    >>> named_columns([0, 3], 9), named_columns([0, 1, 2, 3, 4], 9)
    ('columns 0, 3', '5 of 9 columns')
    """
    if len(found) > 4:
        return f"{len(found)} of {count} columns"
    return f"column{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"


def constant_columns(values: Float[np.ndarray, "row member"]) -> Sequence[int]:
    """The columns without any range."""
    return [int(column) for column in np.flatnonzero(np.ptp(values, axis=0) == 0)]
