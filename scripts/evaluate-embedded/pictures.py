"""Pictures for the measurement: archives and folders, some classes of them, cut to a square."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def read(source: Path, classes: tuple[str, ...] = ()) -> Iterator[Image.Image]:
    """Every picture of a tar archive or a folder, in the order of names.

    ``classes`` keeps pictures whose parent folder has one of these names; empty keeps all.
    """
    for name, data in _archived(source) if source.is_file() else _in_folder(source):
        if Path(name).suffix.lower() not in SUFFIXES:
            continue
        if classes and Path(name).parent.name not in classes:
            continue
        yield ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def square(picture: Image.Image, side: int) -> Image.Image:
    """Short side to ``side`` and the central square, so that nothing is squashed."""
    return ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC)


def _archived(source: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(source) as tar:
        for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
            stream = tar.extractfile(member)
            assert stream is not None
            yield member.name, stream.read()


def _in_folder(source: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        yield str(path), path.read_bytes()
