"""The original program's algorithm (DINO's visualisation, as notebooks carry it), step by step."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn


def original_mask(maps: Tensor, threshold: float) -> Tensor:
    """Sort upwards, normalise, and keep what lies above `1 - threshold` of the running sum."""
    heads, gy, gx = maps.shape
    attentions = maps.reshape(heads, -1)
    values, order = torch.sort(attentions, dim=1)
    values = values / values.sum(dim=1, keepdim=True)
    running = values.cumsum(dim=1)
    above = running > (1 - threshold) + 1e-12  # the rule is about real numbers, not their rounding
    back = torch.argsort(order, dim=1)
    return torch.gather(above, 1, back).reshape(heads, gy, gx)


def original_files(folder: Path, pixel_values: Tensor, attention: Tensor, patch: int) -> None:
    """`img.png` and `attn-head0.png`… from the model's input and its last full attention matrix."""
    import matplotlib.image
    import torchvision

    rows = pixel_values.shape[-2] // patch
    columns = pixel_values.shape[-1] // patch
    heads = attention.shape[1]
    maps = attention[0, :, 0, 1:].reshape(heads, rows, columns)
    big = nn.functional.interpolate(maps[None], scale_factor=patch, mode="nearest")[0].numpy()
    grid = torchvision.utils.make_grid(pixel_values, normalize=True, scale_each=True)
    torchvision.utils.save_image(grid, folder / "img.png")
    for head in range(heads):
        name = folder / f"attn-head{head}.png"
        matplotlib.image.imsave(fname=name, arr=big[head], format="png")
