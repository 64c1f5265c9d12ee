"""Captured rows beside the model's eager ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import transformers

import vitmap
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.view import View


def eager_rows(
    model: TorchEngine, folder: Path, photo: vitmap.Photo, view: View
) -> list[torch.Tensor]:
    """The CLS rows of the same checkpoint under transformers' own eager attention."""
    eager = transformers.AutoModel.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    pixels = torch.from_numpy(model.pixels(photo, view))
    other = view.target != model.facts.native and "dinov2" not in eager.config.model_type
    options = {"interpolate_pos_encoding": True} if other else {}
    with torch.no_grad():
        output = eager(pixel_values=pixels, output_attentions=True, **options)
    return [attention[0, :, 0] for attention in output.attentions]


def assert_equal_rows(maps: vitmap.AttentionMaps, rows: list[torch.Tensor]) -> None:
    for place, layer in enumerate(maps.layers):
        expected = rows[layer].numpy()
        patches = maps.values[place].reshape(maps.heads, -1)
        captured = np.concatenate([maps.prefix[place], patches], axis=1)
        tolerance = 1e-5 * expected.max(axis=1, keepdims=True)
        assert (np.abs(captured - expected) <= tolerance).all()
