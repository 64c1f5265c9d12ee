"""Candidates: every map that may show the defect, and what each is to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

from vitmap.maps.keys import MapKey

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
    """All candidates: the maps that a method's plan names, with golden pictures or without.

    The plan names every layer's heads, then their mean (see `head_keys`).
    """

    keys: tuple[MapKey, ...]
    golden: bool
    distance: bool  # whether patch features were to be had

    @property
    def cells(self) -> int:
        """Maps a kind."""
        return len(self.keys)

    @property
    def depth(self) -> int:
        """Layers."""
        return len({key.layer for key in self.keys})

    @property
    def heads(self) -> int:
        """Heads of a layer; one more map is their mean."""
        return self.cells // self.depth - 1

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
            for line, key in enumerate(self.keys):
                mean = line % (self.heads + 1) == self.heads
                head = None if mean else key.heads[0]
                found.append(Candidate(kind, key.layer, head, first + line, kind != RAW))
        first = self.cells * (1 + self.golden)
        return [*found, *(Candidate(e, -1, None, first + i) for i, e in enumerate(self.extras))]
