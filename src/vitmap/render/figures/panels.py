"""Panels of a photo's figure: how large its maps stand on the page, the photo with its label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vitmap.maps.maps import Prediction, Source
from vitmap.maps.names import display_name
from vitmap.photo.read import Photo
from vitmap.photo.view import View
from vitmap.render.page import INK, QUIET, Page, dots, letters, shorten

MARGIN, GAP = 0.30, 0.12  # inches
HEADER, CAPTION = 0.75, 0.50
AREA = 3.2  # square inches of one map where all stand in a line
WRAP = 6  # maps a line

Cell = TypeVar("Cell")


def in_lines(cells: Sequence[Cell]) -> list[tuple[tuple[float, float], Cell]]:
    """(line, column) of each map."""
    return [(divmod(index, WRAP), cell) for index, cell in enumerate(cells)]


def seen_as(photo: Photo, view: View, source: Source) -> str:
    """The model, and how the photo reaches it."""
    return (
        f"{shorten(display_name(source.model), 40)}  ·  photo {photo.size[1]} × "
        f"{photo.size[0]} px, seen at {view.target[1]} × {view.target[0]} px as {view.grid[1]} × "
        f"{view.grid[0]} patches  ·  {source.precision}"
    )


def photo_panel(
    page: Page, photo: Photo, prediction: Prediction | str, panel: tuple[float, float]
) -> None:
    """The photo, and below it what a classifier calls it, or why none does."""
    page.text(MARGIN, HEADER + 0.17, "photo", size=10, cut="Bold")
    page.picture(MARGIN, HEADER + CAPTION, resized(photo, *panel))
    y = HEADER + CAPTION + panel[1] + 0.24
    if isinstance(prediction, str):
        page.text(MARGIN, y, shorten(prediction, 44), size=7, color=QUIET)
        return
    for rank, (name, probability) in enumerate(prediction.labels):
        text = f"{probability:.2f}  {shorten(name.split(',')[0], letters(panel[0] - 0.3, 8))}"
        page.text(MARGIN, y, text, color=QUIET if rank else INK)
        y += 0.17
    who = shorten(display_name(prediction.model), letters(panel[0] - 0.4, 7))
    page.text(MARGIN, y, f"says {who}", size=7, color=QUIET)
    page.text(
        MARGIN, y + 0.14, f"at {prediction.size[1]} × {prediction.size[0]} px", size=7, color=QUIET
    )


def size_of(maps: int) -> float:
    """Up to three maps are drawn larger: there is room."""
    return max(1.0, min(2.0, 4 / maps))


def cell_size(photo: Photo, area: float) -> tuple[float, float]:
    """Width and height in inches: about equal areas, and wide enough for a caption."""
    aspect = _aspect(photo)
    width = max((area * aspect) ** 0.5, 1.3)
    return width, width / aspect


def panel_size(photo: Photo, cell_width: float) -> tuple[float, float]:
    """Width and height of the photo, in inches."""
    width = max(1.3 * cell_width, 2.1)
    return width, width / _aspect(photo)


def resized(photo: Photo, width: float, height: float) -> UInt8[np.ndarray, "y x 3"]:
    """The photo at a size in inches."""
    image = Image.fromarray(photo.pixels)
    return np.asarray(image.resize((dots(width), dots(height)), Image.Resampling.BOX))


def _aspect(photo: Photo) -> float:
    """Width by height; slivers are drawn less extreme than they are, so that they can be seen."""
    return min(max(photo.size[1] / photo.size[0], 0.3), 5.0)
