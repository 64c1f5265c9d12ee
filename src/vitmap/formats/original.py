"""The files of the original program: `img.png` and `attn-head0.png`, at the model's own size.

The program is DINO's `visualize_attention.py` in the form that many notebooks copied: the model's
input stretched to its own range, and each head upsampled by nearest and saved with
`matplotlib.pyplot.imsave`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from vitmap.maps.maps import PatchMap
from vitmap.maps.scale import Scale


def write_model_input(path: Path, pixels: Float[np.ndarray, "3 y x"]) -> None:
    """The model's input by its own minimum and maximum, as `make_grid(normalize=True)` does it."""
    low, high = float(pixels.min()), float(pixels.max())
    shares = (pixels - np.float32(low)) / np.float32(max(high - low, 1e-5))
    bytes_ = np.clip(shares * 255 + 0.5, 0, 255).astype(np.uint8)
    Image.fromarray(np.ascontiguousarray(bytes_.transpose(1, 2, 0))).save(path)


def write_head(path: Path, cell: PatchMap, scale: Scale, colormap: str, upsample: str) -> None:
    """One head at the model's own size; with the scale `cell` just what `imsave` makes of it."""
    import matplotlib.image  # half of matplotlib: only where these files are asked for

    if scale.upper is None:
        values, low, high = cell.values, None, None
    else:
        values, (low, high) = cell.uniform, scale.limits(cell.uniform)
    pixels = cell.view.at_model().to_pixels(values, upsample)
    matplotlib.image.imsave(path, pixels, vmin=low, vmax=high, cmap=colormap, format="png")
