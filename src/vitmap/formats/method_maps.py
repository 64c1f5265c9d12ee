"""maps.safetensors of a method other than attention: values in its unit, and which map is which.

They have always been sealed, as format 2 of the maps of attention is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from vitmap.errors import UsageError
from vitmap.files.checked import convert, damaged, load_tensors, shown
from vitmap.formats.maps_file import (
    FORMAT,
    KIND,
    Index,
    Sha256,
    SourceField,
    Text,
    ViewField,
    digest_of_maps,
)
from vitmap.maps.keys import MapKey
from vitmap.maps.method_maps import Maps
from vitmap.registry import METHODS

ATTENTION = "attention"  # its maps are held as probabilities, with those on the prefix tokens
_TENSORS = {"values": (np.float32, 3)}


@dataclass(frozen=True)
class _Key:
    layers: Annotated[tuple[Index, ...], Meta(min_length=1)]
    heads: tuple[Index, ...]


@dataclass(frozen=True, kw_only=True)
class _About:
    format: Literal[2]
    keys: Annotated[tuple[_Key, ...], Meta(min_length=1)]
    unit: Text
    signed: bool
    view: ViewField
    source: SourceField
    digest: Sha256


def is_packed(about: Any) -> bool:
    """Whether an entry of maps.safetensors is of a method other than attention."""
    return isinstance(about, dict) and "keys" in about


def packed(maps: Maps) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensor `values` [map gy gx] in float32, and all that is said of it.

    The keys stand in the order of the maps. There is no `prefix`: the values are no probabilities.
    """
    about = {
        "format": FORMAT,
        "keys": [{"layers": key.layers, "heads": key.heads} for key in maps.keys],
        "unit": maps.unit,
        "signed": maps.signed,
        "view": asdict(maps.view),
        "source": asdict(maps.source),
    }
    return {"values": np.ascontiguousarray(maps.values, dtype=np.float32)}, about


def unpacked(content: bytes, raw: Mapping[str, Any], name: str) -> Maps:
    """What `packed` packed, of a file's bytes and its entry; raises DamagedFile."""
    about: _About = convert(raw, _About, name, KIND)
    values = load_tensors(content, name, KIND, _TENSORS)["values"]
    if about.digest != digest_of_maps(raw, {"values": values}):
        raise damaged(name, KIND, "its digest does not fit: it was changed after it was written")
    wrong = _contradiction(about) or about.view.wrong() or _misfit(about, values)
    if wrong is not None:
        raise damaged(name, KIND, wrong)
    return Maps(
        values=values,
        keys=tuple(MapKey(key.layers, key.heads) for key in about.keys),
        unit=about.unit,
        signed=about.signed,
        view=about.view.view(),
        source=about.source.source(),
    )


def _contradiction(about: _About) -> str | None:
    """The first field that does not fit the others."""
    method = about.source.method
    if method == ATTENTION:
        return f"field keys: not known for the method {ATTENTION}"
    try:
        METHODS.require(method)
    except UsageError as error:
        return f"field source.method: {str(error).rstrip('.')}"
    for number, key in enumerate(about.keys):
        twice = key in about.keys[:number]
        for what, indices in (("layers", key.layers), ("heads", key.heads)):
            if twice or len(set(indices)) != len(indices):
                seen = shown(list(indices))
                return (
                    f"field keys[{number}].{what}: expected each map and number once, seen {seen}"
                )
    return None


def _misfit(about: _About, values: np.ndarray) -> str | None:
    wanted = (len(about.keys), *about.view.grid)
    if values.shape == wanted and values.size:
        return None
    return (
        f"tensor values: expected {wanted[0]} maps (keys) of {wanted[1]} × {wanted[2]} patches, "
        f"seen {shown(list(values.shape))}"
    )
