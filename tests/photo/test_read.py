"""Every kind of picture file arrives upright, in RGB and 8 bits."""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import image_of, png_of
from vitmap.photo.read import Photo, read_photo

_ORIENTATION = 0x112  # the EXIF tag, and TIFF's own
LOSSLESS = {"quality": 95, "subsampling": 0}  # as near as a JPEG comes

# How a camera held that way would have stored an upright picture.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def upright() -> np.ndarray:
    """A red corner at the top left, a blue one at the bottom right, 32 wide and 16 high."""
    pixels = np.full((16, 32, 3), 30, dtype=np.uint8)
    pixels[:8, :8], pixels[8:, 24:] = (250, 0, 0), (0, 0, 250)
    return pixels


def saved(image: Image.Image, path: Path, **options: object) -> Photo:
    image.save(path, **options)
    return read_photo(path)


def row(photo: Photo) -> list[list[int]]:
    """The first row's pixels."""
    return photo.pixels[0].tolist()


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_lands_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright())))
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    options = {"jpg": LOSSLESS, "webp": {"lossless": True}}.get(suffix, {})
    photo = saved(stored, tmp_path / f"photo.{suffix}", exif=exif, **options)

    assert photo.size == (16, 32)
    np.testing.assert_allclose(photo.pixels.astype(int), upright(), atol=2 * (suffix == "jpg"))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_land_upright_too(suffix: str, tmp_path: Path) -> None:
    stored = Image.fromarray(np.array([[0, 65535], [0, 0], [257, 0]], dtype=np.uint16))
    exif = Image.Exif()
    exif[_ORIENTATION] = 6  # a quarter turn clockwise makes it upright
    photo = saved(stored, tmp_path / f"deep.{suffix}", exif=exif)
    assert photo.pixels[..., 0].tolist() == [[1, 0, 0], [0, 0, 255]]


WHITE, BLACK = [255, 255, 255], [0, 0, 0]
RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]
ON_WHITE = ("transparency composited on white",)
DEEP = "16 bits to 8, brightest value {} of 65535"
_DARK = ": dark, so it may hold 12-bit data that was never stretched"


def palette(**info: object) -> Image.Image:
    image = image_of([0, 1, 2])
    image.putpalette([*RED, *GREEN, *BLUE])
    image.info.update(info)
    return image


