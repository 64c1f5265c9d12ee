"""Picture → vectors: shrunk, cut into patches, answered by the kernels, sorted into columns."""

from __future__ import annotations

from functools import cache

import numpy as np
from einops import rearrange
from jaxtyping import Float, UInt8

from vitmap.soart.kernels import kernels
from vitmap.soart.settings import TableSettings

Pixels = UInt8[np.ndarray, "_ _ 3"]  # of any size: pictures of one call may differ in theirs
_SHARES = np.array([299, 587, 114], dtype=np.float32)  # of red, green and blue, in thousandths


def shrink(pixels: UInt8[np.ndarray, "y x 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The pixels at floor(i · side / size), both ways: the nearest neighbour above and to the left.

    Pillow's own nearest neighbour takes the pixel under the centre, which is another one.
    """
    height, width, _ = pixels.shape
    rows, columns = _sources(height, size), _sources(width, size)
    return pixels.take(rows, axis=0).take(columns, axis=1)


def gray(pixels: UInt8[np.ndarray, "*n y x 3"]) -> UInt8[np.ndarray, "*n y x"]:
    """ITU-R 601 rounded to the nearest integer, in whole numbers and so the same everywhere.

    OpenCV and Pillow round the three weights to 14 to 16 bits first and differ from this by one
    level in about one colour of a thousand; on gray pixels all three agree.
    """
    # Thousandths fit a float32 exactly; the half keeps the quotient clear of whole numbers.
    thousandths = pixels.astype(np.float32) @ _SHARES
    return ((thousandths + np.float32(500.5)) / np.float32(1000)).astype(np.uint8)


def planes(
    small: UInt8[np.ndarray, "picture size size 3"], settings: TableSettings
) -> Float[np.ndarray, "picture channel size size"]:
    """Shrunk pictures as what the kernels see: gray or channels, 0 to `white`."""
    if settings.color == "gray":
        values = gray(small)[:, None].astype(np.float64)
    else:
        values = rearrange(small, "picture y x channel -> picture channel y x").astype(np.float64)
    return values if settings.white == 255 else values * (settings.white / 255)


def vectors(
    seen: Float[np.ndarray, "picture channel size size"], settings: TableSettings
) -> Float[np.ndarray, "picture column element"]:
    """The kernels' answers, sum(kernel · patch), in the columns of the tables.

    Patches do not overlap and are not padded. A column is one area of the grid, row by row; inside
    it the order is patch, channel, kernel. With `rgb-split` the columns are those of red, then of
    green, then of blue.
    """
    side, (rows, columns) = settings.kernel, settings.grid
    patches = rearrange(seen, "n c (py ky) (px kx) -> n c py px (ky kx)", ky=side, kx=side)
    answers = patches @ rearrange(kernels(side), "kernel ky kx -> (ky kx) kernel")
    if settings.decimals is not None:
        answers = np.round(answers, settings.decimals)
    order = "n (r c) (py px ch k)" if settings.color != "rgb-split" else "n (ch r c) (py px k)"
    return rearrange(answers, f"n ch (r py) (c px) k -> {order}", r=rows, c=columns)


@cache
def _sources(side: int, size: int) -> np.ndarray:
    found = np.arange(size) * side // size
    found.flags.writeable = False
    return found
