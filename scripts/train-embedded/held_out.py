"""The learning curve: how well the student's map follows the teacher's on held-out classes.

Quick figures for choosing the best weights. The measurement that counts is
``scripts/evaluate-embedded``, which shares no code with this file.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from scipy.stats import spearmanr
from student import PATCH, cls_map, normalise, see
from teacher import Teacher
from torch import Tensor
from transformers import ViTModel

from pictures import Picture, centre_square

SIZES = {224: None, 480: 48}  # px: how many pictures (all, or so many spread over the classes)
MASS = 0.6


@dataclass(frozen=True)
class Reference:
    """Held-out pictures at one size with the teacher's maps of them, in float32."""

    pixels: UInt8[Tensor, "view y x 3"]
    maps: Float[ndarray, "view patch"]


@torch.no_grad()
def references(
    pictures: list[Picture], teacher: Teacher, cache: Path, device: torch.device
) -> dict[int, Reference]:
    """The teacher's maps of the central squares, computed once."""
    out = {}
    for size, count in SIZES.items():
        chosen = pictures if count is None else pictures[:: max(1, len(pictures) // count)][:count]
        pixels = torch.from_numpy(np.stack([centre_square(p.pixels, size) for p in chosen]))
        file = cache / f"held-out-{size}.npy"
        if not file.exists():
            maps = [
                cls_map(
                    teacher.logits(
                        teacher.entry(teacher.hidden(part.to(device), size // PATCH)), slice(0, 1)
                    )
                )
                for part in pixels.split(8)
            ]
            np.save(file, torch.cat(maps).cpu().numpy())
        out[size] = Reference(pixels, np.load(file))
    return out


@torch.no_grad()
def measure(
    model: ViTModel, references: dict[int, Reference], device: torch.device
) -> dict[str, float]:
    """Mean Spearman correlation and pointing at each size."""
    model.eval()
    figures = {}
    for size, reference in references.items():
        with torch.autocast(device.type, torch.bfloat16):
            maps = [
                cls_map(see(model, normalise(part.to(device))).logits).cpu()
                for part in reference.pixels.split(max(1, 8000 // (size // PATCH) ** 2))
            ]
        student = torch.cat(maps).numpy()
        pairs = list(zip(student, reference.maps, strict=True))
        figures[f"spearman_{size}"] = float(np.mean([spearmanr(a, b).statistic for a, b in pairs]))
        figures[f"pointing_{size}"] = float(
            np.mean([b[a.argmax()] >= mass_threshold(b) for a, b in pairs])
        )
    return figures


def mass_threshold(mass: Float[ndarray, " patch"], keep: float = MASS) -> float:
    """The smallest value inside the smallest set of patches that holds ``keep`` of the mass."""
    falling = np.sort(mass)[::-1]
    return float(falling[np.searchsorted(falling.cumsum(), keep * falling.sum())])


def record(file: Path, row: dict[str, float]) -> None:
    """Append one row of the learning curve."""
    fresh = not file.exists()
    with file.open("a", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(row))
        if fresh:
            writer.writeheader()
        writer.writerow({k: round(v, 5) for k, v in row.items()})
