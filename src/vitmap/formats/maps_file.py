"""What every maps.safetensors holds besides its maps, and the digest that seals it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from vitmap.files.checked import damaged, digest_of, parse_json, shown
from vitmap.maps.maps import Source
from vitmap.photo.view import View

FORMAT = 2
KIND = "a maps.safetensors that vitmap wrote (write it anew)"

_HEADER = 100_000_000  # bytes; safetensors reads no longer one

Text = Annotated[str, Meta(min_length=1, max_length=4096)]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Index = Annotated[int, Meta(ge=0, le=100_000)]
Side = Annotated[int, Meta(ge=1, le=1_000_000)]
_Size = tuple[Side, Side]


@dataclass(frozen=True)
class ViewField:
    """How the patches lie on the photo."""

    source: _Size
    target: _Size
    patch: _Size
    fit: Literal["keep", "squash"]

    @property
    def grid(self) -> tuple[int, int]:
        """Patches down and across."""
        return self.target[0] // self.patch[0], self.target[1] // self.patch[1]

    def wrong(self) -> str | None:
        """What does not fit, if anything."""
        if any(side % patch for side, patch in zip(self.target, self.patch, strict=True)):
            return (
                f"field view.target: expected whole patches of {self.patch[0]} × {self.patch[1]} "
                f"px, seen {shown(list(self.target))}"
            )
        return None

    def view(self) -> View:
        """The same as a View."""
        return View(self.source, self.target, self.patch, self.fit)


@dataclass(frozen=True)
class SourceField:
    """Where the numbers come from."""

    model: Text
    revision: Text | None
    digest: Sha256 | None
    method: Text
    precision: Literal["fp32", "bf16", "bf16 weights"]
    device: Text
    photo: Sha256 | None
    versions: dict[Text, Text]

    def source(self) -> Source:
        """The same as a Source."""
        return Source(**vars(self))


def digest_of_maps(about: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """sha256 over the numbers, their shapes, and all that is said about them."""
    rest = {key: value for key, value in about.items() if key != "digest"}
    found = hashlib.sha256()
    for tensor in sorted(tensors):
        values = tensors[tensor]
        found.update(f"{tensor} {values.shape}\n".encode())
        found.update(np.ascontiguousarray(values).data)
    found.update(digest_of(rest).encode())
    return found.hexdigest()


def said(content: bytes, name: str) -> Any:
    """The JSON entry of a safetensors file, read before its tensors; raises DamagedFile."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_HEADER, len(content) - 8):
        raise damaged(name, KIND, "no safetensors (its header does not fit into the file)")
    header = parse_json(content[8 : 8 + length], name, KIND)
    entries = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(entries, dict) or set(entries) != {"vitmap"}:
        seen = shown(sorted(entries) if isinstance(entries, dict) else entries)
        raise damaged(name, KIND, f"expected one entry vitmap, seen {seen}")
    if not isinstance(entries["vitmap"], str):
        raise damaged(name, KIND, f"entry vitmap: expected str, seen {shown(entries['vitmap'])}")
    return parse_json(entries["vitmap"], name, KIND)
