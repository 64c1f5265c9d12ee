"""Maps to draw, and whether a picture stands in a figure."""

from __future__ import annotations

import numpy as np

import vitmap
from vitmap.maps.maps import AttentionMaps, Source
from vitmap.maps.query import Query
from vitmap.photo.view import View


def maps_of(
    source: tuple[int, int] = (40, 60), layers: int = 1, heads: int = 6, seed: int = 0
) -> AttentionMaps:
    view = View.of(source, (8, 8), 64)
    logits = np.random.default_rng(seed).normal(size=(layers, heads, *view.grid)) * 2
    weights = np.exp(logits)
    values = (0.9 * weights / weights.sum(axis=(2, 3), keepdims=True)).astype(np.float32)
    prefix = np.full((layers, heads, 1), 0.1, np.float32)
    where = tuple(range(12 - layers, 12))
    return AttentionMaps(values, prefix, where, 12, Query(), view, Source("owner/a-model"))


def photo_of(source: tuple[int, int]) -> vitmap.Photo:
    rng = np.random.default_rng(3)
    return vitmap.read_photo(rng.integers(0, 256, (*source, 3), dtype=np.uint8))


def stands_in(page: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture is somewhere on a page, exactly."""
    height, width = picture.shape[:2]
    paper, wanted = page.astype(int) @ [65536, 256, 1], picture.astype(int) @ [65536, 256, 1]
    area = paper[: len(page) - height + 1, : page.shape[1] - width + 1]
    places = np.argwhere(area == wanted[0, 0])
    for y in np.linspace(0, height - 1, 8).astype(int):
        for x in np.linspace(0, width - 1, 8).astype(int):
            places = places[paper[places[:, 0] + y, places[:, 1] + x] == wanted[y, x]]
    return any(np.array_equal(paper[y : y + height, x : x + width], wanted) for y, x in places)
