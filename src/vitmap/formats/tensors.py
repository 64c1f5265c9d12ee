"""maps.safetensors: raw maps with all that is needed to draw them again.

Attention is held as probabilities; maps of another method as `method_maps` packs them. Format 2
holds a digest of the tensors and of what is said about them; files from before do not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from safetensors.numpy import save

from vitmap.errors import InputError, NotFinite
from vitmap.files.checked import convert, damaged, load_tensors, shown
from vitmap.files.opener import GIB, read_file
from vitmap.formats.maps_file import (
    FORMAT,
    KIND,
    Index,
    Sha256,
    SourceField,
    ViewField,
    digest_of_maps,
    said,
)
from vitmap.formats.method_maps import ATTENTION, is_packed, packed, unpacked
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.method_maps import Maps
from vitmap.maps.query import Query

_LIMIT = 4 * GIB
# Sums of a row's numbers, each rounded: to 24 bits, or to the 8 of bf16.
_ROUNDING = {"fp32": 1e-3, "bf16": 2e-2, "bf16 weights": 2e-2}
_FLOATS = {"values": (np.float32, 4), "prefix": (np.float32, 3)}

_Pixel = Annotated[float, Meta(ge=0, lt=1_000_000)]


@dataclass(frozen=True)
class _Query:
    kind: Literal["cls", "distillation", "register", "pool", "mean", "patch"]
    index: Index
    points: tuple[tuple[_Pixel, _Pixel], ...]


@dataclass(frozen=True, kw_only=True)
class _About:
    layers: Annotated[tuple[Index, ...], Meta(min_length=1)]
    depth: Annotated[int, Meta(ge=1, le=100_000)]
    query: _Query
    view: ViewField
    source: SourceField


@dataclass(frozen=True, kw_only=True)
class _Now(_About):
    format: Literal[2]
    digest: Sha256


def write_maps(path: str | Path, maps: AttentionMaps | Maps) -> None:
    """Raw maps as safetensors: `values` and `prefix` in float32, the rest as one JSON entry.

    Maps of another method than attention have no `prefix`.

    Raises NotFinite for maps that hold what is no number: nothing could be made of them again.
    """
    tensors, about = packed(maps) if isinstance(maps, Maps) else _packed(maps)
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise NotFinite(f"{path}: the maps hold NaN or infinity: use --precision fp32.")
    about["digest"] = digest_of_maps(about, tensors)
    # One entry, since safetensors writes several in no fixed order: the same run, the same bytes.
    Path(path).write_bytes(save(tensors, metadata={"vitmap": json.dumps(about, sort_keys=True)}))


def _packed(maps: AttentionMaps) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tensors = {
        name: np.ascontiguousarray(values, dtype=np.float32)
        for name, values in (("values", maps.values), ("prefix", maps.prefix))
    }
    about = {
        "format": FORMAT,
        "layers": maps.layers,
        "depth": maps.depth,
        "query": asdict(maps.query),
        "view": asdict(maps.view),
        "source": asdict(maps.source),
    }
    return tensors, about


def read_maps(path: str | Path) -> AttentionMaps | Maps:
    """What `write_maps` wrote: attention, or the maps of another method; needs no torch.

    Raises InputError for a file that is missing or cannot be read, DamagedFile for one that is
    damaged or holds something else.
    """
    name = str(path)
    try:
        content = read_file(path, _LIMIT)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    raw = said(content, name)
    return unpacked(content, raw, name) if is_packed(raw) else _unpacked(content, raw, name)


def _unpacked(content: bytes, raw: Any, name: str) -> AttentionMaps:
    now = isinstance(raw, dict) and ("format" in raw or "digest" in raw)
    about: _About = convert(raw, _Now if now else _About, name, KIND)
    tensors = load_tensors(content, name, KIND, _FLOATS)
    if now and raw["digest"] != digest_of_maps(raw, tensors):
        raise damaged(name, KIND, "its digest does not fit: it was changed after it was written")
    wrong = _contradiction(about) or _misfit(about, tensors)
    if wrong is not None:
        raise damaged(name, KIND, wrong)
    query = about.query
    return AttentionMaps(
        values=tensors["values"],
        prefix=tensors["prefix"],
        layers=about.layers,
        depth=about.depth,
        query=Query(query.kind, query.index, query.points),
        view=about.view.view(),
        source=about.source.source(),
    )


def _contradiction(about: _About) -> str | None:
    """The first field that does not fit the others."""
    layers, query, view = about.layers, about.query, about.view
    if len(set(layers)) != len(layers) or max(layers) >= about.depth:
        return (
            f"field layers: expected numbers below depth ({about.depth}), each once, seen "
            f"{shown(list(layers))}"
        )
    if (wrong := view.wrong()) is not None:
        return wrong
    if about.source.method != ATTENTION:
        return f"field source.method: expected {ATTENTION}, seen {shown(about.source.method)}"
    if (query.kind == "patch") != bool(query.points):
        return f"field query.points: do not fit {query.kind}, seen {shown(list(query.points))}"
    if query.index and query.kind != "register":
        return f"field query.index: expected 0 for {query.kind}, seen {query.index}"
    height, width = view.source
    outside = [point for point in query.points if point[0] >= width or point[1] >= height]
    if outside:
        return (
            f"field query.points: expected places in {width} × {height} px, seen "
            f"{shown(list(outside[0]))}"
        )
    return None


def _misfit(about: _About, tensors: dict[str, np.ndarray]) -> str | None:
    """What the tensors have that is not as the fields say."""
    values, prefix = tensors["values"], tensors["prefix"]
    grid = about.view.grid
    if (values.shape[0], *values.shape[2:]) != (len(about.layers), *grid) or not values.size:
        return (
            f"tensor values: expected {len(about.layers)} layers, heads, {grid[0]} × {grid[1]} "
            f"patches, seen {shown(list(values.shape))}"
        )
    if prefix.shape[:2] != values.shape[:2]:
        return (
            f"tensor prefix: expected {values.shape[0]} layers, {values.shape[1]} heads, seen "
            f"{shown(list(prefix.shape))}"
        )
    near = _ROUNDING[about.source.precision]
    for tensor, found in tensors.items():
        if found.size and (found.min() < 0 or found.max() > 1 + near):
            return f"tensor {tensor}: expected probabilities, 0 to 1"
    sums = values.sum(axis=(2, 3), dtype=np.float64) + prefix.sum(axis=2, dtype=np.float64)
    if np.abs(sums - 1).max() > near:
        worst = float(sums.flat[int(np.abs(sums - 1).argmax())])
        return f"tensor values: expected rows that sum to 1 with their prefix, seen {worst:g}"
    return None
