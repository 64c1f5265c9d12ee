"""Query: whose attention a map shows, as a user names it and as the tokens that ask."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.photo.view import View
from vitmap.registry import suggest

KINDS = ("cls", "distillation", "register", "pool", "mean", "patch")
_FORMS = "cls, distillation, register:0, pool, mean, patch:X,Y or patch:X,Y+X,Y"


@dataclass(frozen=True)
class Query:
    """Whose attention it is: the token that asks.

    `pool` is the learned query of an attention-pooling head (SigLIP), which asks once, after the
    last layer. `mean` is the mean over the rows of all patches; `patch` the row of the patch under
    a point of the photo, or the mean over the patches under several.

    >>> str(Query.parse("patch:120,80"))
    'patch at 120, 80 px'
    >>> str(Query.parse("register:2"))
    'register 2'
    """

    kind: str = "cls"  # one of KINDS
    index: int = 0  # which register
    points: tuple[tuple[float, float], ...] = ()  # (x, y) in the photo's pixels

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise suggest("query", self.kind, KINDS)

    @classmethod
    def parse(cls, text: str) -> Query:
        """A query from its written form.

        Raises UsageError for text that is none.
        """
        kind, colon, detail = text.strip().partition(":")
        kind = kind.lower()
        if kind == "patch":
            return cls("patch", points=tuple(_point(text, point) for point in detail.split("+")))
        if kind == "register" and re.fullmatch(r"\d+", detail if colon else "0"):
            return cls("register", index=int(detail or 0))
        if colon:
            raise UsageError(f"Query {text!r} is not known: expected {_FORMS}.")
        return cls(kind)

    @classmethod
    def patch(cls, *points: tuple[float, float]) -> Query:
        """The patch under a point (x, y) of the photo, or the mean over those under several."""
        return cls("patch", points=tuple((float(x), float(y)) for x, y in points))

    def tokens(self, prefix: Sequence[str], view: View) -> list[int]:
        """The tokens that ask, by their place in the sequence; more than one: the mean is meant.

        Raises UsageError for a token that the model does not have, or a point outside the photo.
        """
        (gy, gx), first = view.grid, len(prefix)
        if self.kind == "mean":
            return list(range(first, first + gy * gx))
        if self.kind == "patch":
            places = dict.fromkeys(view.patch_at(x, y) for x, y in self.points)
            if not places:
                raise UsageError("Query 'patch' names no point: expected patch:X,Y.")
            return [first + row * gx + column for row, column in places]
        name = {"cls": "CLS", "register": f"register {self.index}"}.get(self.kind, self.kind)
        if name not in prefix:
            has = f"its prefix tokens are {', '.join(prefix)}" if prefix else "it has none"
            raise UsageError(
                f"Query {self} asked for, but the model has no such token ({has}): "
                f"choose one of them, mean, or patch:X,Y."
            )
        return [prefix.index(name)]

    @property
    def text(self) -> str:
        """What `parse` takes to make this query.

        >>> Query.parse("register:2").text
        'register:2'
        """
        if self.kind == "patch":
            return "patch:" + "+".join(f"{x:.17g},{y:.17g}" for x, y in self.points)
        return f"register:{self.index}" if self.kind == "register" else self.kind

    def __str__(self) -> str:
        if self.kind == "patch":
            points = "; ".join(f"{x:g}, {y:g}" for x, y in self.points)
            return f"{'patch' if len(self.points) == 1 else 'mean over the patches'} at {points} px"
        return {
            "cls": "CLS token",
            "distillation": "distillation token",
            "register": f"register {self.index}",
            "pool": "pooling query",
            "mean": "mean over patches",
        }[self.kind]

    @property
    def spoken(self) -> str:
        """As a sentence names it: `the CLS token`, but `register 0`."""
        return str(self) if self.kind == "register" else f"the {self}"


def _point(text: str, point: str) -> tuple[float, float]:
    try:
        x, y = (float(number) for number in point.split(","))
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"Query {text!r}: {point!r} is no point: expected X,Y in the photo's pixels, "
            "such as patch:120,80."
        ) from None
    return x, y
