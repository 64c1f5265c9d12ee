"""Reading: how the maps of a picture become one heat, and what that heat says of the picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from vitmap.inspection.finding import DEFECT, GOOD, UNJUDGED
from vitmap.maps.keys import MapKey
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.query import Query
from vitmap.maps.regions import Cut
from vitmap.photo.read import Photo
from vitmap.rank.finite import require_finite

Heat = Float32[np.ndarray, "gy gx"]


@dataclass(frozen=True)
class Terms:
    """What a heat is and how it is judged: all that is needed once it has been taken."""

    label: str  # layers, heads, and what they are held against
    unit: str
    cut: Cut  # where regions begin
    scale: tuple[float, float] | None = None  # the colours' range by good pictures
    threshold: float | None = None  # a picture with a score above it is judged a defect
    low: float = 0.0  # the lowest value that a 16-bit picture of the heat holds
    grounds: str = ""  # what the threshold rests on

    def verdict(self, score: float, picture: str = "The picture") -> str:
        """`not judged` where there is no threshold to judge by.

        Raises NotFinite where score or threshold is no number: such a picture is never good.
        """
        require_finite(score, picture, f"the score of {self.label}")
        if self.threshold is None:
            return UNJUDGED
        require_finite(self.threshold, picture, f"the threshold of {self.label}")
        return DEFECT if score > self.threshold else GOOD

    def as_json(self) -> dict[str, Any]:
        """For the plan that lies beside the journal."""
        return asdict(self)


@runtime_checkable
class Reading(Protocol):
    """One heat a picture, from the maps of some layers."""

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that a forward must give."""

    @property
    def terms(self) -> Terms:
        """What the heat is."""

    def heat(self, maps: AttentionMaps, photo: Photo) -> tuple[Heat, tuple[str, ...]]:
        """The heat of one picture, in float32, and what must be said of it."""

    def score(self, heat: Heat) -> float:
        """One number a picture; the higher, the more conspicuous."""

    def about(self) -> dict[str, Any]:
        """All that heat and score depend on besides the model."""


@dataclass(frozen=True)
class HeadReading:
    """The mean over some heads of some layers, in multiples of uniform attention.

    It judges nothing: raw attention is no evidence until it is held against known cases.
    """

    layers: tuple[int, ...]
    heads: tuple[int, ...]
    query: Query

    @property
    def terms(self) -> Terms:
        """Without a scale and a threshold: those come from good pictures."""
        label = MapKey(self.layers, self.heads, self.query).label
        return Terms(label, "× uniform", Cut("mass", 0.6))

    def heat(self, maps: AttentionMaps, photo: Photo) -> tuple[Heat, tuple[str, ...]]:
        """Multiples of uniform attention (p × number of patches).

        Raises NotFinite where a patch has no number.
        """
        heat = maps.mean(list(self.layers), list(self.heads)).uniform
        require_finite(heat, str(photo.path or photo.name), f"the map {self.terms.label}")
        return heat, ()

    def score(self, heat: Heat) -> float:
        """The hottest patch."""
        return float(heat.max())

    def about(self) -> dict[str, Any]:
        """Layers, heads, and the token that asks."""
        return {"layers": list(self.layers), "heads": list(self.heads), "query": str(self.query)}
