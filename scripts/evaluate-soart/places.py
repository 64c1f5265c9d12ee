"""Where a map is hottest, and whether that is a defect."""

from dataclasses import dataclass

import numpy as np
from pairs import Box

from vitmap.photo.view import View
from vitmap.soart.regions import mask_of, regions_of

SHARE = 0.5  # of the hottest value, from which on pixels make a region
APART = 20  # pixels around a place that are passed over once it was looked at


@dataclass
class Hits:
    """Counts over pairs."""

    pairs: int = 0
    pixels: int = 0  # hottest pixel in a defect's box
    regions: int = 0  # middle of the hottest region's box in a defect's box
    shares: float = 0.0

    def add(self, judged: tuple[bool, bool, float]) -> None:
        pixel, region, share = judged
        self.pairs += 1
        self.pixels += pixel
        self.regions += region
        self.shares += share

    @property
    def found(self) -> float:
        """Mean share of a picture's defects that are found before the first false place."""
        return self.shares / self.pairs

    def figures(self) -> dict[str, float]:
        return {"pairs": self.pairs, "pixels": self.pixels, "regions": self.regions,
                "found": round(self.found, 4)}  # fmt: skip


def judge(values: np.ndarray, boxes: list[Box], moved: tuple[int, int]) -> tuple[bool, bool, float]:
    """Hottest pixel, hottest region, and the share of defects found before a false place."""
    down, right = moved
    boxes = [(x1 + right, y1 + down, x2 + right, y2 + down) for x1, y1, x2, y2 in boxes]
    y, x = (int(n) for n in np.unravel_index(int(values.argmax()), values.shape))
    view = View(values.shape, values.shape, (1, 1))
    hottest = regions_of(values, mask_of(values, SHARE * float(values.max())), view)[0]
    x0, y0, x1, y1 = hottest.box
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    return inside(x, y, boxes) >= 0, inside(*middle, boxes) >= 0, share_found(values.copy(), boxes)


def inside(x: float, y: float, boxes: list[Box]) -> int:
    """Which box a point lies in; -1 for none."""
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        if x1 <= x <= x2 and y1 <= y <= y2:
            return index
    return -1


def share_found(values: np.ndarray, boxes: list[Box]) -> float:
    """Go down from the hottest place, each time passing over what was looked at."""
    found: set[int] = set()
    while len(found) < len(boxes):
        y, x = (int(n) for n in np.unravel_index(int(values.argmax()), values.shape))
        index = inside(x, y, boxes)
        if index < 0 or values[y, x] <= 0:
            break
        found.add(index)
        values[max(0, y - APART) : y + APART + 1, max(0, x - APART) : x + APART + 1] = -1
    return len(found) / len(boxes)
