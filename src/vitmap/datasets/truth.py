"""Masks and shapes → the defect's pixels in the photo's own upright ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import ImageOps

from vitmap.datasets.samples import GOOD, Sample, counted, pixels
from vitmap.datasets.shapes import Shape, fill
from vitmap.errors import InputError
from vitmap.photo.read import Photo, decoding, frames_of, opened, read_bytes, told

_LOSSY = {"JPEG", "MPO", "JPEG2000", "WEBP", "AVIF"}
_LOSSY_IN_TIFF = {"jpeg", "tiff_jpeg", "webp"}
_OTHER_COLORS = {"CMYK", "YCbCr", "LAB", "HSV"}  # where zero is not black


def truth_mask(sample: Sample, photo: Photo) -> Bool[np.ndarray, "y x"]:
    """Where the defect lies in the photo, which is the sample's picture decoded.

    Raises InputError where that is not known, where it does not fit the photo's upright size, where
    a defect has no pixel and where a good picture has one.
    """
    if sample.truth is None:
        if sample.kind == GOOD:
            return np.zeros(photo.size, dtype=bool)
        raise InputError(f"{sample.path}: nothing says where its defect lies: give masks or boxes.")
    if isinstance(sample.truth, Path):
        mask = read_mask(sample.truth)
        if mask.shape != photo.size:
            raise InputError(_other_size(f"{sample.truth}: the mask has", mask.shape, photo))
    else:
        mask = _drawn(sample, sample.truth, photo)
    if sample.kind == GOOD and mask.any():
        raise InputError(
            f"{sample.path}: is called good, but {sample.truth} marks "
            f"{counted(int(mask.sum()), 'defect pixel')}: move the picture, or mend the mask."
        )
    if sample.kind != GOOD and not mask.any():
        raise InputError(
            f"{sample.truth}: holds no defect pixel, but {sample.path} is called "
            f"{sample.kind!r}: put the picture among the good ones, or mend the mask."
        )
    return mask


def read_mask(path: Path) -> Bool[np.ndarray, "y x"]:
    """The pixels that a mask marks, upright: all that are not zero.

    That is right for 0 and 255 (MVTec) and for class numbers (VisA) alike; the soft rim of a mask
    with smooth edges counts. Of palettes the index counts, of colours any channel; transparent
    pixels are not marked, and where the colour is one throughout, the opaque ones are. JPEG and
    other lossy formats leave faint rings around a defect: there, values from 128 on count.

    Raises InputError for a file that is no mask, PictureError for one that is no picture.
    """
    content = read_bytes(path)
    with decoding(str(path)), opened(content, str(path)) as image:
        frames = frames_of(image)
        if frames == 1:
            lossy = image.format in _LOSSY or image.info.get("compression") in _LOSSY_IN_TIFF
            upright = ImageOps.exif_transpose(image)
            if upright.mode in _OTHER_COLORS:
                upright = upright.convert("RGB")
            values, palette = np.asarray(upright), upright.getpalette()
    if frames > 1:
        raise InputError(f"{path}: holds {told(frames)}: a mask has one.")
    if palette is not None:
        values = values[..., 0] if upright.mode == "PA" else values
        _check_palette(path, values, palette)
    if upright.mode in ("LA", "RGBA", "La", "RGBa"):
        values = _opaque(values)
    if values.ndim == 3:
        values = values.max(axis=2)
    half = (int(np.iinfo(values.dtype).max) + 1) // 2 if lossy else 0
    mask = values >= half if lossy else values > 0
    if lossy and not mask.any() and values.any():
        raise InputError(
            f"{path}: its brightest value is {values.max()}: of a mask in a lossy format (JPEG, "
            f"WebP …), values from {half} on count. Save masks as PNG."
        )
    if mask.all():
        raise InputError(
            f"{path}: every pixel is marked: expected a mask that is 0 where the part is good. Is "
            "it inverted, or a photo?"
        )
    return mask


def _check_palette(path: Path, values: np.ndarray, palette: list[int]) -> None:
    """Index 0 is the background, unless black is another index that occurs: then nobody knows."""
    colors = np.array(palette).reshape(-1, 3)
    used = [index for index in np.unique(values) if index < len(colors)]
    black = [int(index) for index in used if not colors[index].any()]
    if 0 not in black and colors[0].any() and black:
        raise InputError(
            f"{path}: a palette whose index 0 is not black, while index {black[0]} is: which of "
            "them is the background? Save it in gray, 0 where the part is good."
        )


def _opaque(values: np.ndarray) -> np.ndarray:
    color, alpha = values[..., :-1], values[..., -1]
    if (color == color[0, 0]).all() and alpha.min() < alpha.max():
        return alpha
    return color.max(axis=2) * (alpha > 0)


def _drawn(sample: Sample, shapes: tuple[Shape, ...], photo: Photo) -> Bool[np.ndarray, "y x"]:
    if sample.size not in (None, photo.size):
        raise InputError(_other_size(f"{sample.path}: its shapes are in", sample.size, photo))
    mask = np.zeros(photo.size, dtype=bool)
    for shape in shapes:
        try:
            marked = fill(shape, photo.size)
        except InputError as error:
            raise InputError(f"{sample.path}: {error}") from None
        if not marked.any():
            raise InputError(
                f"{sample.path}: the {shape} marks no pixel of the picture of {pixels(photo.size)}."
            )
        mask |= marked
    return mask


def _other_size(what: str, size: tuple[int, int], photo: Photo) -> str:
    """Two sizes that differ, and whether the photo's EXIF rotation is why."""
    picture = f"{photo.path or 'the picture'} has {pixels(photo.size)}"
    if photo.path and size == photo.size[::-1] == _stored_size(photo.path):
        return (
            f"{what} {pixels(size)}, {picture} once its EXIF rotation is applied: it was drawn on "
            "the picture as stored. Rotate it as the picture is."
        )
    return f"{what} {pixels(size)}, {picture}: expected the same size."


def _stored_size(path: Path) -> tuple[int, int]:
    with decoding(str(path)), opened(read_bytes(path), str(path)) as image:
        return image.height, image.width
