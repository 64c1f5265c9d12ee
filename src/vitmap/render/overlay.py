"""Overlay: a photo with a map laid over it, or with a mask cut out of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8

OPACITY = np.linspace(0.10, 0.80, 256)  # of the colour over the photo, from dark to bright
_DIMMED = 0.22  # brightness outside a mask
_GRAY = (77, 150, 29)  # ITU-R 601 in 1/256


def overlay(
    photo: UInt8[np.ndarray, "y x 3"],
    levels: UInt8[np.ndarray, "y x"],
    colors: UInt8[np.ndarray, "256 3"],
) -> UInt8[np.ndarray, "y x 3"]:
    """The photo in grey under the map's colours: the brighter the map, the more of its colour."""
    # There are but 256 levels over 256 greys: every pixel is looked up in the table of their mixes.
    tint = np.rint(colors * OPACITY[:, None]).astype(np.uint8)
    shine = np.rint(256 * (1 - OPACITY)).astype(int)
    under = (np.multiply.outer(shine, np.arange(256)) >> 8).astype(np.uint8)
    mixes = (tint[:, None] + under[:, :, None]).reshape(-1, 3)
    return np.take(mixes, levels * np.uint16(256) + _gray(photo), axis=0)


def cut_out(
    photo: UInt8[np.ndarray, "y x 3"], mask: Bool[np.ndarray, "y x"]
) -> UInt8[np.ndarray, "y x 3"]:
    """The photo inside the mask, dark grey outside, and a white line where the mask ends.

    The line is inside the mask, one pixel wide: without it nothing would tell the two apart where
    the photo itself is dark.
    """
    dark = (_gray(photo) * _DIMMED).astype(np.uint8)
    shown = np.where(mask[:, :, None], photo, dark[:, :, None])
    shown[_edge(mask)] = 255
    return shown


def _edge(mask: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    """The mask's pixels that have a neighbour outside it; the photo's own border is no edge."""
    wide = np.pad(mask, 1, mode="edge")
    inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & ~inside


def _gray(photo: UInt8[np.ndarray, "y x 3"]) -> UInt8[np.ndarray, "y x"]:
    red, green, blue = (photo[:, :, channel].astype(np.uint16) for channel in range(3))
    return (red * _GRAY[0] + green * _GRAY[1] + blue * _GRAY[2] >> 8).astype(np.uint8)
