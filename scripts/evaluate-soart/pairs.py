"""Pairs of a standard and a test picture, with the boxes of the defects in the latter."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitmap.photo.read import read_photo

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Pair:
    """RGB pixels, and boxes as x1, y1, x2, y2."""

    name: str
    standard: np.ndarray
    test: np.ndarray
    boxes: list[Box]


def read_pairs(folder: Path) -> list[Pair]:
    """Every test picture that has a template and boxes."""
    found = []
    for path in sorted((folder / "test").iterdir()):
        lines = (folder / "boxes" / f"{path.stem}.txt").read_text(encoding="utf-8").splitlines()
        boxes = [tuple(int(n) for n in line.split()[:4]) for line in lines if line.strip()]
        standard = read_photo(folder / "template" / path.name).pixels
        found.append(Pair(path.stem, standard, read_photo(path).pixels, boxes))
    return found
