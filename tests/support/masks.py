"""Masks for tests of regions and exports: random ones, and the awkward ones by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vitmap.inspection.finding import Finding
from vitmap.maps.regions import find_regions
from vitmap.photo.view import View


def drawn(*rows: str) -> np.ndarray:
    """A mask as text: `#` is inside."""
    return np.array([[sign == "#" for sign in row] for row in rows])


AWKWARD = {
    "nothing": drawn("...", "..."),
    "everything": drawn("##", "##", "##"),
    "one pixel": drawn("#"),
    "borders": drawn("#..#", "....", "#..#"),
    "ring": drawn("####", "#..#", "#..#", "####"),
    "ring within a ring": drawn("#####", "#...#", "#.#.#", "#...#", "#####"),
    "corners touch": drawn("#.#", ".#.", "#.#"),
    "hole at a corner": drawn("##.", "#.#", "###"),
    "two holes that touch": drawn("####", "#.##", "##.#", "####"),
    "full columns": drawn(".##.", ".##.", ".##."),
    "full rows": drawn("....", "####", "####", "...."),
    "a hook": drawn("#####", "#....", "#.###", "#...#", "#####"),
}
MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@st.composite
def views(draw: st.DrawFn) -> View:
    """A patch grid over a photo, also one of fewer pixels than patches."""
    patch = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    grid = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    source = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return View(source, (grid[0] * patch[0], grid[1] * patch[1]), patch)


def finding_of(mask: np.ndarray, name: str = "a", **more: object) -> Finding:
    """A picture whose regions are the parts of a mask, a pixel a cell."""
    heat = np.random.default_rng(0).random(mask.shape, dtype=np.float32) + 0.5
    regions = find_regions(heat, mask)
    about = {"file": f"{name}.png", "path": Path(f"{name}.png"), "sha256": "0" * 64}
    return Finding(
        name=name, size=mask.shape, regions=regions, score=2.5, unit="x", **{**about, **more}
    )
