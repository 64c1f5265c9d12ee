"""MapMethod: what a method of making maps has to say and to do; its inputs; its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from einops import rearrange
from jaxtyping import Float, Float32

from vitmap.errors import CaptureError
from vitmap.maps.keys import MapKey
from vitmap.maps.maps import Source
from vitmap.maps.method_maps import Maps
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection, select
from vitmap.models.engine import Engine, Facts
from vitmap.photo.read import Photo
from vitmap.photo.view import View

REFERENCE = "reference"  # the need of normal images to compare with


@runtime_checkable
class MapMethod(Protocol):
    """A method: `plan` says which maps it gives, `maps` makes them of one photo.

    A method that needs `reference` also has `learn(engine, images, keys)`, which takes the normal
    images, one `Inputs` each, and gives what `maps` gets back as `reference`.
    """

    @property
    def name(self) -> str:
        """What `--method` and `Source.method` call it."""

    @property
    def unit(self) -> str:
        """What a value counts, as a legend names it: "cosine distance to …"."""

    @property
    def summary(self) -> str:
        """How to read a map of it, in a sentence or two."""

    @property
    def signed(self) -> bool:
        """Whether values below 0 mean the opposite of those above."""

    @property
    def needs(self) -> frozenset[str]:
        """What it asks of an engine, in the words of `GIVES`, and `reference`."""

    def plan(
        self, facts: Facts, layers: Selection, heads: Selection, query: Query | None
    ) -> tuple[MapKey, ...]:
        """The maps that it gives of these layers and heads, in the order of their names."""

    def maps(self, engine: Engine, inputs: Inputs, keys: Sequence[MapKey], reference: Any) -> Maps:
        """The named maps of one photo (see `Inputs.maps`)."""


@runtime_checkable
class Learning(MapMethod, Protocol):
    """A method that compares with normal images."""

    def learn(self, engine: Engine, images: Sequence[Inputs], keys: Sequence[MapKey]) -> Any:
        """What the normal images are like; each is read when it is asked for."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """A photo as an engine takes it."""

    photo: Photo
    view: View
    pixels: Float32[np.ndarray, "1 3 y x"]
    source: Source

    @classmethod
    def of(
        cls, engine: Engine, photo: Photo, size: int | None = None, fit: str | None = None
    ) -> Inputs:
        """The photo at a size; raises what `Facts.view` raises."""
        view = engine.facts.view(photo.size, size, fit)
        source = replace(engine.facts.source, photo=photo.digest)
        return cls(photo, view, engine.pixels(photo, view), source)

    def maps(
        self,
        method: MapMethod,
        keys: Sequence[MapKey],
        values: Sequence[Float[np.ndarray, "*patches"]],
    ) -> Maps:
        """What a method returns: values of every patch, one array for each key.

        Raises CaptureError for values that are no numbers, or do not fit the patch grid.
        """
        gy, gx = self.view.grid
        stack = np.stack([np.asarray(some, dtype=np.float32).ravel() for some in values])
        if stack.shape != (len(keys), gy * gx):
            raise CaptureError(
                f"Method {method.name} gave {stack.shape[0]} maps of {stack.shape[1]} patches, "
                f"expected {len(keys)} of {gy} × {gx} = {gy * gx}."
            )
        if not np.isfinite(stack).all():
            raise CaptureError(
                f"{self.source.model}: maps of {method.name} hold values that are no numbers (nan)."
            )
        return Maps(
            rearrange(stack, "map (gy gx) -> map gy gx", gy=gy),
            tuple(keys),
            method.unit,
            method.signed,
            self.view,
            replace(self.source, method=method.name),
        )


def layer_keys(facts: Facts, layers: Selection) -> tuple[MapKey, ...]:
    """One map for each layer: the plan of a method without heads."""
    return tuple(MapKey((layer,)) for layer in select(layers, facts.depth, "layer"))


def require(method: MapMethod, facts: Facts) -> None:
    """Raises UnsupportedModel where the engine does not give what a method needs."""
    facts.require(method.needs - {REFERENCE}, f"method {method.name}")
