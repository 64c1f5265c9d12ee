"""The files of one picture of a review, and the small state from which all else is made again."""

from __future__ import annotations

import hashlib
import io
import itertools
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
from safetensors.numpy import save

from vitmap.commands.review.settings import EXPORTS, ReviewSettings
from vitmap.errors import DamagedFile, NotFinite, OutputError
from vitmap.files.checked import damaged, load_tensors
from vitmap.files.opener import MIB, open_file, read_file
from vitmap.files.place import inside
from vitmap.formats.labelme import write_labelme
from vitmap.formats.png import write_heatmap, write_mask, write_picture
from vitmap.formats.raw16 import write_raw16
from vitmap.inspection.finding import Finding
from vitmap.maps.scale import Scale
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.render.colormap import palette
from vitmap.render.overlay import overlay

THUMB = 640  # pixels of a thumbnail's longer side
_QUALITIES = (82, 70, 55, 40)
_COUNT, _ALL = 500, 42_000_000  # so many pictures and maps take so many bytes, not yet as text
_MOST, _LEAST = 66_000, 6_000  # bytes of a thumbnail
_STATE = "a state that vitmap review wrote"
_STATE_LIMIT = 256 * MIB
_TENSORS = {"heat": (np.floating, 2), "thumb": (np.uint8, 1)}
_JPEG = b"\xff\xd8\xff"
_NUMBERS = itertools.count()


@dataclass(frozen=True, eq=False)
class State:
    """What is kept of a picture: its heat, and a thumbnail for the page."""

    heat: Float[np.ndarray, "gy gx"]
    thumb: bytes  # JPEG

    def write(self, out: Path, name: str) -> str:
        """Whole or not at all, and on the disk when this returns; gives its sha256.

        Raises NotFinite for a heat that is none, UnsafeName where a link lies there, OSError.
        """
        if not np.isfinite(self.heat).all():
            raise NotFinite(f"{out / name}: the heat holds NaN or infinity: it is not kept.")
        tensors = {"heat": self.heat, "thumb": np.frombuffer(self.thumb, dtype=np.uint8)}
        content = save(tensors)
        aside(out, name, lambda partial: _durable(partial, content))
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def read(cls, out: Path, name: str, digest: str, view: View) -> State:
        """The state of a picture that is seen in that view.

        Raises DamagedFile where it is not what was written, UnsafeName where a link leads to it.
        """
        path = inside(out, name)
        try:
            content = read_file(path, _STATE_LIMIT)
        except OSError as error:
            raise DamagedFile(
                f"{path}: cannot be read ({error.strerror}): give the review's command again."
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged(path, _STATE, "it was changed after it was written")
        tensors = load_tensors(content, str(path), _STATE, _TENSORS)
        heat, thumb = tensors["heat"], tensors["thumb"].tobytes()
        if heat.shape != view.grid or not heat.size:
            raise damaged(path, _STATE, f"expected {view.grid} patches, seen {heat.shape}")
        if not thumb.startswith(_JPEG):
            raise damaged(path, _STATE, "tensor thumb: expected a JPEG")
        return cls(heat, thumb)


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
            files[place] = aside(out, place, how)

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


def aside(out: Path, name: str, write: Callable[[Path], Any]) -> int:
    """Write a file below a folder, whole or not at all; gives its size in bytes.

    Its own folder is made where it is missing. Raises UnsafeName where a link lies there or on the
    way, OutputError where a folder does, and what `write` raises.
    """
    path = inside(out, name)
    require_no_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Short, since the name itself may be as long as the file system takes.
    short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
    unique = f"{os.getpid()}-{next(_NUMBERS)}"  # of all processes and threads
    partial = path.with_name(f".{short}.{unique}.partial{path.suffix}")
    try:
        partial.unlink(missing_ok=True)  # a link with that name would be written through
        write(partial)
        size = partial.stat().st_size
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return size


def require_no_folder(path: Path) -> None:
    """Raises OutputError where a folder lies in a file's place."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, and a file of the review goes there: move it.")


def copy(source: Path, out: Path, name: str, size: int | None = None) -> None:
    """The same file below another folder, whole or not at all.

    Raises UnsafeName where a link lies at either place, DamagedFile where the file is missing, no
    regular one, or not of that size, OSError where it cannot be written.
    """
    found = inside(source, name)

    def write(partial: Path) -> None:
        with original, partial.open("xb") as file:
            shutil.copyfileobj(original, file, MIB)

    try:
        original = open_file(found)
        seen = os.fstat(original.fileno()).st_size
    except OSError as error:
        raise DamagedFile(
            f"{found}: cannot be read ({error.strerror}): give the shard's command again."
        ) from error
    with original:
        if size is not None and seen != size:
            raise DamagedFile(
                f"{found}: {seen:,} bytes, the journal says {size:,}: give the shard's command "
                "again."
            )
        aside(out, name, write)


def _write_raw16(path: Path, pixels: np.ndarray, unit: str, low: float) -> None:
    write_raw16(path, pixels, unit, low)


def _durable(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
