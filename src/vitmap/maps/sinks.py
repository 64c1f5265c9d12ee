"""The sink alarm: signs that a map shows the model's own housekeeping rather than the photo.

The limits are the same for every model and photo. Measured on all cells of three real models and
nine pictures: a supervised ViT-Ti/16 has no patch and no border above its limit, a self-supervised
ViT-S/14 has them on 4 % of its maps (one head of its first layer on every picture), the embedded
model on 6 %; more than half on prefix tokens have 4 %, 19 % and none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SINK = 0.2  # of the patches' mass on one patch
BORDER = 0.4  # of the patches' mass on the outermost ring of patches
PREFIX = 0.5  # of all attention on CLS, registers and the like

MEANINGS = {
    "sink": "one patch takes much of the attention. Models often use a patch without content as a "
    "notepad (Darcet et al. 2024): look whether that patch shows anything.",
    "border": "much of the attention lies on the outermost patches. That is mostly background, and "
    "heads that go by position alone end there too.",
    "prefix": "most of this head's attention goes to tokens that are no part of the photo (CLS, "
    "registers). The map shows the rest.",
}


@dataclass(frozen=True)
class Alarm:
    """One sign: `share` reached `limit`, both 0 to 1."""

    kind: str  # a key of MEANINGS
    share: float
    limit: float

    @property
    def mark(self) -> str:
        """What a small map carries: `sink 34%`."""
        return f"{self.kind} {self.share:.0%}"

    @property
    def sentence(self) -> str:
        """What it means, in one line."""
        return f"{self.kind.capitalize()} {self.share:.0%}: {MEANINGS[self.kind]}"


def limits_of(grid: tuple[int, int]) -> dict[str, float]:
    """The limits on a grid: on small ones a patch, or the ring, has much without being preferred.

    A sink has at least 5 times what uniform attention gives a patch, a border at least twice what
    it gives the ring; a limit above 1 is never reached.

    >>> limits_of((28, 28))
    {'sink': 0.2, 'border': 0.4, 'prefix': 0.5}
    >>> limits_of((4, 4))
    {'sink': 0.3125, 'border': 1.5, 'prefix': 0.5}
    """
    patches = grid[0] * grid[1]
    ring = (patches - max(0, grid[0] - 2) * max(0, grid[1] - 2)) / patches
    return {"sink": max(SINK, 5 / patches), "border": max(BORDER, 2 * ring), "prefix": PREFIX}


def alarms_of(
    values: Float[np.ndarray, "gy gx"],
    prefix: Float[np.ndarray, " prefix"],
    asking: Iterable[tuple[int, int]] = (),
) -> tuple[Alarm, ...]:
    """The alarms of one map, given as probabilities with those of its prefix tokens.

    Sink and border are shares of the patches' mass. Patches that ask for themselves (row, column)
    are no sinks: a patch often attends to itself.
    """
    shares = values.astype(np.float64)
    on_prefix, on_patches = float(prefix.astype(np.float64).sum()), float(shares.sum())
    found = {"sink": 0.0, "border": 0.0, "prefix": on_prefix}
    if on_patches > 0:
        shares = shares / on_patches
        found["border"] = 1 - float(shares[1:-1, 1:-1].sum())
        for row, column in asking:
            shares[row, column] = 0
        found["sink"] = float(shares.max())
    limits = limits_of((values.shape[0], values.shape[1]))
    return tuple(
        Alarm(kind, share, limits[kind]) for kind, share in found.items() if share >= limits[kind]
    )
