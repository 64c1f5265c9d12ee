"""A recipe, and maps by two methods, that vitmap could have written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vitmap.maps.keys import MapKey
from vitmap.maps.maps import AttentionMaps, Source
from vitmap.maps.method_maps import Maps
from vitmap.maps.query import Query
from vitmap.photo.view import View
from vitmap.rank.candidates import BRIGHTER
from vitmap.rank.recipe import Recipe
from vitmap.rank.threshold import Alarm
from vitmap.reference.statistics import Golden

DIGEST = "ab" * 32


def recipe() -> Recipe:
    """A recipe against twelve good pictures, with all that it can hold."""
    chance = np.random.default_rng(0)
    mean = chance.normal(size=(1, 4, 5))
    estimate = {"value": 0.9, "low": 0.8, "high": 0.95}
    return Recipe(
        model="owner/a-model",
        revision="main",
        digest=DIGEST,
        precision="fp32",
        size=480,
        fit="keep",
        query="cls",
        kind=BRIGHTER,
        layer=8,
        head=1,
        heads=6,
        scale=(1.0, 4.0),
        level=2.0,
        alarm=Alarm(2.5, 1 / 13, 0.002, 0.26, 12),
        golden=Golden(mean, np.abs(mean), np.full((4, 5), 12.0), 12),
        reference=np.zeros((24, 30), dtype=np.uint8),
        evidence={
            "dataset": "parts",
            "pictures": {"good": 3, "spot": 6},
            "golden": 12,
            "metric": "auroc",
            "held_out": estimate,
            "held_out_is": "of choosing",
            "folds": ["L8 H1 brighter"],
            "on_the_pictures_it_was_chosen_on": estimate,
            "baselines": {"uniform": estimate},
            "against_baselines": {"uniform": {**estimate, "p": 0.01, "verdict": "better"}},
            "tied_with_the_best": ["L7 H0 raw"],
        },
    )


def maps(precision: str = "fp32") -> AttentionMaps:
    """Two layers of three heads over 4 × 6 patches, each row with its two prefix tokens."""
    rows = np.random.default_rng(1).gamma(2.0, 1.0, (2, 3, 26)).astype(np.float32)
    rows /= rows.sum(axis=-1, keepdims=True)
    return AttentionMaps(
        values=np.ascontiguousarray(rows[..., 2:].reshape(2, 3, 4, 6)),
        prefix=np.ascontiguousarray(rows[..., :2]),
        layers=(3, 11),
        depth=12,
        query=Query.parse("patch:12,7"),
        view=View((40, 60), (32, 48), (8, 8)),
        source=Source("owner/a-model", "main", DIGEST, precision=precision, photo=DIGEST,
                      versions={"torch": "2"}),
    )  # fmt: skip


def distances() -> Maps:
    """Distances in two layers over 4 × 6 patches."""
    return Maps(
        values=np.random.default_rng(3).random((2, 4, 6)).astype(np.float32),
        keys=(MapKey((3,)), MapKey((11,))),
        unit="cosine distance to the nearest reference patch",
        signed=False,
        view=maps().view,
        source=replace(maps().source, method="distance"),
    )


HEAT = np.random.default_rng(2).gamma(2.0, 1.0, (12, 17)).astype(np.float32)
