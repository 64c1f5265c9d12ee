"""The training pictures: decoded once, split by class.

Whole classes are held out, so that the learning curve speaks about things the student has never
seen, not about other pictures of things it has.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

# A cat-like and a vehicle-like class among them; related classes (cougar, ferry) stay in training.
HELD_OUT = tuple(Path(__file__).with_name("held-out-classes.txt").read_text().split())


@dataclass(frozen=True)
class Picture:
    """One decoded picture, its class, and its name inside the archive."""

    pixels: UInt8[ndarray, "y x 3"]
    label: str
    name: str


def decode(archive: Path, cache: Path) -> list[Picture]:
    """Every picture of a ``class/name.jpg`` archive, from one flat file that is written once.

    JPEG decoding would otherwise cost a training step per batch on a machine with two cores.
    """
    flat, index = cache / "pictures.bin", cache / "pictures.json"
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        rows = []
        with tarfile.open(archive) as tar, flat.open("wb") as out:
            for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
                stream = tar.extractfile(member)
                assert stream is not None
                pixels = np.asarray(Image.open(io.BytesIO(stream.read())).convert("RGB"))
                rows.append([member.name, out.tell(), *pixels.shape[:2]])
                out.write(pixels.tobytes())
        index.write_text(json.dumps(rows))
    pool = np.memmap(flat, dtype=np.uint8, mode="r")
    pictures = []
    for name, start, height, width in json.loads(index.read_text()):
        pixels = pool[start : start + height * width * 3].reshape(height, width, 3)
        pictures.append(Picture(pixels, Path(name).parent.name, name))
    return pictures


def split(pictures: list[Picture]) -> tuple[list[Picture], list[Picture]]:
    """``(training, held out)``, by class."""
    train = [p for p in pictures if p.label not in HELD_OUT]
    held_out = [p for p in pictures if p.label in HELD_OUT]
    return train, held_out


def centre_square(pixels: UInt8[ndarray, "y x 3"], size: int) -> UInt8[ndarray, "size size 3"]:
    """Short side to ``size``, then the central square: what the evaluation shows both models."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
