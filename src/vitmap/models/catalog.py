"""Catalog: what can be loaded, and what lies on this machine; nothing of it is loaded for that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from vitmap.errors import ModelError
from vitmap.files.opener import is_file
from vitmap.models.checkpoint import Checkpoint
from vitmap.models.families import FAMILIES, windowed
from vitmap.models.hub import (
    EMBEDDED,
    cached_checkpoints,
    cached_files,
    find_checkpoint,
)


@dataclass(frozen=True)
class Entry:
    """A model on this machine; `trouble` says why no map can be read from it, where none can."""

    name: str  # as --model takes it
    family: str
    patch: int | None = None
    layers: int | None = None
    heads: int | None = None
    prefix: tuple[str, ...] = ()
    labels: int | None = None  # classes that it can name
    megabytes: float = 0.0  # of weights
    trouble: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def families() -> dict[str, dict[str, str]]:
    """Model types of transformers that maps can be read from: prefix tokens and default query."""
    return {
        kind: {
            "prefix": ", ".join([*family.prefix, *(["registers"] if family.registers else [])]),
            "query": "cls" if family.prefix else "pool" if "siglip" in kind else "mean",
        }
        for kind, family in FAMILIES.items()
        if not kind.endswith("_vision_model")
    }


def on_this_machine() -> list[Entry]:
    """The embedded model, every model in the hub's local cache, and torchvision's in torch's."""
    checkpoints = [find_checkpoint(EMBEDDED), *cached_checkpoints()]
    return [*(_entry(checkpoint) for checkpoint in checkpoints), *_of_torchvision()]


def _entry(checkpoint: Checkpoint) -> Entry:
    size = sum(path.stat().st_size for path in checkpoint.weights() if is_file(path)) / 1e6
    try:
        checkpoint.require_regular()
    except ModelError as error:
        trouble = str(error).removeprefix(f"{checkpoint.name}: ")
        return Entry(checkpoint.name, "unknown", megabytes=size, trouble=trouble)
    try:
        settings = checkpoint.settings()
        if "architecture" in settings:
            return _of_timm(checkpoint, str(settings["architecture"]), size)
        family = str(settings.get("model_type", "unknown"))
        if family not in FAMILIES:
            within = windowed(family)
            trouble = "attends within windows" if within else "no plain ViT that vitmap knows"
            return Entry(checkpoint.name, family, megabytes=size, trouble=trouble)
        return _of_transformers(checkpoint, family, settings, size)
    except Exception as error:  # whatever the file holds: the rest of the list is wanted
        trouble = f"config.json cannot be read ({type(error).__name__})"
        return Entry(checkpoint.name, "unknown", megabytes=size, trouble=trouble)


_NEEDED = ("patch_size", "num_hidden_layers", "num_attention_heads")


def _of_transformers(
    checkpoint: Checkpoint, family: str, settings: dict[str, Any], size: float
) -> Entry:
    vision = settings.get("vision_config", settings)
    needed = [*_NEEDED, *(["num_register_tokens"] if FAMILIES[family].registers else [])]
    if any(name not in vision for name in needed):
        # A config.json may leave out what equals its class's defaults: transformers knows those.
        from vitmap.models.hf import read_settings

        settings = read_settings(checkpoint)
        vision = settings.get("vision_config", settings)
    count = int(vision["num_register_tokens"]) if FAMILIES[family].registers else 0
    names = any("ForImageClassification" in name for name in settings.get("architectures") or [])
    patch = vision["patch_size"]
    return Entry(
        name=checkpoint.name,
        family=family,
        patch=int(patch if isinstance(patch, int) else patch[0]),
        layers=int(vision["num_hidden_layers"]),
        heads=int(vision["num_attention_heads"]),
        prefix=(*FAMILIES[family].prefix, *(f"register {i}" for i in range(count))),
        labels=len(settings.get("id2label") or {}) or 2 if names else None,
        megabytes=size,
        trouble=None if checkpoint.weights() else "no weights in the cache",
    )


def _of_timm(checkpoint: Checkpoint, architecture: str, size: float) -> Entry:
    """Its shape is known to timm alone, which builds it without weights."""
    name = checkpoint.name.removeprefix("timm/")
    entry = Entry(f"timm:{name}", architecture, megabytes=size)
    try:
        from vitmap.models.timm import shape_of

        patch, layers, heads, prefix, labels = shape_of(checkpoint)
    except ModuleNotFoundError:
        return replace(entry, trouble="timm is not installed: pip install 'vitmap[timm]'")
    except ModelError as error:
        return replace(entry, trouble=str(error))
    return replace(
        entry, patch=patch, layers=layers, heads=heads, prefix=prefix, labels=labels or None
    )


# torchvision's own table (torchvision.models.vision_transformer): patch, layers, heads.
_TORCHVISION = {
    "vit_b_16": (16, 12, 12),
    "vit_b_32": (32, 12, 12),
    "vit_l_16": (16, 24, 16),
    "vit_l_32": (32, 24, 16),
    "vit_h_14": (14, 32, 16),
}


def _of_torchvision() -> Iterator[Entry]:
    """`vit_b_16-c867db91.pth` or `vit_b_16_swag-9ac1b537.pth`: the name begins the file's name."""
    for path in filter(is_file, cached_files("vit_*.pth")):
        stem = path.stem.rpartition("-")[0]
        for architecture, (patch, layers, heads) in _TORCHVISION.items():
            if stem.startswith(architecture):
                yield Entry(
                    name=f"torchvision:{architecture}",
                    family=stem,
                    patch=patch,
                    layers=layers,
                    heads=heads,
                    prefix=("CLS",),
                    labels=1000,
                    megabytes=path.stat().st_size / 1e6,
                )
