"""AttentionMaps, PatchMap and Heatmap: the values that the rest of vitmap looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from einops import reduce as pool
from jaxtyping import Bool, Float

from vitmap import registry
from vitmap.errors import UsageError
from vitmap.maps import mass
from vitmap.maps.keys import MapKey
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection, select
from vitmap.maps.sinks import Alarm, alarms_of
from vitmap.photo.view import View

REDUCTIONS = ("none", "heads", "layers", "mean")


@dataclass(frozen=True)
class Source:
    """Where the numbers come from: enough to make them again."""

    model: str
    revision: str | None = None
    digest: str | None = None  # sha256 over the weight files
    method: str = "attention"
    precision: str = "fp32"
    device: str = "cpu"
    photo: str | None = None  # sha256 of the photo's file
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """What a classifier calls the photo: labels with probabilities, the likeliest first."""

    model: str
    labels: tuple[tuple[str, float], ...]
    size: tuple[int, int]  # (y, x) of the classifier's own input
    shared: bool  # whether the maps come from the same forward pass

    def __str__(self) -> str:
        name, probability = self.labels[0]
        return f"{name.split(',')[0]} {probability:.2f}"


@dataclass(frozen=True, eq=False)
class PatchMap:
    """One map on the patch grid: one head of one layer, or a stated mean of several.

    `values` are the model's own probabilities, never rescaled: with `prefix` (the mass on CLS,
    registers and the like) they sum to 1.
    """

    values: Float[np.ndarray, "gy gx"]
    prefix: Float[np.ndarray, " prefix"]
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    query: Query
    view: View
    source: Source
    signed = False  # nothing lies below 0

    @property
    def key(self) -> MapKey:
        """Which map it is."""
        return MapKey(self.layers, self.heads, self.query)

    @property
    def label(self) -> str:
        """`L11 H4`; a mean says what it is over: `L11 mean of H0-H5`."""
        return self.key.label

    @property
    def stem(self) -> str:
        """The label as part of a file name that sorts: `L11-H04`."""
        return self.key.stem

    @property
    def uniform(self) -> Float[np.ndarray, "gy gx"]:
        """Values as multiples of uniform attention (p × number of patches): 1 is no preference."""
        return self.values * np.float32(self.values.size)

    @property
    def heat(self) -> Float[np.ndarray, "gy gx"]:
        """What is drawn: multiples of uniform attention."""
        return self.uniform

    @property
    def entropy(self) -> float:
        """Bits of the distribution over patches: 0 for one patch, log2(gy·gx) for no preference."""
        share = self.values.astype(np.float64).ravel()
        share = share[share > 0] / share.sum()
        return float(max(0.0, -(share * np.log2(share)).sum()))

    @property
    def peak(self) -> tuple[int, int]:
        """The brightest patch (row, column), the first in reading order among equals."""
        row, column = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return int(row), int(column)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Signs that this map shows a sink rather than the photo (see `vitmap.maps.sinks`)."""
        asking = {self.view.patch_at(*point) for point in self.query.points}
        return alarms_of(self.values, self.prefix, asking)

    def keep_mass(self, share: float) -> Bool[np.ndarray, "gy gx"]:
        """The fewest patches that hold `share` of the patches' mass (see `vitmap.maps.mass`)."""
        return mass.keep_mass(self.values, share)

    def heatmap(self, upsample: str = "nearest") -> Heatmap:
        """This map in the original photo's pixels, in multiples of uniform attention."""
        return Heatmap(
            self.view.to_pixels(self.uniform, upsample), self.label, self.view, self.source
        )

    def _repr_png_(self) -> bytes:
        return registry.notebook_views.get("PatchMap")(self)


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """Rows of the model's own softmax, layer by layer and head by head, on the patch grid.

    >>> maps = vitmap.attend(model, photo, layers="all")     # doctest: +SKIP
    >>> maps.at(layer=-1, head=4).keep_mass(0.6)             # doctest: +SKIP

    `values` and `prefix` together sum to 1 for every layer and head. `layers` are the model's own
    0-based numbers, so `maps.at(layer=11)` is layer 11 also where only layer 11 was captured.
    """

    values: Float[np.ndarray, "layer head gy gx"]
    prefix: Float[np.ndarray, "layer head prefix"]
    layers: tuple[int, ...]
    depth: int  # layers in the model
    query: Query
    view: View
    source: Source

    @property
    def heads(self) -> int:
        """Heads in a layer."""
        return self.values.shape[1]

    def at(self, layer: int = -1, head: int = 0) -> PatchMap:
        """One head of one layer.

        Raises UsageError for a layer or head that the model does not have, or a layer that was
        not captured.
        """
        return self._mean(select(layer, self.depth, "layer"), select(head, self.heads, "head"))

    def mean(self, layers: Selection = -1, heads: Selection = "all") -> PatchMap:
        """The mean over the named heads of the named layers, which its label states."""
        return self._mean(select(layers, self.depth, "layer"), select(heads, self.heads, "head"))

    def keep_mass(self, share: float) -> Bool[np.ndarray, "layer head gy gx"]:
        """The mass rule on every map by itself (see `vitmap.maps.mass`)."""
        return mass.keep_mass(self.values, share)

    def cells(self, heads: Selection = "all", reduce: str = "none") -> list[list[PatchMap]]:
        """The maps as rows (layers) of columns (heads), with heads or layers averaged if asked.

        Raises UsageError for a head that the model does not have or an unknown `reduce`.
        """
        if reduce not in REDUCTIONS:
            raise registry.suggest("reduce", reduce, REDUCTIONS)
        chosen = select(heads, self.heads, "head")
        rows = [self.layers] if reduce in ("layers", "mean") else [(row,) for row in self.layers]
        columns = [chosen] if reduce in ("heads", "mean") else [(head,) for head in chosen]
        return [[self._mean(row, column) for column in columns] for row in rows]

    def _mean(self, layers: Sequence[int], heads: Sequence[int]) -> PatchMap:
        missing = [layer for layer in layers if layer not in self.layers]
        if missing:
            raise UsageError(
                f"Layer {missing[0]} asked for, but these maps hold layers "
                f"{', '.join(map(str, self.layers))}: capture it with layers={missing[0]}."
            )
        rows = [self.layers.index(layer) for layer in layers]
        picked = np.ix_(rows, list(heads))
        return PatchMap(
            pool(self.values[picked], "layer head gy gx -> gy gx", "mean"),
            pool(self.prefix[picked], "layer head prefix -> prefix", "mean"),
            tuple(layers),
            tuple(heads),
            self.query,
            self.view,
            self.source,
        )

    def _repr_png_(self) -> bytes:
        return registry.notebook_views.get("AttentionMaps")(self)


@dataclass(frozen=True, eq=False)
class Heatmap:
    """One map in the original photo's pixels: attention in multiples of uniform attention.

    Maps of another method (`source.method`) are in that method's unit.
    """

    values: Float[np.ndarray, "y x"]
    label: str
    view: View
    source: Source

    def _repr_png_(self) -> bytes:
        return registry.notebook_views.get("Heatmap")(self)
