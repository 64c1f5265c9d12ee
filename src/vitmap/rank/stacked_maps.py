"""Heats: every map of a picture that a ranking looks at, in the order of its field."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from vitmap.maps.maps import AttentionMaps
from vitmap.maps.stack import cells_of, logs
from vitmap.rank.candidates import Field
from vitmap.rank.histogram import bins_of, signed_bins_of
from vitmap.reference.patch_bank import centre_prior
from vitmap.reference.statistics import HERE, Golden, Place

Heats = Float32[np.ndarray, "stored patch"]


def heats_of(
    maps: AttentionMaps,
    field: Field,
    golden: Golden | None = None,
    place: Place = HERE,
    distances: Float32[np.ndarray, " patch"] | None = None,
) -> Heats:
    """Raw cells, deviations from good pictures where there are any, and the baselines' maps."""
    cells = cells_of(maps)
    stack = [cells.reshape(len(cells), -1)]
    if golden is not None:
        stack.append(golden.deviations(logs(cells), place).reshape(len(cells), -1))
    extras = [np.ones(cells[0].size, dtype=np.float32), centre_prior(maps.view.grid).ravel()]
    if field.distance:
        assert distances is not None
        extras.append(distances)
    return np.concatenate([*stack, np.stack(extras)])


def stored_bins(heats: Heats, field: Field) -> np.ndarray:
    """The heats in bins: signed ones for deviations, upward ones for all else."""
    signed = slice(field.cells, field.cells * (1 + field.golden))
    found = bins_of(np.maximum(heats, 0))
    found[signed] = signed_bins_of(heats[signed])
    return found
