"""MapKey: which map it is, what it is called wherever it is named, and its part of a file name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitmap.maps.query import Query


@dataclass(frozen=True)
class MapKey:
    """A layer and a head, or several whose mean is meant; methods without heads name layers alone.

    >>> MapKey((11,), (4,)).label, MapKey((11,), (0, 1, 2)).label, MapKey((8,)).label
    ('L11 H4', 'L11 mean of H0-H2', 'L8')
    >>> MapKey((11,), (4,)).stem, MapKey((11,), (0, 1, 2)).stem, MapKey((8,)).stem
    ('L11-H04', 'L11-H00-H02-mean', 'L08')
    """

    layers: tuple[int, ...]
    heads: tuple[int, ...] = ()
    query: Query | None = None  # whose attention it is, where it is attention

    @property
    def layer(self) -> int:
        """The layer, or the first of several."""
        return self.layers[0]

    @property
    def label(self) -> str:
        """`L11 H4`; a mean says what it is over: `L11 mean of H0-H5`."""
        head, layer = _span("H", self.heads), _span("L", self.layers)
        if self._pools:  # its head comes after the last layer, and is none
            return f"pool {head}" if len(self.heads) == 1 else f"pool mean of {head}"
        if not self.heads:
            return layer if len(self.layers) == 1 else f"mean of {layer}"
        if len(self.layers) == len(self.heads) == 1:
            return f"{layer} {head}"
        if len(self.layers) == 1:
            return f"{layer} mean of {head}"
        if len(self.heads) == 1:
            return f"{head} mean of {layer}"
        return f"mean of {layer} {head}"

    @property
    def stem(self) -> str:
        """The label as part of a file name that sorts: `L11-H04`."""
        layers = "pool" if self._pools else _span("L", self.layers, 2, "+")
        heads = [_span("H", self.heads, 2, "+")] if self.heads else []
        mean = ["mean"] if len(self.layers) > 1 or len(self.heads) > 1 else []
        return "-".join([layers, *heads, *mean])

    @property
    def _pools(self) -> bool:
        return self.query is not None and self.query.kind == "pool"


def head_keys(
    layers: Sequence[int], heads: Sequence[int], query: Query | None = None
) -> tuple[MapKey, ...]:
    """Every head, then the mean of them all, layer by layer."""
    return tuple(
        MapKey((layer,), some, query)
        for layer in layers
        for some in [*((head,) for head in heads), tuple(heads)]
    )


def _span(letter: str, indices: Sequence[int], width: int = 0, joint: str = ", ") -> str:
    """`H0-H5` for a run of indices, `H0, H2` otherwise."""
    names = [f"{letter}{index:0{width}d}" for index in indices]
    run = len(indices) > 2 and list(indices) == list(range(indices[0], indices[-1] + 1))
    return f"{names[0]}-{names[-1]}" if run else joint.join(names)
