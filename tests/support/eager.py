"""Tiny models of every family, and their own eager attention."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
import transformers
from torch import nn

import tiny
import vitmap
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.read import read_photo
from vitmap.photo.view import View

SIZES = {"square": (64, 64), "landscape": (40, 90), "portrait": (90, 40)}


def backbone_of(network: nn.Module, **processor: object) -> TorchEngine:
    settings = {**tiny.PROCESSOR, **processor}
    return vitmap.from_transformers(network, transformers.ViTImageProcessor(**settings))


def photo_of(height: int, width: int) -> vitmap.Photo:
    rng = np.random.default_rng(height)
    return read_photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def tensor_of(model: TorchEngine, photo: vitmap.Photo, view: View) -> torch.Tensor:
    """The model's input for a view, as its network takes it."""
    return torch.from_numpy(model.pixels(photo, view))


def eager_matrices(model: TorchEngine, pixels: np.ndarray) -> list[torch.Tensor]:
    """softmax(QKᵀ) of every layer, whole, out of transformers' own eager attention.

    The inputs are made as the documentation of each family asks for them, not as vitmap makes them.
    """
    network: Any = deepcopy(model.network)
    network.set_attn_implementation("eager")
    pixels = torch.from_numpy(pixels)
    kind, inputs = network.config.model_type, {"pixel_values": pixels}
    if kind == "siglip2_vision_model":
        batch, _, height, width = pixels.shape
        gy, gx, p = height // 4, width // 4, 4
        patches = pixels.reshape(batch, 3, gy, p, gx, p).permute(0, 2, 4, 3, 5, 1)
        inputs = {
            "pixel_values": patches.reshape(batch, gy * gx, p * p * 3),
            "pixel_attention_mask": torch.ones(batch, gy * gx, dtype=torch.int32),
            "spatial_shapes": torch.tensor([[gy, gx]] * batch),
        }
    elif kind == "vit_mae":
        network.embeddings.config.mask_ratio = 0.0
        count = (pixels.shape[-2] // 4) * (pixels.shape[-1] // 4)
        inputs["noise"] = torch.linspace(0, 1, count)[None]
    interpolates = kind in (
        ["vit", "deit", "vit_mae", "vit_msn", "ijepa", "clip_vision_model", "siglip_vision_model"]
    )
    if interpolates and tuple(pixels.shape[-2:]) != model.facts.native:
        inputs["interpolate_pos_encoding"] = True
    with torch.no_grad():
        return list(network(**inputs, output_attentions=True).attentions)
