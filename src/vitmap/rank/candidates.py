"""Candidates: every map that may show the defect, and what each is to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

RAW, BRIGHTER, EITHER = "raw", "brighter", "either"
KINDS = (RAW, BRIGHTER, EITHER)
MEANINGS = {
    RAW: "raw attention",
    BRIGHTER: "brighter than good",
    EITHER: "unlike good, either way",
}
UNIFORM, CENTRE, DISTANCE = "uniform", "centre prior", "patch distance"
EXTRAS = (UNIFORM, CENTRE, DISTANCE)


@dataclass(frozen=True)
class Candidate:
    """One cell (a layer's head, or a layer's mean over heads) read in one way.

    `head` is None for the mean over the layer's heads. `stored` is its line among the maps that a
    picture's row keeps; `signed` tells that these are deviations, of both signs.
    """

    kind: str  # of KINDS, or of EXTRAS
    layer: int
    head: int | None
    stored: int
    signed: bool = False

    @property
    def cell(self) -> str:
        """`L8 H1`, or `L8 mean`."""
        if self.kind in EXTRAS:
            return self.kind
        return f"L{self.layer} mean" if self.head is None else f"L{self.layer} H{self.head}"


@dataclass(frozen=True)
class Field:
    """All candidates of a model: its layers and heads, with golden pictures or without."""

    depth: int
    heads: int
    golden: bool
    distance: bool  # whether patch features were to be had

    @property
    def cells(self) -> int:
        """Maps a kind: every head and the mean of every layer."""
        return self.depth * (self.heads + 1)

    @property
    def extras(self) -> tuple[str, ...]:
        """The baselines that are maps themselves."""
        return EXTRAS if self.distance else EXTRAS[:2]

    @property
    def stored(self) -> int:
        """Maps that a row keeps: both golden kinds are read from one map of deviations."""
        return self.cells * (1 + self.golden) + len(self.extras)

    def candidates(self) -> list[Candidate]:
        """Raw cells, then golden ones brighter than good, then either way, then the baselines."""
        kinds = KINDS if self.golden else (RAW,)
        found = []
        for kind in kinds:
            first = 0 if kind == RAW else self.cells
            for line in range(self.cells):
                layer, head = divmod(line, self.heads + 1)
                which = None if head == self.heads else head
                found.append(Candidate(kind, layer, which, first + line, kind != RAW))
        first = self.cells * (1 + self.golden)
        return [*found, *(Candidate(e, -1, None, first + i) for i, e in enumerate(self.extras))]
