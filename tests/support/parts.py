"""Parts for the ranking's tests: a drawn MVTec set of gray parts with bright squares."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (48, 64)  # (y, x)


def part(
    seed: int, defect: tuple[int, int] | None = None, shift: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """A gray part with structure, a bright square of 8 px where it is defective, and its mask."""
    scene = np.random.default_rng(0).normal(0, 1, (12, 14)).repeat(8, axis=0).repeat(8, axis=1)
    y, x = 16 - shift[0], 16 - shift[1]
    chance = np.random.default_rng(seed)
    values = 90 + 25 * scene[y : y + SIZE[0], x : x + SIZE[1]] + 3 * chance.normal(size=SIZE)
    mask = np.zeros(SIZE, dtype=np.uint8)
    if defect is not None:
        spot = slice(defect[0], defect[0] + 8), slice(defect[1], defect[1] + 8)
        values[spot], mask[spot] = 255, 255
    return np.clip(values, 0, 255).astype(np.uint8), mask


def write(values: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def mvtec(root: Path, bad: int = 6, good: int = 3, train: int = 0, **kinds: str) -> Path:
    """Parts with a square each; `shift` moves every part its own way."""
    chance = np.random.default_rng(11)

    def one(seed: int, path: str, defective: bool) -> None:
        place = tuple(int(v) for v in chance.integers(0, (40, 56)))
        shift = tuple(int(v) for v in chance.integers(-8, 9, 2)) if kinds.get("shift") else (0, 0)
        values, mask = part(seed, place if defective else None, shift)
        write(values, root / path)
        if defective:
            write(mask, root / path.replace("test/", "ground_truth/").replace(".png", "_mask.png"))

    kind = kinds.get("kind", "spot")
    for number in range(train):
        one(100 + number, f"train/good/{number:02}.png", False)
    for number in range(good):
        one(200 + number, f"test/good/{number:02}.png", False)
    for number in range(bad):
        one(300 + number, f"test/{kind}/{number:02}.png", True)
    return root


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def strict(path: Path) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
