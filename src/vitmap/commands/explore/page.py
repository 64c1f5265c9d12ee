"""The explore page: every layer and head of a photo in one HTML file, and any patch may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vitmap.commands.explore.packed import PackedLayer
from vitmap.maps.query import Query
from vitmap.maps.scale import MEANINGS as SCALES
from vitmap.maps.scale import PERCENTILE
from vitmap.maps.sinks import MEANINGS as ALARMS
from vitmap.maps.sinks import limits_of
from vitmap.photo.view import View
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import palette
from vitmap.render.page_file import frame, in_base64, write_block

_SCRIPTS = (
    *("read.js", "rows.js", "measure.js", "state.js", "grid.js", "stage.js"),
    *("words.js", "download.js", "main.js"),
)
_COLORMAPS = ("viridis", "cividis", "magma", "inferno", "gray")
_LAYER = "one scale for all heads of a layer"
_BOTH = {"layer": f"{_LAYER}, both photos", "run": "one scale for all maps of both photos"}
_SHORT = {"cls": "CLS", "mean": "mean over patches", "pool": "pooling query"}


@dataclass(frozen=True)
class Page:
    """What the page says of all its photos, and how it opens."""

    model: str
    layers: tuple[int, ...]
    depth: int
    heads: int
    pool_heads: int  # 0: the model has no pooling query
    queries: tuple[Query, ...]  # whose rows are stored, in the order of their buttons
    threshold: float
    colormap: str
    remarks: tuple[str, ...]
    exact: str  # how far the page's rows are from the model's own


@dataclass(frozen=True, eq=False)
class Shown:
    """One photo: its picture, its stored rows, and what all other rows are computed from."""

    name: str
    sha256: str
    view: View
    prefix: tuple[str, ...]
    start: str  # the query that is shown first
    jpeg: bytes
    rows: Mapping[str, Float32[np.ndarray, "layer head token"]]  # by the query's text
    layers: Sequence[PackedLayer]


def write_explorer(path: Path, page: Page, photos: Sequence[Shown]) -> None:
    """Write the page. Each layer is an inert block of JSON that is read when a patch asks."""
    before, after = frame(__package__, _SCRIPTS, "data: blob:")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        write_block(file, "about", _about(page, photos))
        for number, photo in enumerate(photos):
            write_block(file, f"photo-{number}", in_base64(photo.jpeg))
            for name, rows in photo.rows.items():
                write_block(file, f"rows-{number}-{name}", in_base64(rows.astype(np.float32)))
            for place, layer in enumerate(photo.layers):
                write_block(file, f"layer-{number}-{place}", _layer(layer))
        file.write(after)


def _about(page: Page, photos: Sequence[Shown]) -> dict[str, Any]:
    names = dict.fromkeys([*_COLORMAPS, page.colormap])
    return {
        "model": page.model,
        "layers": list(page.layers),
        "depth": page.depth,
        "heads": page.heads,
        "poolHeads": page.pool_heads,
        "queries": [
            {"key": query.text, "name": str(query), "short": _SHORT.get(query.text, str(query))}
            for query in page.queries
        ],
        "threshold": page.threshold,
        "colormap": page.colormap,
        "colors": {name: in_base64(palette(name)) for name in names},
        "scales": _scales(len(photos)),
        "percentile": PERCENTILE,
        "alarms": ALARMS,
        "remarks": list(page.remarks),
        "exact": page.exact,
        "caveat": CAVEAT,
        "photos": [_photo(photo) for photo in photos],
    }


def _scales(photos: int) -> list[dict[str, str]]:
    """The names a page knows; the last is the one that it opens with."""
    words = {"cell": SCALES["cell"], "layer": _LAYER, "image": SCALES["image"]}
    if photos > 1:
        words |= _BOTH
    return [{"name": name, "meaning": meaning} for name, meaning in words.items()]


def _photo(photo: Shown) -> dict[str, Any]:
    (height, width), (gy, gx) = photo.view.source, photo.view.grid
    return {
        "name": photo.name,
        "sha256": photo.sha256,
        "size": [width, height],
        "grid": [gx, gy],
        "prefix": list(photo.prefix),
        "start": photo.start,
        "limits": limits_of((gy, gx)),
    }


def _layer(layer: PackedLayer) -> dict[str, Any]:
    told: dict[str, Any] = {
        "precision": layer.precision,
        "dim": layer.query.shape[-1],
        "query": in_base64(layer.query),
        "key": in_base64(layer.key),
    }
    if layer.bias is not None:
        # Prefix tokens' own rows are stored whole: of their biases only those as keys are needed.
        told["offsets"] = in_base64(layer.bias.offsets)
        told["columns"] = in_base64(layer.bias.columns)
    return told
