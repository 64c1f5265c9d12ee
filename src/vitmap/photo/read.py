"""Decode: whatever a camera, a phone or an annotation tool wrote → Photo, upright RGB, 8 bits."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from vitmap import registry
from vitmap.errors import PictureError
from vitmap.files.opener import GIB, MIB, open_file

_JPEG = {".jfif", ".jpe", ".jpeg", ".jpg", ".jp2"}
_PLAIN = {".bmp", ".dib", ".pbm", ".pgm", ".pnm", ".ppm", ".tga", ".tif", ".tiff"}
_WEB = {".avif", ".gif", ".png", ".webp"}
SUFFIXES = frozenset(_JPEG | _PLAIN | _WEB)
MOST_BYTES = 4 * GIB  # of a picture's file
MOST_FRAMES = 1000  # that are counted: each page of a TIFF costs a look at all before it
MOST_SCANS = 32  # of a JPEG; programs write about 10
_MOST_PASSES = 2_000_000_000  # pixels times scans beyond that: 10 s and more
_AT_ONCE = 64 * MIB  # a file beyond that must look like a picture before it fills the memory
# What Pillow decodes in time that the file's size bounds. It opens others too: EPS is a program
# that Ghostscript runs, and FITS and DDS take minutes for pixels that a small file only claims.
_FORMATS = {
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "HEIF",
    "ICNS",
    "ICO",
    "IM",
    "JPEG",
    "JPEG2000",
    "MPO",
    "PCX",
} | {"PNG", "PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP", "XBM"}
_DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N"}
_PHOTOMETRIC = 262  # a TIFF's tag; 0 means that white is zero, which Pillow heeds up to 8 bits
_DIM = 4096  # a 16-bit picture that stays below this most likely holds 12-bit data


@dataclass(frozen=True, eq=False)
class Photo:
    """What was decoded, before anything is decided: RGB, 8 bits, upright.

    `notes` say what the file held beyond that: more frames, transparency, more bits.
    """

    pixels: UInt8[np.ndarray, "y x 3"]
    path: Path | None
    digest: str  # sha256 of the file, or of the pixels where there is none
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(y, x) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def name(self) -> str:
        """The file's name, for titles."""
        return self.path.name if self.path else "picture"

    def _repr_png_(self) -> bytes:
        return registry.notebook_views.get("Photo")(self)


def read_photo(source: str | Path | Image.Image | np.ndarray) -> Photo:
    """A photo from a file, a PIL picture or an array (y x, y x 3 or y x 4, 8 bits).

    EXIF orientation is applied, transparency composited on white, grey of 16 bits scaled by 1/257
    (of 16-bit RGB the upper byte is taken), CMYK and palettes turned to RGB; of an animation the
    first frame is taken. `notes` says so.

    Raises PictureError for what is no picture, is cut off, or is too large to be one in earnest.
    """
    if isinstance(source, np.ndarray):
        source = _of_array(source)
    if isinstance(source, Image.Image):
        with decoding("The picture"):
            pixels, notes = _upright_rgb(source, "The picture")
        return Photo(pixels, None, hashlib.sha256(pixels.tobytes()).hexdigest(), notes)
    path = Path(source)
    content = read_bytes(path)
    with decoding(str(path)), opened(content, str(path)) as image:
        pixels, notes = _upright_rgb(image, str(path))
    return Photo(pixels, path, hashlib.sha256(content).hexdigest(), notes)


def _of_array(array: np.ndarray) -> Image.Image:
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or array.size == 0:
        raise PictureError(
            f"The array is {array.dtype} of shape {array.shape}: "
            "expected uint8, y x, y x 3 or y x 4 (RGBA)."
        )
    return Image.fromarray(array)


def read_bytes(path: Path) -> bytes:
    """A picture file's content, of at most 4 GiB.

    Raises PictureError for what is missing, empty or too large, and for what is no regular file:
    a folder, a named pipe, a socket, a device, a link that leads to itself.
    """
    try:
        with open_file(path, MOST_BYTES) as file:
            if os.fstat(file.fileno()).st_size > _AT_ONCE:
                with decoding(str(path)):
                    Image.open(file).close()  # its header alone
                file.seek(0)
            content = file.read(MOST_BYTES + 1) or b""  # None of what waits: in /proc, say
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise PictureError(f"{path}: is a folder, not a picture.") from None
    except MemoryError:
        raise PictureError(f"{path}: needs more memory than there is.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: cannot be read ({reason}).") from error
    if len(content) > MOST_BYTES:  # it grew while it was read
        raise PictureError(f"{path}: cannot be read ({os.strerror(errno.EFBIG)}).")
    if not content:
        raise PictureError(f"{path}: the file is empty (0 bytes).")
    return content


