"""maps.safetensors: the raw probabilities with all that is needed to draw them again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vitmap.errors import InputError
from vitmap.geometry import View
from vitmap.maps import AttentionMaps, Source
from vitmap.query import Query


def write_maps(path: str | Path, maps: AttentionMaps) -> None:
    """Raw maps as safetensors: `values` and `prefix` in float32, the rest as one JSON entry."""
    about = {
        "layers": maps.layers,
        "depth": maps.depth,
        "query": asdict(maps.query),
        "view": asdict(maps.view),
        "source": asdict(maps.source),
    }
    # One entry, since safetensors writes several in no fixed order: the same run, the same bytes.
    tensors = {"values": maps.values, "prefix": maps.prefix}
    Path(path).write_bytes(save(tensors, metadata={"vitmap": json.dumps(about, sort_keys=True)}))


def read_maps(path: str | Path) -> AttentionMaps:
    """What `write_maps` wrote; needs no torch.

    Raises InputError for a file that is missing, broken, or holds something else.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.")
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["vitmap"])
            values, prefix = file.get_tensor("values"), file.get_tensor("prefix")
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a maps.safetensors that vitmap wrote ({error}).") from error
    view = about["view"]
    return AttentionMaps(
        values=values,
        prefix=prefix,
        layers=tuple(about["layers"]),
        depth=about["depth"],
        query=_query(about["query"]),
        view=View(tuple(view["source"]), tuple(view["target"]), tuple(view["patch"]), view["fit"]),
        source=Source(**about["source"]),
    )


def _query(about: dict[str, Any]) -> Query:
    points = tuple((float(x), float(y)) for x, y in about.get("points", ()))
    return Query(about["kind"], about.get("index", 0), points)
