"""Picture files for the tests: small ones by value, and ones that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

_DEPTHS = {"8": "u1", "16": "<u2", "16 big-endian": ">u2", "32": "<i4", "float": "<f4"}


def image_of(values: Sequence, depth: str = "8") -> Image.Image:
    """A picture of one row of values, doubled so that it is no sliver."""
    return Image.fromarray(np.asarray([values, values], dtype=_DEPTHS[depth]))


def png_of(header: tuple[int, ...], raw: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG written by hand: width, height, depth, colour type; for what Pillow does not write."""
    body = [(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *chunks]
    body += [(b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    pieces = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in body
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def bytes_of(kind: str, **options: object) -> bytes:
    """A picture file of random colours, 64 × 64 px; "JPEG", "PNG" and other names of Pillow's."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def tiff_of(values: Sequence[float], depth: str) -> bytes:
    """A TIFF file of one row of values."""
    file = io.BytesIO()
    image_of(values, depth).save(file, "TIFF")
    return file.getvalue()
