"""The files of one picture of a review, and the small state from which all else is made again."""

from __future__ import annotations

import hashlib
import io
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vitmap.errors import InputError
from vitmap.export.finding import Finding
from vitmap.export.labelme import write_labelme
from vitmap.export.png import write_heatmap, write_mask, write_picture
from vitmap.export.raw16 import write_raw16
from vitmap.geometry import View
from vitmap.images import Photo
from vitmap.render.colormap import palette
from vitmap.render.overlay import overlay
from vitmap.render.scale import Scale
from vitmap.run.review_settings import EXPORTS, ReviewSettings

THUMB = 640  # pixels of a thumbnail's longer side
_QUALITIES = (82, 70, 55, 40)
_COUNT, _ALL = 500, 42_000_000  # so many pictures and maps take so many bytes, not yet as text
_MOST, _LEAST = 66_000, 6_000  # bytes of a thumbnail


@dataclass(frozen=True, eq=False)
class State:
    """What is kept of a picture: its heat, and a thumbnail for the page."""

    heat: Float[np.ndarray, "gy gx"]
    thumb: bytes  # JPEG

    def write(self, path: Path) -> str:
        """Whole or not at all, and on the disk when this returns; gives its sha256."""
        tensors = {"heat": self.heat, "thumb": np.frombuffer(self.thumb, dtype=np.uint8)}
        content = save(tensors)
        aside(path, lambda partial: _durable(partial, content))
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def read(cls, path: Path, digest: str) -> State:
        """Raises InputError where it is not what was written."""
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise ValueError("it is not what was written")
            tensors = load(content)
            return cls(tensors["heat"], tensors["thumb"].tobytes())
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(
                f"{path}: cannot be used ({error}): run the same command again."
            ) from error


def room_for(pictures: int) -> int:
    """Bytes that a page has for each picture: the same for 500 or fewer, then half for each double.

    In steps, so that a picture more or less does not change the thumbnails of all others.
    """
    steps = max(0, math.ceil(math.log2(pictures / _COUNT))) if pictures else 0
    return _ALL // (_COUNT << steps)


def thumbnail(photo: UInt8[np.ndarray, "y x 3"], room: int) -> bytes:
    """The photo as a small JPEG that fits into some bytes."""
    room = min(_MOST, max(_LEAST, room))
    image = Image.fromarray(photo)
    image.thumbnail((THUMB, THUMB), Image.Resampling.HAMMING, reducing_gap=1.5)
    while True:
        for quality in _QUALITIES:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=quality)
            if file.tell() <= room:
                return file.getvalue()
        if max(image.size) < 64:
            return file.getvalue()
        width, height = (max(1, round(0.7 * side)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)


def write_files(
    out: Path,
    settings: ReviewSettings,
    found: Finding,
    heat: Float[np.ndarray, "gy gx"],
    view: View,
    photo: Photo | None,
    scale: Scale,
    low: float,
) -> dict[str, int]:
    """What the settings ask for of one picture; gives the files with their sizes in bytes.

    The photo is needed for an overlay alone.
    """
    files: dict[str, int] = {}
    colors = palette(settings.colormap)
    levels = (
        drawn_levels(heat, view, scale, settings.upsample)
        if {"heatmap", "overlay"} & set(settings.exports)
        else None
    )

    def write(kind: str, how: Callable[[Path], Any]) -> None:
        if kind in settings.exports:
            place = EXPORTS[kind][0].format(found.name)
            aside(out / place, how)
            files[place] = (out / place).stat().st_size

    if levels is not None:
        write("heatmap", lambda path: write_heatmap(path, levels, colors))
    if levels is not None and photo is not None:
        write("overlay", lambda path: write_picture(path, overlay(photo.pixels, levels, colors)))
    write("mask", lambda path: write_mask(path, found.mask))
    write("raw16", lambda path: _write_raw16(path, view.to_pixels(heat), found.unit, low))
    folder = out / "labelme"
    write(
        "labelme",
        lambda path: write_labelme(path, found, settings.label, relative(found.path, folder)),
    )
    return files


def drawn_levels(
    heat: Float[np.ndarray, "gy gx"], view: View, scale: Scale, upsample: str
) -> UInt8[np.ndarray, "y x"]:
    """The colour of every pixel."""
    if upsample != "nearest":
        return scale.levels(view.to_pixels(heat, upsample))
    rows, columns = view.owners()
    return scale.levels(heat)[rows][:, columns]  # a level a patch is found faster than a pixel


def relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder, with slashes; absolute where no such path exists."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.as_posix()


def aside(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short, since the name itself may be as long as the file system takes.
    short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    partial = path.with_name(f".{short}.partial{path.suffix}")
    try:
        write(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def copy(source: Path, target: Path) -> None:
    """The same file elsewhere, whole or not at all."""
    aside(target, lambda partial: shutil.copyfile(source, partial))


def _write_raw16(path: Path, pixels: np.ndarray, unit: str, low: float) -> None:
    write_raw16(path, pixels, unit, low)


def _durable(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
