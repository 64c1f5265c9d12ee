"""A run's files: what is in them, that they come whole, and that a replay gives the same."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers
from PIL import Image

import vitmap
from command import contents, record_of
from oracles.original import original_files
from vitmap.commands import main
from vitmap.maps.scale import Scale
from vitmap.render.colormap import palette
from vitmap.render.overlay import overlay

Draw = Callable[..., Path]


def test_every_file_says_what_the_maps_say(go: Callable[..., Path], draw: Draw) -> None:
    picture = draw("cat.png", 41, 67)
    folder = go(picture, "--layer", "0,2", "--head", "1") / "cat"
    names = [
        f"L{layer}-H01-{kind}.png"
        for layer in ("00", "02")
        for kind in ("heatmap", "mask", "overlay")
    ]
    assert sorted(contents(folder)) == sorted([*names, "heads.png", "maps.safetensors", "run.json"])

    record, maps = record_of(folder), vitmap.read_maps(folder / "maps.safetensors")
    scale = Scale("image", record["scale"]["upper"])
    photo = vitmap.read_photo(picture)
    assert record["pictures"][0]["sha256"] == photo.digest == maps.source.photo
    for row in maps.cells("1"):
        cell = row[0]
        levels = scale.levels(cell.heatmap().values)
        with Image.open(folder / f"{cell.stem}-heatmap.png") as image:
            assert image.size == (67, 41)
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette()[levels])
        with Image.open(folder / f"{cell.stem}-mask.png") as image:
            kept = maps.view.to_pixels(cell.keep_mass(0.6).astype(np.float32)) == 1
            np.testing.assert_array_equal(np.asarray(image), kept)
        with Image.open(folder / f"{cell.stem}-overlay.png") as image:
            expected = overlay(photo.pixels, levels, palette())
            np.testing.assert_array_equal(np.asarray(image), expected)


def test_raw_maps_are_those_of_the_api(
    go: Callable[..., Path], draw: Draw, tiny_classifier: Path
) -> None:
    picture = draw("cat.png")
    saved = vitmap.read_maps(go(picture, "--layer", "all") / "cat" / "maps.safetensors")
    maps = vitmap.attend(vitmap.load(tiny_classifier), picture, "all", size=32)
    np.testing.assert_array_equal(saved.values, maps.values)
    np.testing.assert_array_equal(saved.prefix, maps.prefix)
    for name in ("layers", "depth", "query", "view", "source"):
        assert getattr(saved, name) == getattr(maps, name)


@pytest.mark.parametrize("model", ["tiny", "deit-tiny"])
def test_the_original_programs_files_pixel_for_pixel(
    model: str, tiny_classifier: Path, tmp_path: Path, draw: Draw, request: pytest.FixtureRequest
) -> None:
    """The seed's program, from its own processor and eager attention, against one command."""
    import torch

    folder, picture, size = tiny_classifier, draw("cat.png", 90, 130), 64
    if model != "tiny":
        shared = request.getfixturevalue("shared")
        folder, picture, size = shared / "models" / model, shared / "pictures" / "cat.jpg", 224
    processor = transformers.AutoImageProcessor.from_pretrained(
        folder, size={"height": size, "width": size}, do_center_crop=False
    )
    network = transformers.AutoModel.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, add_pooling_layer=False
    )
    with Image.open(picture) as image:
        inputs = processor(images=image.convert("RGB"), return_tensors="pt").pixel_values
    with torch.no_grad():
        output = network(inputs, output_attentions=True, interpolate_pos_encoding=True)
    (tmp_path / "theirs").mkdir()
    patch = network.config.patch_size
    original_files(tmp_path / "theirs", inputs, output.attentions[-1], patch)

    arguments = ["--fit", "squash", "--scale", "cell", "--at", "model", "--no-classify"]
    place = ["--model", str(folder), "--size", str(size), "--out", str(tmp_path / "out")]
    assert main([str(picture), *arguments, *place, "--quiet"]) == 0
    ours = tmp_path / "out" / picture.stem
    names = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert sorted(n for n in contents(ours) if n.startswith(("attn", "img"))) == names
    for name in names:
        with Image.open(ours / name) as mine, Image.open(tmp_path / "theirs" / name) as theirs:
            assert mine.mode == theirs.mode
            a, b = np.asarray(mine).astype(int), np.asarray(theirs).astype(int)
        # Rows agree to 1e-5 of their maximum: a value at the edge of two colours may fall to either
        # side, by one step of 256.
        assert (a != b).any(axis=-1).mean() < 2e-3, name
        assert np.abs(a - b).max() <= 6, name


