"""PNG files: fast ones that decode to the very pixels that were given, and are no larger for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitmap
from vitmap.formats.png import write_heatmap, write_mask, write_picture
from vitmap.render.colormap import palette
from vitmap.render.overlay import overlay

CHELSEA = Path(__file__).parents[2] / "assets" / "chelsea.png"
SHAPES = [(1, 1), (1, 7), (7, 1), (2, 3), (61, 40), (300, 451)]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_written_is_read_back(shape: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    smooth = np.broadcast_to(np.arange(shape[0], dtype=np.uint8)[:, None, None], (*shape, 3))
    for pixels in (noise, smooth, np.ascontiguousarray(noise.transpose(1, 0, 2)).swapaxes(0, 1)):
        write_picture(tmp_path / "a.png", pixels)
        with Image.open(tmp_path / "a.png") as image:
            assert (image.format, image.mode) == ("PNG", "RGB")
            image.load()
            np.testing.assert_array_equal(np.asarray(image), pixels)
    levels, colors = noise[:, :, 0].copy(), palette()
    write_heatmap(tmp_path / "b.png", levels, colors)
    with Image.open(tmp_path / "b.png") as image:
        np.testing.assert_array_equal(np.asarray(image), levels)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), colors[levels])
    write_mask(tmp_path / "c.png", levels > 90)
    with Image.open(tmp_path / "c.png") as image:
        np.testing.assert_array_equal(np.asarray(image), levels > 90)


def test_a_picture_says_its_dots_an_inch_where_it_is_told(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    write_picture(tmp_path / "a.png", pixels, 120)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["dpi"] == pytest.approx((120, 120), abs=0.02)
    write_picture(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert "dpi" not in image.info


def test_an_overlay_is_about_as_small_as_pillow_makes_it(tmp_path: Path) -> None:
    photo = vitmap.read_photo(CHELSEA).pixels
    patches = np.random.default_rng(1).integers(0, 256, (38, 57), dtype=np.uint8)
    levels = patches.repeat(8, axis=0).repeat(8, axis=1)[:300, :451]
    pixels = overlay(photo, levels, palette())
    write_picture(tmp_path / "ours.png", pixels)
    Image.fromarray(pixels).save(tmp_path / "pillows.png", compress_level=1)
    ours, pillows = ((tmp_path / name).stat().st_size for name in ("ours.png", "pillows.png"))
    assert ours < 1.25 * pillows
