"""16-bit PNG of a map at the photo's own size: numbers for other programs, on one fixed scale."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, UInt16
from msgspec import Meta
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from vitmap.errors import InputError, NotFinite
from vitmap.files.checked import convert, damaged, digest_of, parse_json
from vitmap.files.opener import GIB, read_file

STEP = 0.01  # of the unit, for one level of 65,536
KIND = "a 16-bit map that vitmap wrote (export it anew)"

_FULL = 65535


@dataclass(frozen=True)
class _About:
    """The text entry `vitmap`; those from before digests have none."""

    low: Annotated[float, Meta(ge=-1e12, le=1e12)]
    step: Annotated[float, Meta(ge=STEP, le=STEP)]
    unit: Annotated[str, Meta(min_length=1, max_length=200)]
    format: Literal[2] | None = None
    digest: str | None = None


def write_raw16(path: Path, values: Float[np.ndarray, "y x"], unit: str, low: float = 0.0) -> int:
    """value = low + 0.01 × level, the same for every picture, so that pictures compare.

    The PNG says so itself (text entry `vitmap`). Gives how many pixels lie outside what 16 bits
    hold, and were clipped. Raises NotFinite for what no level stands for.
    """
    if not np.isfinite(values).all():
        raise NotFinite(f"{path}: the map holds NaN or infinity: use --precision fp32.")
    levels = np.rint((values.astype(np.float64) - low) / STEP)
    bounded = np.clip(levels, 0, _FULL).astype(np.uint16)
    about: dict[str, Any] = {"low": low, "step": STEP, "unit": unit, "format": 2}
    text = PngInfo()
    text.add_text("vitmap", json.dumps({**about, "digest": _digest(about, bounded)}))
    Image.fromarray(bounded).save(path, "PNG", compress_level=1, pnginfo=text)
    return int(((levels < 0) | (levels > _FULL)).sum())


def read_raw16(path: Path) -> Float[np.ndarray, "y x"]:
    """The values that `write_raw16` wrote, to half a step.

    Raises InputError for a file that is missing or cannot be read, DamagedFile for one that is
    damaged or holds something else.
    """
    name = str(path)
    try:
        content = read_file(path, GIB)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    levels, text = _decoded(content, name)
    raw = parse_json(text, name, KIND)
    about: _About = convert(raw, _About, name, KIND)
    if (about.format, about.digest) != (None, None):
        if about.format is None:
            raise damaged(name, KIND, "field format: expected 2, seen null")
        rest = {key: value for key, value in raw.items() if key != "digest"}
        if about.digest != _digest(rest, levels):
            raise damaged(
                name, KIND, "its digest does not fit: it was changed after it was written"
            )
    return levels.astype(np.float32) * about.step + about.low


def _decoded(content: bytes, name: str) -> tuple[UInt16[np.ndarray, "y x"], str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large ones are as they were written
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                assert isinstance(image, PngImageFile)
                image.load()
                levels, text = np.asarray(image), image.text.get("vitmap")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(name, KIND, f"no PNG ({error})") from error
    if levels.ndim != 2 or levels.dtype != np.uint16 or text is None:
        seen = f"{levels.dtype} with {levels.ndim} axes"
        raise damaged(name, KIND, f"expected 16 bits gray with a text vitmap, seen {seen}")
    return levels, text


def _digest(about: dict[str, Any], levels: UInt16[np.ndarray, "y x"]) -> str:
    """sha256 over the levels, their shape, and what is said about them."""
    found = hashlib.sha256(f"{levels.shape}\n".encode())
    found.update(np.ascontiguousarray(levels, dtype="<u2").data)
    found.update(digest_of(about).encode())
    return found.hexdigest()