def test_the_same_run_twice_writes_the_same_bytes(go: Callable[..., Path], draw: Draw) -> None:
    picture = draw("cat.png")
    first = contents(go(picture))
    assert contents(go(picture)) == first


def test_a_new_run_takes_its_own_old_files_away_and_no_others(
    go: Callable[..., Path], draw: Draw
) -> None:
    picture = draw("cat.png")
    folder = go(picture, "--layer", "all") / "cat"
    (folder / "remark.txt").write_text("keep me", encoding="utf-8")
    go(picture, "--head", "0")
    kept = {"L02-H00-heatmap.png", "L02-H00-mask.png", "L02-H00-overlay.png", "heads.png"}
    assert set(contents(folder)) == kept | {"maps.safetensors", "run.json", "remark.txt"}


def test_a_full_disk_is_one_pictures_failure(
    go: Callable[..., Path],
    draw: Draw,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from vitmap.commands.map import files

    write = files.write_mask

    def full(path: Path, mask: np.ndarray) -> None:
        if "b" in path.parent.name and "H01" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, mask)

    monkeypatch.setattr(files, "write_mask", full)
    out = go(*(draw(f"{name}.png") for name in "abc"), code=3)
    assert sorted(path.name for path in out.iterdir()) == ["a", "c", "run.json"]
    assert [p["status"] for p in record_of(out)["pictures"]] == ["done", "failed", "done"]
    error = capsys.readouterr().err
    assert "b.png: files not written (No space left on device)." in error
    assert "1 of 3 inputs failed." in error


def test_an_interrupted_run_leaves_nothing_half_written(
    go: Callable[..., Path], draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitmap.commands.map import files

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_mask", stop)
    out = go(draw("a.png"), draw("b.png"), code=130)
    assert not out.exists()


def test_a_photo_lying_on_its_side_is_drawn_upright(
    go: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40), "teal").save(path, exif=exif)
    folder = go(path, "--head", "0") / "phone"
    with Image.open(folder / "L02-H00-overlay.png") as image:
        assert image.size == (40, 80)


def test_one_scale_for_the_run_or_the_photo(go: Callable[..., Path], draw: Draw) -> None:
    pictures = [draw("a.png", seed=1), draw("b.png", 60, 40, seed=2)]
    alone = record_of(go(pictures[0]) / "a")["scale"]
    assert alone["name"] == "image"
    together = go(*pictures)
    assert record_of(together / "a")["scale"]["name"] == "run"
    each = go(*pictures, "--scale", "image", out="each")
    assert record_of(each / "a")["scale"] == alone
    assert record_of(each / "b")["scale"]["upper"] != alone["upper"]
    cells = go(*pictures, "--scale", "cell", out="cells")
    assert record_of(cells / "a")["scale"] == {"name": "cell", "upper": None, "percentile": 99.5}


def test_bfloat16_is_asked_for_by_name_and_recorded(go: Callable[..., Path], draw: Draw) -> None:
    picture = draw("cat.png")
    exact = vitmap.read_maps(go(picture) / "cat" / "maps.safetensors")
    fast = vitmap.read_maps(
        go(picture, "--precision", "bf16", out="b") / "cat" / "maps.safetensors"
    )
    assert (exact.source.precision, fast.source.precision) == ("fp32", "bf16")
    assert not np.array_equal(exact.values, fast.values)
    assert np.corrcoef(exact.values.ravel(), fast.values.ravel())[0, 1] > 0.99


def test_label_and_maps_say_how_many_forwards_there_were(
    go: Callable[..., Path], draw: Draw, tiny_backbone: Path, tiny_classifier: Path
) -> None:
    square, wide = draw("square.png", 16, 16), draw("wide.png", 16, 32)
    shared = record_of(go(square, "--size", 16) / "square")["pictures"][0]["prediction"]
    assert shared["same_forward_as_maps"] is True
    second = record_of(go(wide) / "wide")["pictures"][0]["prediction"]
    assert second["same_forward_as_maps"] is False
    assert second["size_yx"] == [16, 16]
    assert sum(entry["probability"] for entry in second["labels"]) <= 1 + 1e-6
    two = go(wide, "--model", tiny_backbone, "--classifier", tiny_classifier, out="two")
    assert record_of(two / "wide")["classifier"]["model"] == str(tiny_classifier)
    assert record_of(two / "wide")["model"]["model"] == str(tiny_backbone)
    none = go(wide, "--no-classify", out="none")
    assert record_of(none / "wide")["pictures"][0]["prediction"] is None
