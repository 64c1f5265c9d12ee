"""Whatever is wrong: one clear line, its exit code, the others finished, nothing half-written."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from command import Command, assert_finished, left_in
from pictures import bytes_of, png_of
from vitmap.commands import main

ANY = r"\(.+\)\.$"
NO_PICTURE = r"not a picture that can be read \(expected JPEG, PNG, TIFF, BMP, WebP, GIF …\)\.$"
NONE_INSIDE = r"no pictures in this folder \(\.jpg, \.png, \.tif, \.bmp …\)"

# name in the run → what lies there (bytes, nothing, or files in a folder), what is said of it
INPUTS: dict[str, tuple[bytes | list[str] | None, str]] = {
    "missing.jpg": (None, r"no such file\.$"),
    "lot/*.jpg": (None, r"no such file\.$"),
    "x" * 300: (None, r"(cannot be read \(File name too long\)|no such file)\.$"),
    "good.png/inside.png": (None, r"no such file\.$"),
    "empty-folder": ([], rf"{NONE_INSIDE}\.$"),
    "texts": (["a.txt", "b.csv"], rf"{NONE_INSIDE}\.$"),
    "lots": (["a/a.png", "b/b.png"], rf"{NONE_INSIDE}; it has 2 folders: name one of them\.$"),
    "text.jpg": (b"buy milk\n" * 50, NO_PICTURE),
    "page.png": (b"<!DOCTYPE html><html></html>", NO_PICTURE),
    "cut.jpg": (bytes_of("JPEG")[:-900], rf"the picture is damaged or cut off {ANY}"),
    "cut.png": (bytes_of("PNG")[:5000], rf"the picture is damaged or cut off {ANY}"),
    "zero.jpg": (b"", r"the file is empty \(0 bytes\)\.$"),
    "bomb.png": (
        png_of((60000, 60000, 8, 2), b"\0"),
        r"claims more than 178 megapixels and may be a decompression bomb: cut it into tiles or "
        r"shrink it first\.$",
    ),
    "切れた写真 $HOME %s 🙂.jpg": (b"x", NO_PICTURE),
}


def put(path: Path, content: bytes | list[str] | None) -> Path:
    """A file of these bytes, a folder of these empty files, or nothing."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        for inner in [path / name for name in content]:
            inner.parent.mkdir(parents=True, exist_ok=True)
            inner.touch()
        path.mkdir(exist_ok=True)
    return path


