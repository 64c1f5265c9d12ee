"""Views: seeded crops of the training pictures, each with the teacher's answer cached beside it.

A shard holds one view of every picture at one size. Shards are written once, whole or not at all,
and read as memory maps, so a resumed run continues where the last one stopped.
"""

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16, UInt8
from numpy import ndarray
from PIL import Image
from student import PATCH
from teacher import Teacher
from torch import Tensor

from pictures import Picture

STRIDE = {320: 2, 480: 4}  # large views are dear to compute and to keep: not of every picture
WHOLE = 0.2  # share of views that are the whole central square, as in the evaluation


@dataclass(frozen=True)
class Shard:
    """One view of each of ``view`` pictures."""

    pixels: UInt8[ndarray, "view y x 3"]
    hidden: Float16[ndarray, "view token d"]


def crop(
    pixels: UInt8[ndarray, "y x 3"], size: int, rng: np.random.Generator
) -> UInt8[ndarray, "size size 3"]:
    """A random resized crop of a quarter or more, 3:4 to 4:3, mirrored half the time."""
    height, width = pixels.shape[:2]
    if rng.random() < WHOLE:
        area, aspect = 1.0, 1.0
    else:
        area, aspect = rng.uniform(0.25, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_w = min(width, np.sqrt(height * width * area * aspect))
    crop_h = min(height, np.sqrt(height * width * area / aspect))
    if area == 1.0:
        crop_w = crop_h = min(height, width)
    left, top = rng.uniform(0, width - crop_w), rng.uniform(0, height - crop_h)
    image = Image.fromarray(pixels).resize(
        (size, size), Image.Resampling.BICUBIC, box=(left, top, left + crop_w, top + crop_h)
    )
    out = np.asarray(image)
    return out[:, ::-1] if rng.random() < 0.5 else out


def shards(
    pictures: list[Picture],
    teacher: Teacher,
    size: int,
    count: int,
    cache: Path,
    device: torch.device,
) -> list[Shard]:
    """The first ``count`` shards at ``size`` px, written where they are missing."""
    pictures = pictures[:: STRIDE.get(size, 1)]
    return [_shard(pictures, teacher, size, number, cache, device) for number in range(count)]


def draw(
    pool: list[Shard], batch: int, rng: np.random.Generator
) -> tuple[UInt8[Tensor, "view y x 3"], Float16[Tensor, "view token d"]]:
    """A batch of views with their teacher states, uniformly over shards and pictures."""
    picked = [
        (pool[s], v)
        for s, v in zip(
            rng.integers(len(pool), size=batch),
            rng.choice(len(pool[0].pixels), size=batch, replace=False),
            strict=True,
        )
    ]
    pixels = np.stack([shard.pixels[v] for shard, v in picked])
    hidden = np.stack([shard.hidden[v] for shard, v in picked])
    return torch.from_numpy(pixels), torch.from_numpy(hidden)


def jitter(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mild brightness, contrast and saturation for the student alone (images in -1..1)."""
    views = len(images)

    def amount(low: float, high: float) -> Tensor:
        spread = torch.rand(views, 1, 1, 1, generator=generator) * (high - low) + low
        return spread.to(images.device)

    gray = images.mean(1, keepdim=True)
    saturation = amount(0.5, 1.4)
    saturation[amount(0, 1) < 0.1] = 0.0  # one view in ten without colour
    images = gray + (images - gray) * saturation
    level = images.mean((1, 2, 3), keepdim=True)
    return (level + (images - level) * amount(0.7, 1.3) + amount(-0.25, 0.25)).clamp(-1, 1)


def _shard(
    pictures: list[Picture],
    teacher: Teacher,
    size: int,
    number: int,
    cache: Path,
    device: torch.device,
) -> Shard:
    folder = cache / f"views-{size}-{number}"
    if not folder.exists():
        _write(folder, pictures, teacher, size, number, device)
    return Shard(
        np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "hidden.npy", mmap_mode="r")
    )


@torch.no_grad()
def _write(
    folder: Path,
    pictures: list[Picture],
    teacher: Teacher,
    size: int,
    number: int,
    device: torch.device,
) -> None:
    aside = folder.with_suffix(".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    grid, width = size // PATCH, teacher.backbone.config.hidden_size
    tokens = 1 + grid * grid
    open_memmap = np.lib.format.open_memmap
    pixels = open_memmap(aside / "pixels.npy", "w+", np.uint8, (len(pictures), size, size, 3))
    hidden = open_memmap(aside / "hidden.npy", "w+", np.float16, (len(pictures), tokens, width))
    rng, start = np.random.default_rng([size, number]), time.time()
    step = max(4, 6400 // tokens)
    for first in range(0, len(pictures), step):
        batch = pictures[first : first + step]
        span = slice(first, first + len(batch))
        pixels[span] = np.stack([crop(p.pixels, size, rng) for p in batch])
        with torch.autocast(device.type, torch.bfloat16):
            state = teacher.hidden(torch.from_numpy(pixels[span]).to(device), grid)
        hidden[span] = state.float().clamp(-6e4, 6e4).half().cpu().numpy()
    pixels.flush(), hidden.flush()
    aside.rename(folder)
    rate = len(pictures) / (time.time() - start)
    print(f"views {size} px, shard {number}: {len(pictures)} at {rate:.0f}/s", file=sys.stderr)
