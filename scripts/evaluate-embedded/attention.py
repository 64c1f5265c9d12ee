"""The CLS row of the last layer, from the model's own eager attention: the slow, certain way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numpy import ndarray
from PIL import Image
from transformers import AutoConfig, AutoModel, PreTrainedModel, ViTModel

from pictures import square


def load(folder: Path | str, random: bool = False) -> PreTrainedModel:
    """A model in float32 that returns its attention; ``random`` gives it fresh weights instead."""
    config = AutoConfig.from_pretrained(folder, attn_implementation="eager")
    if random:
        torch.manual_seed(0)
        fresh = (
            ViTModel(config, add_pooling_layer=False)
            if config.model_type == "vit"
            else AutoModel.from_config(config)
        )
        return fresh.float().eval()
    extra = {"add_pooling_layer": False} if config.model_type == "vit" else {}
    return AutoModel.from_pretrained(folder, config=config, dtype=torch.float32, **extra).eval()


@torch.no_grad()
def head_maps(
    model: PreTrainedModel,
    pictures: Sequence[Image.Image],
    grid: int,
    mean: Sequence[float],
    std: Sequence[float],
    mirror: bool = False,
) -> Float[ndarray, "picture head patch"]:
    """Attention of CLS to each patch, head by head, on a ``grid`` x ``grid`` view of each picture.

    With ``mirror`` the model sees the picture mirrored and its map is mirrored back.
    """
    side = grid * model.config.patch_size
    maps = []
    for picture in pictures:
        pixels = np.asarray(square(picture, side), dtype=np.float32) / 255
        pixels = (pixels[:, ::-1] if mirror else pixels) - np.float32(mean)
        image = torch.from_numpy(rearrange(pixels / np.float32(std), "y x c -> 1 c y x").copy())
        more = {"interpolate_pos_encoding": True} if model.config.model_type == "vit" else {}
        last = model(image, output_attentions=True, **more).attentions[-1]
        rows = rearrange(last[0, :, 0, 1:].numpy(), "head (gy gx) -> head gy gx", gy=grid)
        maps.append(rearrange(rows[..., ::-1] if mirror else rows, "head gy gx -> head (gy gx)"))
    return np.stack(maps)


def centre_prior(grid: int) -> Float[ndarray, " patch"]:
    """A map that ignores the picture: a Gaussian in the middle, a quarter of the side wide."""
    axis = (np.arange(grid) + 0.5) / grid - 0.5
    falloff = np.exp(-(axis**2) / (2 * 0.25**2))
    return (falloff[:, None] * falloff).ravel()
