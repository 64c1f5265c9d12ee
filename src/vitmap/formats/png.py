"""PNG files of one map at the photo's own size: heatmap, mask, overlay."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

_FAST = 1  # zlib level: twice the speed of the default for a tenth more bytes
_RGB = (8, 2, 0, 0, 0)  # bits a channel, kind of colour, and the defaults of the format
_UP = 2  # the filter that keeps of each row what differs from the row above
_INCH = 0.0254  # metres


def write_heatmap(
    path: Path, levels: UInt8[np.ndarray, "y x"], colors: UInt8[np.ndarray, "256 3"]
) -> None:
    """Colours alone, as a palette picture: the level of every pixel can be read back exactly."""
    image = Image.fromarray(levels)
    image.putpalette(colors.tobytes())
    image.save(path, compress_level=_FAST)


def write_mask(path: Path, mask: Bool[np.ndarray, "y x"]) -> None:
    """White where the mask is, black elsewhere; one bit a pixel."""
    Image.fromarray(mask).save(path, compress_level=_FAST)


def write_picture(path: Path, pixels: UInt8[np.ndarray, "y x 3"], dpi: float | None = None) -> None:
    """RGB pixels as they are.

    Pillow tries five filters on every row, which takes as long as zlib itself. A photo under
    patches is served by one of them: this is twice as fast, for files of the same size.
    """
    height, width, _ = pixels.shape
    rows = pixels.reshape(height, -1)
    filtered = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # modulo 256, as the format has it
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, *_RGB))]
    if dpi is not None:
        chunks.append((b"pHYs", struct.pack(">2IB", *[round(dpi / _INCH)] * 2, 1)))
    chunks += [(b"IDAT", zlib.compress(filtered.data, _FAST)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
