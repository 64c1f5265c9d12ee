"""A small labelled set in the MVTec layout: good flanges, scratched and pitted ones, masks.

Every part has its own place under the camera and its own noise; every defect its own shape.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from defect import pits, scratch
from part import Pose, good_part, spoilt_part
from PIL import Image

SHRINK = 2  # the pictures are half as large as the parts beside them
COUNTS = {"train/good": 12, "test/good": 8, "test/scratch": 10, "test/pit": 10}
SPOILS = {"scratch": scratch, "pit": pits}


def flanges() -> Iterator[tuple[PurePosixPath, Image.Image]]:
    """Every picture and mask by its place in the set, from one fixed seed."""
    chance = np.random.default_rng(61)
    for folder, count in COUNTS.items():
        kind = folder.split("/")[1]
        for number in range(count):
            pose = Pose(chance.normal(0, 6), chance.normal(0, 5), chance.normal(0, 0.4))
            seed = int(chance.integers(1 << 30))
            place = PurePosixPath(folder) / f"{number:02d}.jpg"
            if kind == "good":
                yield place, smaller(good_part(pose, seed))
                continue
            picture, mask = spoilt_part(pose, SPOILS[kind], seed)
            yield place, smaller(picture)
            yield PurePosixPath("ground_truth") / kind / f"{number:02d}_mask.png", any_of(mask)


def smaller(picture: Image.Image) -> Image.Image:
    """The mean of each square of pixels."""
    return picture.reduce(SHRINK)


def any_of(mask: Image.Image) -> Image.Image:
    """Defective where any pixel of the square is."""
    return mask.convert("L").reduce(SHRINK).point(lambda level: 255 if level else 0)
