"""Checkpoint: a folder with a model's settings and weights, looked at before a library opens it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitmap.errors import UnsupportedModel
from vitmap.files.opener import MIB, kind_of, open_file, read_file
from vitmap.files.place import is_safe

# Weight files, the best first. A repository may hold one model several times: the first is read.
WEIGHTS = ["model.safetensors", "*.safetensors", "pytorch_model.bin", "pytorch_model*.bin"]
MOST_SETTINGS = 16 * MIB  # bytes of a config.json: the largest, with 20,000 labels, have one MiB
_MOST_INDEX = 64 * MIB
_SETTINGS = {"config.json", "preprocessor_config.json", "processor_config.json"}
_OPENED = {".json", ".safetensors", ".bin", ".pt", ".pth"}  # endings that a library may open


@dataclass(frozen=True)
class Checkpoint:
    """Where a model's files lie, and which revision they are."""

    name: str
    folder: Path
    revision: str | None

    def weights(self) -> list[Path]:
        """The weight files, safetensors before anything else."""
        found = (sorted(self.folder.glob(pattern)) for pattern in WEIGHTS)
        return next((files for files in found if files), [])

    def settings(self) -> dict[str, Any]:
        """What config.json says.

        Raises OSError where it cannot be read, ValueError where it is no JSON object.
        """
        value = _object(self.folder / "config.json", MOST_SETTINGS)
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
        return value

    def is_timm(self) -> bool:
        """Whether config.json is one of timm, which names an architecture."""
        try:
            return "architecture" in self.settings()
        except (OSError, ValueError):
            return False

    def digest(self) -> str:
        """sha256 over the weight files, in the order of their names."""
        total = hashlib.sha256()
        for path in self.weights():
            with open_file(path) as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()

    def require_regular(self) -> None:
        """Raises UnsupportedModel for what a library would wait for without end, or read elsewhere.

        A named pipe or a device in a model's folder, settings of gigabytes, and an index of weights
        that names files outside the folder. Links are followed: the hub's cache consists of them.
        """
        needed = _SETTINGS | {path.name for path in self.weights()}
        for path in self._opened():
            try:
                kind = kind_of(path)
                size = path.stat().st_size
            except OSError as error:
                if path.name in needed:
                    raise self._refused(f"{path.name} cannot be read ({error.strerror})") from error
                continue
            if kind and (path.name in needed or not path.is_dir()):
                raise self._refused(f"{path.name} is {kind}")
            most = MOST_SETTINGS if path.name in _SETTINGS else _MOST_INDEX
            indexes = path.name.endswith(".index.json")
            if (indexes or path.name in _SETTINGS) and size > most:
                raise self._refused(f"{path.name} has {size:,} bytes: expected at most {most:,}")
            if indexes and not kind:
                self._require_inside(path)

    def _opened(self) -> Iterator[Path]:
        try:
            entries = sorted(self.folder.iterdir())
        except OSError as error:
            raise self._refused(f"the folder cannot be read ({error.strerror})") from error
        return (path for path in entries if path.suffix in _OPENED)

    def _require_inside(self, index: Path) -> None:
        """The shards that an index names lie in the folder, and are regular files."""
        try:
            about = _object(index, _MOST_INDEX)
        except (OSError, ValueError):
            return  # the library says so in its own words
        named = about.get("weight_map") if isinstance(about, dict) else None
        for name in (
            sorted({str(name) for name in named.values()}) if isinstance(named, dict) else ()
        ):
            if not is_safe(name):
                raise self._refused(f"{index.name} names {name!r:.80}, which leads elsewhere")
            place = self.folder / name
            if os.path.lexists(place) and not place.is_file():
                raise self._refused(f"{index.name} names {name!r:.80}, which is no regular file")

    def _refused(self, what: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"{self.name}: {what}. Expected a folder with regular files: config.json, "
            "preprocessor_config.json, model.safetensors."
        )


def _object(path: Path, limit: int) -> Any:
    try:
        return json.loads(read_file(path, limit).decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None
