"""maps.safetensors: the raw probabilities with all that is needed to draw them again.

Format 2 holds a digest of the tensors and of what is said about them; files from before do not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from safetensors.numpy import save

from vitmap.errors import InputError, NotFinite
from vitmap.files.checked import convert, damaged, digest_of, load_tensors, parse_json, shown
from vitmap.files.opener import GIB, read_file
from vitmap.maps.maps import AttentionMaps, Source
from vitmap.maps.query import Query
from vitmap.photo.view import View

FORMAT = 2
KIND = "a maps.safetensors that vitmap wrote (write it anew)"

_LIMIT = 4 * GIB
# Sums of a row's numbers, each rounded: to 24 bits, or to the 8 of bf16.
_ROUNDING = {"fp32": 1e-3, "bf16": 2e-2, "bf16 weights": 2e-2}

_Text = Annotated[str, Meta(min_length=1, max_length=4096)]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Index = Annotated[int, Meta(ge=0, le=100_000)]
_Side = Annotated[int, Meta(ge=1, le=1_000_000)]
_Pixel = Annotated[float, Meta(ge=0, lt=1_000_000)]
_Size = tuple[_Side, _Side]


@dataclass(frozen=True)
class _Query:
    kind: Literal["cls", "distillation", "register", "pool", "mean", "patch"]
    index: _Index
    points: tuple[tuple[_Pixel, _Pixel], ...]


@dataclass(frozen=True)
class _View:
    source: _Size
    target: _Size
    patch: _Size
    fit: Literal["keep", "squash"]


@dataclass(frozen=True)
class _Source:
    model: _Text
    revision: _Text | None
    digest: _Sha256 | None
    method: _Text
    precision: Literal["fp32", "bf16", "bf16 weights"]
    device: _Text
    photo: _Sha256 | None
    versions: dict[_Text, _Text]


@dataclass(frozen=True, kw_only=True)
class _About:
    layers: Annotated[tuple[_Index, ...], Meta(min_length=1)]
    depth: Annotated[int, Meta(ge=1, le=100_000)]
    query: _Query
    view: _View
    source: _Source


@dataclass(frozen=True, kw_only=True)
class _Now(_About):
    format: Literal[2]
    digest: _Sha256


def write_maps(path: str | Path, maps: AttentionMaps) -> None:
    """Raw maps as safetensors: `values` and `prefix` in float32, the rest as one JSON entry.

    Raises NotFinite for maps that hold what is no number: nothing could be made of them again.
    """
    tensors = {
        name: np.ascontiguousarray(values, dtype=np.float32)
        for name, values in (("values", maps.values), ("prefix", maps.prefix))
    }
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise NotFinite(f"{path}: the maps hold NaN or infinity: use --precision fp32.")
    about = {
        "format": FORMAT,
        "layers": maps.layers,
        "depth": maps.depth,
        "query": asdict(maps.query),
        "view": asdict(maps.view),
        "source": asdict(maps.source),
    }
    about["digest"] = _digest(about, tensors)
    # One entry, since safetensors writes several in no fixed order: the same run, the same bytes.
    Path(path).write_bytes(save(tensors, metadata={"vitmap": json.dumps(about, sort_keys=True)}))


def read_maps(path: str | Path) -> AttentionMaps:
    """What `write_maps` wrote; needs no torch.

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
    tensors = load_tensors(content, name, KIND, _FLOATS)
    raw = _metadata(content, name)
    now = isinstance(raw, dict) and ("format" in raw or "digest" in raw)
    about: _About = convert(raw, _Now if now else _About, name, KIND)
    if now and raw["digest"] != _digest(raw, tensors):
        raise damaged(name, KIND, "its digest does not fit: it was changed after it was written")
    wrong = _contradiction(about) or _misfit(about, tensors)
    if wrong is not None:
        raise damaged(name, KIND, wrong)
    view, query = about.view, about.query
    return AttentionMaps(
        values=tensors["values"],
        prefix=tensors["prefix"],
        layers=about.layers,
        depth=about.depth,
        query=Query(query.kind, query.index, query.points),
        view=View(view.source, view.target, view.patch, view.fit),
        source=Source(**vars(about.source)),
    )


_FLOATS = {"values": (np.float32, 4), "prefix": (np.float32, 3)}


def _digest(about: dict[str, Any], tensors: dict[str, np.ndarray]) -> str:
    """sha256 over the numbers, their shapes, and all that is said about them."""
    rest = {key: value for key, value in about.items() if key != "digest"}
    found = hashlib.sha256()
    for tensor in sorted(tensors):
        values = tensors[tensor]
        found.update(f"{tensor} {values.shape}\n".encode())
        found.update(np.ascontiguousarray(values).data)
    found.update(digest_of(rest).encode())
    return found.hexdigest()


def _metadata(content: bytes, name: str) -> Any:
    """The JSON entry of a file whose header safetensors has accepted."""
    length = int.from_bytes(content[:8], "little")
    header = parse_json(content[8 : 8 + length], name, KIND)
    entries = header.get("__metadata__") or {}
    if set(entries) != {"vitmap"}:
        raise damaged(name, KIND, f"expected one entry vitmap, seen {shown(sorted(entries))}")
    return parse_json(entries["vitmap"], name, KIND)


def _contradiction(about: _About) -> str | None:
    """The first field that does not fit the others."""
    layers, query, view = about.layers, about.query, about.view
    if len(set(layers)) != len(layers) or max(layers) >= about.depth:
        return (
            f"field layers: expected numbers below depth ({about.depth}), each once, seen "
            f"{shown(list(layers))}"
        )
    if any(side % patch for side, patch in zip(view.target, view.patch, strict=True)):
        return (
            f"field view.target: expected whole patches of {view.patch[0]} × {view.patch[1]} px, "
            f"seen {shown(list(view.target))}"
        )
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
    view = about.view
    grid = (view.target[0] // view.patch[0], view.target[1] // view.patch[1])
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
