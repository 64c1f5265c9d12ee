"""What is no picture, or no whole one, is refused in one line with the file and the reason."""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pictures import bytes_of, png_of, tiff_of
from vitmap.errors import PictureError
from vitmap.photo.read import read_photo

NO_PICTURE = r"not a picture that can be read \(expected JPEG, PNG, TIFF, BMP, WebP, GIF …\)\.$"
CUT_OFF = r"the picture is damaged or cut off \(.+\)\."
EITHER = f"{NO_PICTURE}|{CUT_OFF}"
BOMB = "claims more than 178 megapixels and may be a decompression bomb: cut it into tiles or"
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zero bytes": ("a.jpg", lambda: b"", r"the file is empty \(0 bytes\)\.$"),
    "text": ("a.jpg", lambda: b"buy milk\n" * 99, NO_PICTURE),
    "first bytes only": ("a.png", lambda: bytes_of("PNG")[:9], EITHER),
    "cut JPEG": ("a.jpg", lambda: bytes_of("JPEG")[:-900], CUT_OFF),
    "cut PNG": ("a.png", lambda: bytes_of("PNG")[:5000], CUT_OFF),
    "cut WebP": ("a.webp", lambda: bytes_of("WEBP")[:900], EITHER),
    "cut TIFF": ("a.tif", lambda: bytes_of("TIFF")[:900], EITHER),
    "wrong checksum": (
        "a.png",
        lambda: bytes_of("PNG").replace(b"IHDR\0", b"IHDR\1"),
        EITHER,
    ),
    "bomb": ("a.png", lambda: png_of((60000, 60000, 8, 2), b"\0"), BOMB),
    "float above 1": (
        "a.tif",
        lambda: tiff_of([0, 1.5], "float"),
        "a floating-point picture with values 0 to 1.5: expected 0 to 1, or save it with 8 or 16",
    ),
    "float below 0": (
        "a.tif",
        lambda: tiff_of([-0.5, 1], "float"),
        "values -0.5 to 1: expected 0 to",
    ),
    "nan": (
        "a.tif",
        lambda: tiff_of([0, float("nan")], "float"),
        "holds values that are no numbers",
    ),
    "32 bits in use": (
        "a.tif",
        lambda: tiff_of([0, 70000], "32"),
        r"a 32-bit picture with values 0 to 70000: expected 16 bits \(0 to 65535\)",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_refused(kind: str, tmp_path: Path) -> None:
    name, content, message = REFUSED[kind]
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(PictureError, match=message) as refused:
        read_photo(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"nowhere\.png: no such file\.$"):
        read_photo(tmp_path / "nowhere.png")
    with pytest.raises(PictureError, match=r": is a folder, not a picture\.$"):
        read_photo(tmp_path)
    file = tmp_path / "file.png"
    file.write_bytes(bytes_of("PNG"))
    with pytest.raises(PictureError, match=r"a\.png: cannot be read \(Not a directory\)\.$"):
        read_photo(file / "a.png")


def test_a_cut_off_pil_picture_is_refused() -> None:
    with pytest.raises(PictureError, match=rf"^The picture: {CUT_OFF}$"):
        read_photo(Image.open(io.BytesIO(bytes_of("JPEG")[:-900])))


_WHOLE = {
    kind: bytes_of(kind, **options)
    for kind, options in {
        "GIF": {"save_all": True, "append_images": [Image.new("RGB", (64, 64))]},
        "JPEG": {},
        "PNG": {},
        "TIFF": {},
    }.items()
}


@given(kind=st.sampled_from(sorted(_WHOLE)), place=st.integers(0, 400), value=st.integers(0, 255))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_file_is_a_picture_or_a_picture_error(kind: str, place: int, value: int) -> None:
    content = bytearray(_WHOLE[kind])
    content[place] = value
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:
        file.write(content)
        file.flush()
        try:
            answer = str(read_photo(file.name).pixels.dtype)
        except PictureError as refusal:
            answer = str(refusal)
    assert answer == "uint8" or re.fullmatch(rf".+: ({EITHER}|{BOMB}.+)", answer)


ARRAYS = {
    "float": np.zeros((4, 4, 3), np.float32),
    "16 bits": np.zeros((4, 4), np.uint16),
    "one channel": np.zeros((4, 4, 1), np.uint8),
    "planes first": np.zeros((3, 8, 8), np.uint8),
    "a batch": np.zeros((1, 4, 4, 3), np.uint8),
    "nothing": np.zeros((0, 4, 3), np.uint8),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_other_arrays_are_refused(kind: str) -> None:
    array = ARRAYS[kind]
    with pytest.raises(PictureError) as refused:
        read_photo(array)
    assert str(refused.value) == (
        f"The array is {array.dtype} of shape {array.shape}: "
        "expected uint8, y x, y x 3 or y x 4 (RGBA)."
    )
