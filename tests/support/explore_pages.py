"""Pages of `vitmap explore` for tests: tiny models, random photos, a hand on the mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import tiny
import vitmap as api
from browser import Opened
from eager import backbone_of
from vitmap.commands.explore.run import explore
from vitmap.commands.explore.settings import ExploreSettings
from vitmap.maps.maps import AttentionMaps
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.view import View

LANDSCAPE, PORTRAIT = (40, 90), (90, 40)
HOSTILE = "=<img src=x onerror=alert(1)> 検査.png"


def noise(path: Path, size: tuple[int, int], seed: int = 0) -> Path:
    """A photo of random colours with one bright part, so that maps have something to find."""
    pixels = np.random.default_rng(seed).integers(0, 160, (*size, 3), dtype=np.uint8)
    pixels[size[0] // 2 :, : size[1] // 3] = 250
    Image.fromarray(pixels).save(path)
    return path


def model_of(family: str, **shape: object) -> TorchEngine:
    return backbone_of(tiny.scale_queries_and_keys(tiny.build(family, **shape)))


def write(model: TorchEngine, paths: list[Path], out: Path, **settings: Any) -> Path:
    explore(paths, ExploreSettings(**{"size": 32, **settings}), model, [], out, ["vitmap"])
    return out / "explore.html"


def asked(page: Opened, what: str) -> Any:
    return page.page.evaluate(what)


def row_of(page: Opened, photo: int, query: str, layer: int, head: int) -> np.ndarray:
    values = asked(page, f"Array.from(vitmap.rows({photo}, '{query}', {layer}, {head}))")
    return np.array(values, dtype=np.float32)


def own_maps(model: TorchEngine, path: Path, query: str) -> AttentionMaps:
    return api.attend(model, path, "all", query=query, size=32)


def patch_query(view: View, row: int, column: int) -> str:
    x0, y0, x1, y1 = view.box(row, column)
    return f"patch:{(x0 + x1) / 2:.2f},{(y0 + y1) / 2:.2f}"


def click(page: Opened, photo: int, view: View, row: int, column: int) -> None:
    gy, gx = view.grid
    box = page.page.locator(f"#canvas-{photo}").bounding_box()
    x, y = (column + 0.5) / gx * box["width"], (row + 0.5) / gy * box["height"]
    page.page.mouse.click(box["x"] + x, box["y"] + y)


def drag(page: Opened, photo: int, view: View, start: Any, end: Any) -> None:
    gy, gx = view.grid
    box, mouse = page.page.locator(f"#canvas-{photo}").bounding_box(), page.page.mouse
    for (row, column), act in ((start, mouse.down), (end, mouse.up)):
        x, y = (column + 0.5) / gx * box["width"], (row + 0.5) / gy * box["height"]
        mouse.move(box["x"] + x, box["y"] + y, steps=4)
        act()


def settled(page: Opened) -> str:
    """The address, once it has been written."""
    page.page.wait_for_timeout(250)
    return page.page.url.partition("#")[2]
