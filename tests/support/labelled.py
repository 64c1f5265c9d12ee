"""Labelled picture sets for the tests: trees of small pictures and masks, files of boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (6, 8)  # (y, x)


def picture(path: Path, size: tuple[int, int] = SIZE, **options: object) -> Path:
    """A gray picture."""
    return mask(path, np.full(size, 90, dtype=np.uint8), **options)


def mask(
    path: Path, values: np.ndarray | None = None, mode: str | None = None, **o: object
) -> Path:
    """A mask of those values, or one with a defect of 2 × 3 px."""
    if values is None:
        values = np.zeros(SIZE, dtype=np.uint8)
        values[1:3, 2:5] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **o)
    return path


def tree(root: Path, names: Sequence[str]) -> Path:
    """Pictures at those names; where a folder is one of masks, masks. A name with / at its end is
    an empty folder."""
    for name in names:
        if name.endswith("/"):
            (root / name).mkdir(parents=True)
        elif {"ground_truth", "Masks", "masks"} & set(Path(name).parts):
            mask(root / name)
        else:
            picture(root / name)
    return root


def coco(path: Path, images: Mapping[str, Sequence[Mapping[str, object]]]) -> Path:
    """A COCO file: annotations by the picture's name; categories 1 scratch and 2 dent."""
    data = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(images)],
        "annotations": [
            {"id": 10 * i + j, "image_id": i, **one}
            for i, found in enumerate(images.values())
            for j, one in enumerate(found)
        ],
        "categories": [{"id": 1, "name": "scratch"}, {"id": 2, "name": "dent"}],
    }
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
