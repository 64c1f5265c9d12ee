"""Which transformers models are plain ViTs, and what a capture must know of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Family:
    """One model type of transformers, as its config.json names it.

    `prefix` is in the model's own order; registers follow it. `entry` is how pixels go in: as they
    are, with the order of patches kept (ViT-MAE shuffles them, even where it masks none), or
    packed patch by patch (SigLIP 2 NaFlex).
    """

    backbone: str
    classifier: str | None
    prefix: tuple[str, ...] = ("CLS",)
    entry: Literal["pixels", "ordered", "packed"] = "pixels"
    any_shape: bool = False  # positions for any size, whatever it was trained at
    registers: bool = False  # as many as its config.json says


FAMILIES: dict[str, Family] = {
    "vit": Family("ViTModel", "ViTForImageClassification"),
    "deit": Family("DeiTModel", "DeiTForImageClassification", ("CLS", "distillation")),
    "dinov2": Family("Dinov2Model", "Dinov2ForImageClassification"),
    "dinov2_with_registers": Family(
        "Dinov2WithRegistersModel", "Dinov2WithRegistersForImageClassification", registers=True
    ),
    "dinov3_vit": Family("DINOv3ViTModel", None, any_shape=True, registers=True),
    "beit": Family("BeitModel", "BeitForImageClassification"),
    "vit_mae": Family("ViTMAEModel", None, entry="ordered"),
    "vit_msn": Family("ViTMSNModel", "ViTMSNForImageClassification"),
    "ijepa": Family("IJepaModel", "IJepaForImageClassification", ()),
    "clip": Family("CLIPVisionModel", "CLIPForImageClassification"),
    "clip_vision_model": Family("CLIPVisionModel", "CLIPForImageClassification"),
    "siglip": Family("SiglipVisionModel", "SiglipForImageClassification", ()),
    "siglip_vision_model": Family("SiglipVisionModel", "SiglipForImageClassification", ()),
    "siglip2": Family("Siglip2VisionModel", "Siglip2ForImageClassification", (), "packed", True),
    "siglip2_vision_model": Family(
        "Siglip2VisionModel", "Siglip2ForImageClassification", (), "packed", True
    ),
}

_WINDOWED = ("swin", "maxvit", "maxx", "vitdet")  # parts of names


def windowed(kind: str) -> bool:
    """Whether models of this name attend within windows: no row of theirs covers the photo."""
    return any(part in kind.lower() for part in _WINDOWED)
