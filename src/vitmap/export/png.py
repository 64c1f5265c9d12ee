"""PNG files of one map at the photo's own size: heatmap, mask, overlay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

_FAST = 1  # zlib level: twice the speed of the default for a tenth more bytes


def write_heatmap(
    path: Path, levels: UInt8[np.ndarray, "y x"], colors: UInt8[np.ndarray, "256 3"]
) -> None:
    """Colours alone, as a palette picture: the level of every pixel can be read back exactly."""
    image = Image.fromarray(levels)
    image.putpalette(colors.tobytes())
    image.save(path, compress_level=_FAST)


def write_mask(path: Path, mask: Bool[np.ndarray, "y x"]) -> None:
    """White where the mask is, black elsewhere; one bit a pixel."""
    Image.fromarray(mask).save(path, compress_level=_FAST)


def write_picture(path: Path, pixels: UInt8[np.ndarray, "y x 3"]) -> None:
    """RGB pixels as they are."""
    Image.fromarray(pixels).save(path, compress_level=_FAST)