KINDS: dict[str, tuple[Image.Image, str, list[list[int]], tuple[str, ...]]] = {
    "grey": (image_of([0, 99, 255]), "png", [BLACK, [99] * 3, WHITE], ()),
    "1 bit": (image_of([0, 255]).convert("1"), "png", [BLACK, WHITE], ()),
    "1 bit TIFF": (image_of([0, 255]).convert("1"), "tif", [BLACK, WHITE], ()),
    "palette": (palette(), "png", [RED, GREEN, BLUE], ()),
    "palette, one colour clear": (palette(transparency=1), "png", [RED, WHITE, BLUE], ON_WHITE),
    "palette, alphas": (
        palette(transparency=bytes([255, 0, 51])),
        "png",
        [RED, WHITE, [204, 204, 255]],
        ON_WHITE,
    ),
    "palette GIF": (palette(transparency=2), "gif", [RED, GREEN, WHITE], ON_WHITE),
    "RGBA": (
        image_of([[*RED, 255], [*RED, 0], [0, 0, 0, 51]]),
        "png",
        [RED, WHITE, [204] * 3],
        ON_WHITE,
    ),
    "RGBA TIFF": (image_of([[*RED, 255], [*RED, 0]]), "tif", [RED, WHITE], ON_WHITE),
    "RGBA, nothing clear": (image_of([[*RED, 255], [*BLUE, 255]]), "png", [RED, BLUE], ()),
    "LA": (image_of([[0, 255], [0, 51], [9, 0]]), "png", [BLACK, [204] * 3, WHITE], ON_WHITE),
    "16 bits": (
        image_of([0, 257, 257 * 99 + 128, 65535], "16"),
        "png",
        [BLACK, [1] * 3, [99] * 3, WHITE],
        (DEEP.format(65535),),
    ),
    "16 bits TIFF": (
        image_of([0, 257 * 99 + 129], "16"),
        "tif",
        [BLACK, [100] * 3],
        (DEEP.format(25572),),
    ),
    "16 bits TIFF, big-endian": (
        image_of([0, 257 * 7, 65535], "16 big-endian"),
        "tif",
        [BLACK, [7] * 3, WHITE],
        (DEEP.format(65535),),
    ),
    "12 bits in 16": (
        image_of([0, 4095], "16"),
        "png",
        [BLACK, [16] * 3],
        (DEEP.format(4095) + _DARK,),
    ),
    "32 bits": (
        image_of([0, 65535], "32"),
        "tif",
        [BLACK, WHITE],
        (DEEP.format(65535),),
    ),
    "float": (image_of([0, 0.2, 1], "float"), "tif", [BLACK, [51] * 3, WHITE], ()),
    "CMYK TIFF": (
        Image.merge("CMYK", [image_of(ink) for ink in ([0, 0], [255, 0], [255, 0], [0, 255])]),
        "tif",
        [RED, BLACK],
        (),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_rgb(kind: str, tmp_path: Path) -> None:
    image, suffix, expected, notes = KINDS[kind]
    photo = saved(image, tmp_path / f"picture.{suffix}")
    assert row(photo) == expected
    assert photo.notes == notes
    assert photo.pixels.shape == (2, len(expected), 3)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(row(saved(red, tmp_path / "ink.jpg", quality=100))[0], RED, atol=2)


def test_a_16_bit_tiff_whose_white_is_zero(tmp_path: Path) -> None:
    photo = saved(image_of([0, 65535, 257], "16"), tmp_path / "x-ray.tif", tiffinfo={262: 0})
    assert row(photo) == [WHITE, BLACK, [254] * 3]


# (width, height, depth, colour type), samples, transparent colour → pixels
BY_HAND: dict[str, tuple[tuple[int, ...], list[int], list[int], list[list[int]]]] = {
    "grey, one clear": ((2, 1, 8, 0), [100, 7], [100], [WHITE, [7] * 3]),
    "RGB, one clear": ((2, 1, 8, 2), [1, 2, 3, *RED], [1, 2, 3], [WHITE, RED]),
    "16-bit grey, one clear": ((2, 1, 16, 0), [300, 257 * 40], [300], [WHITE, [40] * 3]),
    "16-bit RGB": ((1, 1, 16, 2), [0, 257 * 10, 65535], [], [[0, 10, 255]]),
    "16-bit grey and alpha": ((2, 1, 16, 4), [0, 65535, 0, 0], [], [BLACK, WHITE]),
    "2-bit grey": ((4, 1, 2, 0), [0b00011011], [], [BLACK, [85] * 3, [170] * 3, WHITE]),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_png_by_hand(kind: str, tmp_path: Path) -> None:
    header, samples, clear, expected = BY_HAND[kind]
    sample = "H" if header[2] == 16 else "B"
    raw = b"\0" + struct.pack(f">{len(samples)}{sample}", *samples)
    chunks = [(b"tRNS", struct.pack(f">{len(clear)}H", *clear))] if clear else []
    (tmp_path / "by-hand.png").write_bytes(png_of(header, raw, *chunks))
    photo = read_photo(tmp_path / "by-hand.png")
    assert row(photo) == expected
    assert ("transparency composited on white" in photo.notes) == (WHITE in expected[:2])


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_taken_and_said(suffix: str, tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (8, 8), tuple(color)) for color in (RED, BLUE))
    options = {"webp": {"lossless": True}}.get(suffix, {})
    photo = saved(
        red, tmp_path / f"film.{suffix}", save_all=True, append_images=[blue, red], **options
    )
    assert row(photo)[0] == RED
    assert photo.notes == ("first of 3 frames",)
    with Image.open(tmp_path / f"film.{suffix}") as film:
        film.seek(1)
        assert row(read_photo(film))[0] == RED


def test_the_digest_is_the_file_s_sha256(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    photo = saved(Image.fromarray(upright()), path)
    assert photo.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (photo.path, photo.name) == (path, "photo.png")


def test_arrays_and_pil_pictures_are_the_file_s_pixels(tmp_path: Path) -> None:
    photo = saved(Image.fromarray(upright()), tmp_path / "photo.png")
    turned = Image.fromarray(np.ascontiguousarray(STORED[6](upright())))
    turned.getexif()[_ORIENTATION] = 6
    for source in (upright(), upright()[::-1][::-1], Image.fromarray(upright()), turned):
        other = read_photo(source)
        np.testing.assert_array_equal(other.pixels, photo.pixels)
        assert (other.path, other.name) == (None, "picture")
        assert other.digest == hashlib.sha256(upright().tobytes()).hexdigest()
    assert row(read_photo(np.array([[7, 8]], dtype=np.uint8))) == [[7] * 3, [8] * 3]
    assert row(read_photo(np.array([[[0, 0, 0, 0]]], dtype=np.uint8))) == [WHITE]


def test_a_large_picture_is_no_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # upright() has 512
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo = saved(Image.fromarray(upright()), tmp_path / "large.png")
    np.testing.assert_array_equal(photo.pixels, upright())


def test_sixteen_bits_a_channel_give_their_upper_byte_and_say_so(tmp_path: Path) -> None:
    values = [0x0102, 0x80FF, 0xFFFF, 0x0000, 0x7F00, 0x1234]  # two RGB pixels
    raw = b"\x00" + b"".join(value.to_bytes(2, "big") for value in values)
    path = tmp_path / "deep.png"
    path.write_bytes(png_of((2, 1, 16, 2), raw))
    photo = read_photo(path)
    assert photo.pixels.tolist() == [[[0x01, 0x80, 0xFF], [0x00, 0x7F, 0x12]]]
    assert photo.notes == ("16 bits a channel, of which the upper 8 were taken",)