@contextmanager
def opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The picture that a file's content holds, not decoded yet.

    Raises PictureError for a format that vitmap does not read, and what Pillow raises for what is
    no picture: open it within `decoding`.
    """
    with Image.open(io.BytesIO(content)) as image:
        if image.format not in _FORMATS:
            raise PictureError(
                f"{name}: not a picture that can be read (it is {image.format}; expected JPEG, "
                "PNG, TIFF, BMP, WebP, GIF …)."
            )
        _require_few_scans(content, image, name)
        yield image


def _require_few_scans(content: bytes, image: Image.Image, name: str) -> None:
    """A JPEG may refine all its pixels in any number of scans, 30 bytes each: hours in a MB."""
    if image.format not in ("JPEG", "MPO"):
        return
    scans = content.count(b"\xff\xda")  # the marker, which pixels never hold
    if scans > MOST_SCANS and scans * image.width * image.height > _MOST_PASSES:
        raise PictureError(
            f"{name}: has {scans:,} scans of {image.width} × {image.height} px, and decoding each "
            f"takes its time: expected at most {MOST_SCANS}. Save it again as JPEG or PNG."
        )


def frames_of(image: Any) -> int:
    """How many frames a picture holds, 1,001 for all numbers beyond 1,000; its first one is left
    open."""
    if image.tell():
        image.seek(0)
    steps = {"GIF": lambda frame: image._seek(frame, False), "TIFF": image.seek}
    step = steps.get(image.format)
    if step is None:  # the others state the number in their header
        frames = min(getattr(image, "n_frames", 1), MOST_FRAMES + 1)
    else:  # `n_frames` would look at all of them
        frames = 1
        with suppress(EOFError):
            while frames <= MOST_FRAMES:
                step(frames)
                frames += 1
    if frames > 1:
        image.seek(0)
    return frames


def told(frames: int) -> str:
    """The count of `frames_of` in words.

    >>> told(3), told(1001)
    ('3 frames', 'more than 1,000 frames')
    """
    return f"{frames} frames" if frames <= MOST_FRAMES else f"more than {MOST_FRAMES:,} frames"


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever Pillow raises inside becomes a PictureError that names the picture."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd EXIF and of large pictures; neither makes the picture wrong.
            warnings.simplefilter("ignore")
            yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(
            f"{name}: not a picture that can be read (expected JPEG, PNG, TIFF, BMP, WebP, GIF …)."
        ) from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PictureError(
            f"{name}: claims more than {limit} megapixels and may be a decompression bomb: "
            "cut it into tiles or shrink it first."
        ) from None
    except MemoryError as error:
        raise PictureError(
            f"{name}: needs more memory than there is: cut it into tiles or shrink it first."
        ) from error
    except Exception as error:
        # A file that begins like a picture and does not go on as one: Pillow's decoders raise
        # OSError, SyntaxError, ValueError, IndexError, TypeError, RuntimeError, struct.error …
        reason = str(error) or type(error).__name__
        raise PictureError(f"{name}: the picture is damaged or cut off ({reason}).") from error


def _upright_rgb(
    image: Image.Image, name: str
) -> tuple[UInt8[np.ndarray, "y x 3"], tuple[str, ...]]:
    notes: list[str] = []
    if (frames := frames_of(image)) > 1:
        notes.append(f"first of {told(frames)}")
    if image.mode in ("RGB", "RGBA") and ";16" in str(
        getattr(image, "tile", "")
    ):  # known before it is decoded
        notes.append("16 bits a channel, of which the upper 8 were taken")
    image.load()
    if image.mode in _DEEP or image.mode == "F":
        image = _to_8_bits(image, name, notes)
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        if np.asarray(rgba.getchannel("A")).min() < 255:
            notes.append("transparency composited on white")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.array(upright.convert("RGB")), tuple(notes)


def _to_8_bits(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    values = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16"):
        if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
            values = 65535 - values
        if isinstance(clear := image.info.get("transparency"), int):
            values[values == clear] = 65535
            notes.append("transparency composited on white")
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise PictureError(f"{name}: holds values that are no numbers (nan or infinite).")
    if image.mode == "F":
        if low < 0 or high > 1:
            raise PictureError(
                f"{name}: a floating-point picture with values {low:g} to {high:g}: "
                "expected 0 to 1, or save it with 8 or 16 bits."
            )
        full = 1.0
    elif low < 0 or high > 65535:
        raise PictureError(
            f"{name}: a 32-bit picture with values {low:g} to {high:g}: expected 16 bits "
            "(0 to 65535), or save it with 8 or 16 bits."
        )
    else:
        full = 65535.0
        notes.append(f"16 bits to 8, brightest value {high:g} of 65535")
        if 0 < high < _DIM:
            notes[-1] += ": dark, so it may hold 12-bit data that was never stretched"
    gray = Image.fromarray(np.rint(values * (255 / full)).astype(np.uint8))
    gray.info = {key: value for key, value in image.info.items() if key != "transparency"}
    if "exif" not in gray.info:
        gray.info["exif"] = (
            image.getexif().tobytes()
        )  # a TIFF keeps its orientation in its own tags
    return gray
