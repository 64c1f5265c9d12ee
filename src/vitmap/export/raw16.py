"""16-bit PNG of a map at the photo's own size: numbers for other programs, on one fixed scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from PIL.PngImagePlugin import PngInfo

STEP = 0.01  # of the unit, for one level of 65,536
_FULL = 65535


def write_raw16(path: Path, values: Float[np.ndarray, "y x"], unit: str, low: float = 0.0) -> int:
    """value = low + 0.01 × level, the same for every picture, so that pictures compare.

    The PNG says so itself (text entry `vitmap`). Gives how many pixels lie outside what 16 bits
    hold, and were clipped.
    """
    levels = np.rint((values.astype(np.float64) - low) / STEP)
    about = PngInfo()
    about.add_text("vitmap", json.dumps({"low": low, "step": STEP, "unit": unit}))
    bounded = np.clip(levels, 0, _FULL).astype(np.uint16)
    Image.fromarray(bounded).save(path, "PNG", compress_level=1, pnginfo=about)
    return int(((levels < 0) | (levels > _FULL)).sum())


def read_raw16(path: Path) -> Float[np.ndarray, "y x"]:
    """The values that `write_raw16` wrote, to half a step."""
    with Image.open(path) as image:
        about = json.loads(image.text["vitmap"])  # type: ignore[attr-defined]
        return np.asarray(image).astype(np.float32) * about["step"] + about["low"]