@pytest.mark.parametrize("name", INPUTS)
def test_a_bad_picture_is_its_own_failure(
    name: str, draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    content, message = INPUTS[name]
    good = draw("good.png", 24, 32)
    bad = put(good.parent / name, content)
    code, _, lines = vitmap(bad, good, "--head", 2)
    assert code == 3
    assert re.match(re.escape(f"vitmap: {bad}: ") + message, lines[0])
    assert lines[1:] == ["vitmap: 1 of 2 inputs failed."]
    assert_finished(out / "good")
    assert left_in(out) <= {"good", "run.json"}


@pytest.mark.parametrize("name", ["cut.jpg", "missing.jpg", "text.jpg", "empty-folder"])
def test_a_bad_picture_alone_leaves_nothing(
    name: str, tmp_path: Path, out: Path, vitmap: Command
) -> None:
    content, message = INPUTS[name]
    bad = put(tmp_path / name, content)
    code, _, [line] = vitmap(bad)
    assert code == 3
    assert re.match(re.escape(f"vitmap: {bad}: ") + message, line)
    assert left_in(out) == set()


# name → (height, width), the name of its folder
WORKS: dict[str, tuple[tuple[int, int], str]] = {
    "pixel.png": ((1, 1), "pixel"),
    "strip.png": ((20, 30000), "strip"),
    "post.png": ((700, 3), "post"),
    "猫の写真.png": ((20, 30), "猫の写真"),
    "a b $HOME %s 🙂 'x' \"y\" {z}.png": ((20, 30), "a b $HOME %s 🙂 'x' _y_ {z}"),
    "no-suffix": ((20, 30), "no-suffix"),
}


@pytest.mark.parametrize("name", WORKS)
def test_an_odd_picture_simply_works(
    name: str, draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    (height, width), folder = WORKS[name]
    odd = draw("drawn.png", height, width).rename(out.parent / name)
    assert vitmap(odd, "--head", 2, "--size", 64, "--quiet") == (0, [], [])
    assert left_in(out) == {folder}
    assert_finished(out / folder)
    with Image.open(out / folder / "L02-H02-overlay.png") as overlay:
        assert overlay.size == (width, height)


def test_pictures_of_the_same_name_do_not_overwrite_each_other(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    pictures = {
        "car": draw("a/car.png"),
        "car-2": draw("b/car.png", 30, 20),
        "CAR-3": draw("b/CAR.bmp", 20, 20),
        "run.json-2": draw("run.json.png", 20, 30),  # the run's own record has that name
    }
    assert vitmap(*pictures.values(), "--head", 2).code == 0
    assert left_in(out) == {*pictures, "run.json"}
    for folder, path in pictures.items():
        assert_finished(out / folder)
        [entry] = json.loads((out / folder / "run.json").read_text())["pictures"]
        assert entry["path"] == str(path)
        with Image.open(path) as photo, Image.open(out / folder / "L02-H02-mask.png") as mask:
            assert photo.size == mask.size


def test_files_named_like_options(
    draw: Callable[..., Path], out: Path, vitmap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(draw("--layer.png").parent)
    draw("-1.png")
    assert vitmap("--head", 2, "--", "--layer.png", "-1.png").code == 0
    assert left_in(out) == {"--layer", "-1", "run.json"}
    assert vitmap("./-1.png").code == 0
    said = f"vitmap: Unrecognized arguments: --layer.png {MORE}"
    assert vitmap("--layer.png") == (2, [], [said])


@pytest.mark.skipif(sys.platform != "linux", reason="names are free bytes on Linux alone")
def test_a_name_that_is_no_utf_8_works(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    path = draw().rename(out.parent / os.fsdecode(b"caf\xe9.png"))
    assert vitmap(path, "--head", 2).code == 0
    assert_finished(out / "caf_")
    assert vitmap("--replay", out / "caf_" / "run.json").code == 0


# arguments → what is said; nothing is read and nothing is made
THRESHOLD = (
    "asked for, but it is a share of the attention mass: a number above 0 and at most 1, such as "
    "0.6."
)
HAS = "asked for, but the model has {0}s 0..2 (or -3..-1)."
MORE = "(vitmap --help says more)."
WRONG_USE = {
    "--threshold 0": f"Threshold 0 {THRESHOLD}",
    "--threshold 1.5": f"Threshold 1.5 {THRESHOLD}",
    "--threshold nan": f"Threshold nan {THRESHOLD}",
    "--threshold -0.5": f"Threshold -0.5 {THRESHOLD}",
    "--threshold inf": f"Threshold inf {THRESHOLD}",
    "--threshold much": f"Argument --threshold: 'much' is no number {MORE}",
    "--layer 12": "Layer 12 " + HAS.format("layer"),
    "--layer 3": "Layer 3 " + HAS.format("layer"),
    "--layer -4": "Layer -4 " + HAS.format("layer"),
    "--layer 1:9": "Layer range 1:9 " + HAS.format("layer"),
    "--layer last": "Layer 'last' is no index: expected -1, 0,3,11, 4:8 or all.",
    "--layer 2:1": "Layer '2:1' is empty: the model has layers 0..2 (or -3..-1).",
    "--head 9": "Head 9 " + HAS.format("head"),
    "--size 0": "Size 0 asked for: expected pixels, such as 480.",
    "--size 3": "Size 3 asked for, but one patch of the model is 4 × 4 px: give at least 4.",
    "--size big": f"Argument --size: invalid int value: 'big' {MORE}",
    "--fit kep": "Fit 'kep' is not known: did you mean 'keep'? Known: keep, squash.",
    "--scale imag": "Scale 'imag' is not known: did you mean 'image'? Known: cell, image, run.",
    "--reduce men": "Reduce 'men' is not known: did you mean 'mean'? "
    "Known: heads, layers, mean, none.",
    "--upsample near": "Upsample 'near' is not known: did you mean 'nearest'? "
    "Known: bilinear, nearest.",
    "--at fotos": "At 'fotos' is not known: did you mean 'photo'? Known: model, photo.",
    "--precision fp16": "Precision 'fp16' is not known: did you mean 'bf16'? Known: bf16, fp32.",
    "--classifier a/b --no-classify": "--classifier and --no-classify exclude each other: "
    "give one of them.",
    "--colour red": f"Unrecognized arguments: --colour red {MORE}",
    "--replay run.json": "--replay takes its pictures and settings from the record: "
    "leave out pictures, or run it anew without --replay.",
}


@pytest.mark.parametrize("arguments", WRONG_USE)
def test_wrong_use(arguments: str, draw: Callable[..., Path], out: Path, vitmap: Command) -> None:
    assert vitmap(draw(), *arguments.split()) == (2, [], [f"vitmap: {WRONG_USE[arguments]}"])
    assert not out.exists()


def test_an_unknown_colormap(draw: Callable[..., Path], out: Path, vitmap: Command) -> None:
    code, _, [line] = vitmap(draw(), "--colormap", "virids")
    assert code == 2
    assert line.startswith(
        "vitmap: Colormap 'virids' is not known: did you mean 'viridis'? Known: Accent, "
    )
    assert not out.exists()


def test_no_picture(vitmap: Command) -> None:
    said = f"vitmap: No picture was given: vitmap IMAGE, or a folder of pictures {MORE}"
    assert vitmap() == (2, [], [said])
    assert main(["map"]) == main([]) == 2
