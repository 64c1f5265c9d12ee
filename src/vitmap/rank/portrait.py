"""Portrait: what every head does on pictures without labels: traits, in the model's own order.

Nothing here says which head shows a defect: that takes pictures on which it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float, Float32, Int

from vitmap.maps import traits
from vitmap.maps.maps import AttentionMaps


@dataclass(frozen=True)
class Trait:
    """One number a cell: its column in tables, its title, and what it says in words."""

    key: str
    title: str
    meaning: str
    low: str
    high: str
    share: bool = False  # shown in percent: small ones are read better so

    @property
    def shown_as(self) -> str:
        """The title with its unit, where numbers are shown to people; tables hold shares."""
        return f"{self.title}, %" if self.share else self.title


ENTROPY_BITS = Trait(
    "entropy_bits", "entropy, bits", "how evenly attention lies", "few patches", "all alike"
)
SAMENESS = Trait(
    "sameness",
    "sameness",
    "correlation of log attention between different pictures, place by place",
    "differs by picture",
    "same places in all",
)
TRAITS = (
    ENTROPY_BITS,
    Trait(
        "entropy_share",
        "entropy",
        "how evenly attention lies over the patches; 1 is the most there can be",
        "on few patches",
        "on all alike",
    ),
    Trait(
        "distance",
        "distance",
        "mean distance of attended patches from their own centre, in photo diagonals",
        "close together",
        "far apart",
    ),
    Trait(
        "sink_share",
        "sink share",
        "the brightest patch's share of the mass on all patches",
        "on many patches",
        "on one patch",
        share=True,
    ),
    Trait(
        "border",
        "border ×",
        "mass on the outermost ring of patches, over what uniform attention puts there",
        "off the border",
        "on the border",
    ),
    Trait(
        "prefix_mass",
        "prefix mass",
        "share of all attention on tokens that are no patches (CLS, registers)",
        "on patches",
        "on those tokens",
        share=True,
    ),
    Trait(
        "stability",
        "mirror stability",
        "correlation of log attention with that of the mirrored photo, mirrored back",
        "looks elsewhere",
        "at the same parts",
    ),
    SAMENESS,
)


@dataclass(frozen=True, eq=False)
class Sketch:
    """One picture's traits, all but sameness; `uniform` is what uniform attention would have."""

    digest: str
    grid: tuple[int, int]
    values: Float[np.ndarray, "trait cell"]
    uniform: Float[np.ndarray, " trait"]


@dataclass(frozen=True, eq=False)
class Summary:
    """The traits over pictures; the last column is the map averaged over the layer's heads.

    `deviation` is the standard deviation from picture to picture, of `counted` pictures; NaN where
    there are fewer than two, as `mean` is where there is none.
    """

    mean: Float[np.ndarray, "trait layer column"]
    deviation: Float[np.ndarray, "trait layer column"]
    counted: Int[np.ndarray, "trait layer column"]
    uniform: Float[np.ndarray, " trait"]
    pictures: int


def sketch(digest: str, maps: AttentionMaps, mirrored: AttentionMaps) -> Sketch:
    """The traits of a picture, from its maps and those of its mirror image."""
    shares, (gy, gx) = traits.shares_of(maps), maps.view.grid
    nothing = np.full(len(shares), np.nan)
    values = [
        *_of_patches(shares, maps),
        traits.prefix_mass(maps),
        traits.stability(maps, mirrored),
        nothing,
    ]
    tokens = maps.prefix.shape[2]
    known = [float(v[0]) for v in _of_patches(np.full((1, gy, gx), 1 / (gy * gx)), maps)]
    even = [*known, tokens / (tokens + gy * gx) if tokens else np.nan, np.nan, np.nan]
    return Sketch(digest, (gy, gx), np.stack(values), np.array(even))


def _of_patches(
    shares: Float[np.ndarray, "cell gy gx"], maps: AttentionMaps
) -> list[Float[np.ndarray, " cell"]]:
    return [
        traits.entropy(shares),
        traits.entropy_share(shares),
        traits.distance(shares, maps.view),
        traits.brightest(shares),
        traits.border(shares),
    ]


def sameness(
    patterns: Sequence[Float32[np.ndarray, "cell patch"]],
) -> Float[np.ndarray, "picture cell"]:
    """Each picture's mean correlation with the others on its grid: -1 to 1.

    1: the same places are attended to whatever the picture shows. Alike pictures make it high too.
    Patterns are read twice and may wait on disk; one that is NaN is left out of its cell, and one
    that is alone has no others.
    """
    total: np.ndarray = np.zeros(())
    count: np.ndarray = np.zeros(())
    for one in patterns:
        total = total + np.nan_to_num(one.astype(np.float64))
        count = count + np.isfinite(one[:, 0])
    found = []
    for one in patterns:
        own = one.astype(np.float64)
        others = (own * (total - own)).sum(axis=1)
        mean = np.divide(others, count - 1, out=np.full(len(own), np.nan), where=count > 1)
        found.append(np.clip(mean, -1, 1))
    return np.stack(found)


def summarize(
    sketches: Sequence[Sketch], alike: Float[np.ndarray, "picture cell"], depth: int
) -> Summary:
    """The traits over pictures; `alike` is their sameness. The order of pictures is no matter."""
    order = sorted(range(len(sketches)), key=lambda i: sketches[i].digest)
    values = np.stack([sketches[i].values for i in order])
    values[:, TRAITS.index(SAMENESS)] = alike[order]
    even = np.stack([sketches[i].uniform for i in order])
    grid = rearrange(
        values, "picture trait (layer column) -> picture trait layer column", layer=depth
    )
    mean, deviation, counted = _over_pictures(grid)
    return Summary(mean, deviation, counted, _over_pictures(even)[0], len(sketches))


def _over_pictures(
    values: Float[np.ndarray, "picture ..."],
) -> tuple[Float[np.ndarray, ...], Float[np.ndarray, ...], Int[np.ndarray, ...]]:
    """Mean, standard deviation (n − 1) and count of the numbers that are some."""
    there = np.isfinite(values)
    counted = there.sum(axis=0)
    mean = np.where(there, values, 0).sum(axis=0) / np.where(counted, counted, np.nan)
    squares = np.where(there, (values - mean) ** 2, 0).sum(axis=0)
    return mean, np.sqrt(squares / np.where(counted > 1, counted - 1, np.nan)), counted
