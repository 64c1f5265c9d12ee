"""safetensors files taken apart, put together, and sealed as vitmap seals them."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

from vitmap.files.checked import DIGEST, digest_of, seal

ENTRY = "vitmap"  # the metadata that holds vitmap's own JSON
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "U16": "uint16"}

Header = dict[str, Any]


def split(content: bytes) -> tuple[Header, bytearray]:
    """A file's header and its numbers."""
    [size] = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), bytearray(content[8 + size :])


def joined(header: Header, data: bytes, last: Callable[[str], str] = str) -> bytes:
    """The file of a header and numbers; `last` has the last word on the header's text."""
    text = last(json.dumps(header, separators=(",", ":"))).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def sealed_entry(about: Any, header: Header, data: bytes, before: str, content: bytes) -> Any:
    """vitmap's JSON with digests that fit the numbers, as a tamperer would make them.

    `before` and `content` are the entry and the file as vitmap wrote them. Raises ValueError where
    their own digests do not come out: vitmap seals in a way that this file does not know.
    """
    known, numbers = json.loads(before), split(content)
    for kind in (_row, _maps):
        if kind(known, *numbers) == known:
            try:
                return kind(about, header, data)
            except (KeyError, TypeError, ValueError):  # the header no longer tells its numbers
                return about
    raise ValueError(f"no way is known to seal {sorted(known)}")


def _row(about: dict[str, Any], header: Header, data: bytes) -> dict[str, Any] | None:
    """A row's entry: a digest of the tensors, and one of all."""
    if "tensors" not in about:
        return None
    found = hashlib.sha256()
    for name in _tensors(header):
        found.update(
            json.dumps([name, _NAMES[header[name]["dtype"]], header[name]["shape"]]).encode()
        )
        found.update(_numbers(header, data, name))
    rest = {key: value for key, value in about.items() if key != DIGEST}
    return seal({**rest, "tensors": found.hexdigest()})


def _maps(about: dict[str, Any], header: Header, data: bytes) -> dict[str, Any]:
    """The entry of saved maps: one digest of the tensors and of all else."""
    found = hashlib.sha256()
    for name in _tensors(header):
        found.update(f"{name} {tuple(header[name]['shape'])}\n".encode())
        found.update(_numbers(header, data, name))
    rest = {key: value for key, value in about.items() if key != DIGEST}
    found.update(digest_of(rest).encode())
    return {**rest, DIGEST: found.hexdigest()}


def _tensors(header: Header) -> list[str]:
    return sorted(name for name in header if name != "__metadata__")


def _numbers(header: Header, data: bytes, name: str) -> bytes:
    start, end = header[name]["data_offsets"]
    return bytes(data[start:end])
