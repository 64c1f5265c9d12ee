"""Masks of every mode, size and format: which pixels they mark, and which masks are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelled import SIZE, mask, picture
from vitmap.datasets import Sample, read_masked, truth_mask
from vitmap.errors import InputError
from vitmap.photo.read import read_photo

BLACK = np.zeros(SIZE, dtype=np.uint8)
# What a tool may write for a defect at row 1, columns 2 and 3 of 2 × 5 pixels.
MARKED = np.array([[0, 0, 0, 0, 0], [0, 0, 1, 1, 0]], dtype=np.uint8)


def _palette(colors: list[int]) -> Image.Image:
    image = Image.fromarray(MARKED).convert("P")
    image.putdata(MARKED.ravel().tolist())
    image.putpalette(colors)
    return image


def _alpha(color: tuple[int, ...], alpha: np.ndarray) -> Image.Image:
    image = Image.new("RGB", MARKED.shape[::-1], color)
    image.putalpha(Image.fromarray(alpha))
    return image


def _red_strokes() -> Image.Image:
    image = Image.fromarray(np.stack([MARKED * 9, MARKED * 0, MARKED * 0], axis=2))
    image.putalpha(255)
    return image


def _hidden_color() -> Image.Image:
    rgb = np.full((*MARKED.shape, 3), 255, dtype=np.uint8)
    rgb[MARKED > 0] = (0, 200, 0)
    image = Image.fromarray(rgb)
    image.putalpha(Image.fromarray(MARKED * 255))
    return image


MODES: dict[str, Callable[[], Image.Image]] = {
    "0 and 255": lambda: Image.fromarray(MARKED * 255),
    "class numbers": lambda: Image.fromarray(MARKED * np.array([1, 1, 1, 7, 1], dtype=np.uint8)),
    "1 bit": lambda: Image.fromarray(MARKED * 255).convert("1"),
    "16 bits": lambda: Image.fromarray(MARKED.astype(np.uint16) * 300),
    "palette of a classes' tool": lambda: _palette([0, 0, 0, 128, 0, 0]),
    "palette that is black throughout": lambda: _palette([0, 0, 0, 0, 0, 0]),
    "palette without black": lambda: _palette([255, 255, 255, 128, 0, 0]),
    "colour": lambda: Image.fromarray(np.stack([MARKED * 0, MARKED * 0, MARKED], axis=2)),
    "colour, opaque": _red_strokes,
    "colour under transparency": _hidden_color,
    "transparency alone": lambda: _alpha((0, 0, 0), MARKED * 200),
    "transparency alone, white": lambda: _alpha((255, 255, 255), MARKED),
}


@pytest.mark.parametrize("mode", MODES)
def test_masks_of_every_mode(mode: str, tmp_path: Path) -> None:
    image, path = MODES[mode](), tmp_path / "mask.png"
    image.save(path)
    sample = Sample(picture(tmp_path / "a.png", MARKED.shape), "dent", path)
    assert np.array_equal(truth_mask(sample, read_photo(sample.path)), MARKED > 0)


def test_floats_and_32_bits_in_a_tiff(tmp_path: Path) -> None:
    photo = read_photo(picture(tmp_path / "a.png", MARKED.shape))
    for dtype in (np.float32, np.int32):
        path = mask(tmp_path / "mask.tif", MARKED.astype(dtype))
        assert np.array_equal(truth_mask(Sample(path, "dent", path), photo), MARKED > 0)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
def test_rings_around_a_defect_in_a_lossy_mask_do_not_count(suffix: str, tmp_path: Path) -> None:
    truth = np.zeros((64, 64), dtype=np.uint8)
    truth[20:41, 13:30] = 255
    options = {"quality": 70} | ({"compression": "jpeg"} if suffix == "tif" else {})
    path = mask(tmp_path / f"masks/a.{suffix}", truth, **options)
    assert ((np.asarray(Image.open(path).convert("L")) > 0) != (truth > 0)).sum() > 10
    picture(tmp_path / "a/a.png", (64, 64))
    dataset = read_masked([tmp_path / "a"], tmp_path / "masks")
    found = truth_mask(dataset.samples[0], read_photo(dataset.samples[0].path))
    assert (found != (truth > 0)).sum() <= 4
    remark = (
        "1 mask in JPEG: values from 128 on are taken as defect; save masks as PNG to have them "
        "exact."
    )
    assert dataset.remarks == ((remark,) if suffix == "jpg" else ())


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def test_a_rotated_photo_and_its_mask(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (6, 8), exif=_exif(6))
    photo = read_photo(path)
    assert photo.size == (8, 6)
    upright = np.zeros((8, 6), dtype=np.uint8)
    upright[1, 2] = 1
    sample = Sample(path, "dent", mask(tmp_path / "upright.png", upright))
    assert np.array_equal(truth_mask(sample, photo), upright > 0)
    for name, depth in (("stored.png", np.uint8), ("deep.png", np.uint16)):
        stored = np.rot90(upright).astype(depth)
        rotated = Sample(path, "dent", mask(tmp_path / name, stored, exif=_exif(6)))
        assert np.array_equal(truth_mask(rotated, photo), upright > 0)
    with pytest.raises(InputError) as caught:
        truth_mask(Sample(path, "dent", mask(tmp_path / "no.png", np.rot90(upright))), photo)
    assert str(caught.value) == (
        f"{tmp_path}/no.png: the mask has 8 × 6 px, {path} has 6 × 8 px once its EXIF rotation is "
        "applied: it was drawn on the picture as stored. Rotate it as the picture is."
    )


EIGHT = np.arange(48, dtype=np.uint8).reshape(SIZE)
BAD_MASKS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    # kind of the picture, what to save as a mask, the error
    "another size": (
        "dent",
        lambda path: mask(path, BLACK[1:]),
        "{m}: the mask has 8 × 5 px, {p} has 8 × 6 px: expected the same size.",
    ),
    "black": (
        "dent",
        lambda path: mask(path, BLACK),
        "{m}: holds no defect pixel, but {p} is called 'dent': put the picture among the good ones,"
        " or mend the mask.",
    ),
    "marked, of a good one": (
        "good",
        mask,
        "{p}: is called good, but {m} marks 6 defect pixels: move the picture, or mend the mask.",
    ),
    "white": (
        "dent",
        lambda path: mask(path, BLACK + 255),
        "{m}: every pixel is marked: expected a mask that is 0 where the part is good. Is it "
        "inverted, or a photo?",
    ),
    "faint, as JPEG": (
        "dent",
        lambda path: mask(path, (EIGHT > 20).astype(np.uint8) * 40, format="JPEG", quality=95),
        "{m}: its brightest value is 4*: of a mask in a lossy format (JPEG, WebP …), values "
        "from 128 on count. Save masks as PNG.",
    ),
    "several frames": (
        "dent",
        lambda path: Image.fromarray(EIGHT).save(
            path, "TIFF", save_all=True, append_images=[Image.fromarray(EIGHT)] * 2
        ),
        "{m}: holds 3 frames: a mask has one.",
    ),
    "inverted palette": (
        "dent",
        lambda path: _palette([255, 255, 255, 0, 0, 0]).save(path),
        "{m}: a palette whose index 0 is not black, while index 1 is: which of them is the "
        "background? Save it in gray, 0 where the part is good.",
    ),
    "empty": ("dent", lambda path: path.touch(), "{m}: the file is empty (0 bytes)."),
    "none": ("dent", lambda path: path, "{m}: no such file."),
    "cut off": (
        "dent",
        lambda path: path.write_bytes(mask(path).read_bytes()[:60]),
        "{m}: the picture is damaged or cut off (*).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MASKS)
def test_masks_that_are_refused(case: str, tmp_path: Path) -> None:
    kind, save, message = BAD_MASKS[case]
    path, truth = picture(tmp_path / "a.png"), tmp_path / "mask.png"
    save(truth)
    with pytest.raises(InputError) as caught:
        truth_mask(Sample(path, kind, truth), read_photo(path))
    before, _, after = message.format(m=truth, p=path).partition("*")
    assert str(caught.value).startswith(before)
    assert str(caught.value).endswith(after)
    assert "*" in message or str(caught.value) == before


def test_what_is_known_without_a_mask(tmp_path: Path) -> None:
    photo = read_photo(picture(tmp_path / "a.png"))
    assert not truth_mask(Sample(tmp_path / "a.png", "good"), photo).any()
    for kind in ("dent", ""):
        with pytest.raises(InputError) as caught:
            truth_mask(Sample(tmp_path / "a.png", kind), photo)
        assert str(caught.value) == (
            f"{tmp_path}/a.png: nothing says where its defect lies: give masks or boxes."
        )
