"""LabelMe: a JSON file a picture, with an exact mask for each region."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitmap.formats.json_stream import opened
from vitmap.inspection.finding import Finding
from vitmap.maps.regions import Region

VERSION = "5.3.0"  # the first whose shapes may be masks


def write_labelme(path: Path, found: Finding, label: str, picture: str) -> None:
    """One picture's regions as shapes of the type `mask`; `picture` is its path from this file.

    A mask's two points are its corner pixels, both inside, as LabelMe has them.
    """
    height, width = found.size
    about: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "shapes": [_shape(region, label) for region in found.regions],
        "imagePath": picture,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    with opened(path) as file:
        file.write(json.dumps(about, ensure_ascii=False, indent=1) + "\n")


def _shape(region: Region, label: str) -> dict[str, Any]:
    x0, y0, x1, y1 = region.box
    file = io.BytesIO()
    Image.fromarray(region.mask().astype(np.uint8)).save(file, "PNG")
    return {
        "label": label,
        "points": [[x0, y0], [x1 - 1, y1 - 1]],
        "group_id": None,
        "description": f"peak {region.peak:.4g}",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(file.getvalue()).decode("ascii"),
    }
