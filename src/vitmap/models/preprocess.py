"""Preprocess: a photo at a given size as the numbers a checkpoint was trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vitmap.photo.read import Photo

Transform = Callable[[Image.Image], Tensor]  # of a library, to what its classifier saw
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """Resampling in 8 bits by Pillow, then (x · factor − mean) / std."""

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resample: int = Image.Resampling.BICUBIC
    factor: float = 1 / 255

    def __call__(self, photo: Photo, size: tuple[int, int]) -> Float[Tensor, "1 3 y x"]:
        """The photo at a size (y, x), aspect ratio as that size has it."""
        image = Image.fromarray(photo.pixels)
        resized = np.asarray(image.resize(size[::-1], Image.Resampling(self.resample)))
        values = torch.from_numpy(resized.copy()).float() * self.factor
        values = (values - torch.tensor(self.mean)) / torch.tensor(self.std)
        return rearrange(values, "y x c -> 1 c y x").contiguous()


def prepared(
    transform: Transform, look: Preprocess, photo: Photo, size: tuple[int, int] | None
) -> Float[Tensor, "1 3 y x"]:
    """The photo at a size (y, x); without one exactly as the library's own transform makes it."""
    if size is not None:
        return look(photo, size)
    return transform(Image.fromarray(photo.pixels))[None]
