"""`vitmap IMAGE --method distance`: its files, its record and replay, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitmap
from command import Command, contents, record_of
from vitmap.commands import main
from vitmap.files.checked import seal
from vitmap.maps.method_maps import Maps
from vitmap.maps.scale import Scale
from vitmap.render.colormap import palette
from vitmap.render.overlay import overlay
from vitmap.runs.record import read_record
from vitmap.runs.settings import Settings

Scene = Callable[..., Path]


@pytest.fixture
def normal(scene: Scene, tmp_path: Path) -> Path:
    """A folder of four scenes that differ by their noise alone."""
    (tmp_path / "normal").mkdir()
    for seed in range(4):
        scene(f"normal/{seed}.png", seed)
    return tmp_path / "normal"


@pytest.fixture
def odd(scene: Scene) -> Path:
    """A scene with a second bright part, at the upper left."""
    path = scene("odd.png", 7)
    pixels = np.asarray(Image.open(path)).copy()
    pixels[2:10, 2:10] = (250, 20, 20)
    Image.fromarray(pixels).save(path)
    return path


def test_every_file_says_what_the_maps_say(
    go: Callable[..., Path], normal: Path, odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--method", "distance", "--reference", normal, "--layer", "0,2"]
    folder = go(odd, *given) / "odd"
    names = [f"L{layer}-{kind}.png" for layer in ("00", "02") for kind in ("heatmap", "overlay")]
    assert sorted(contents(folder)) == sorted([*names, "maps.png", "maps.safetensors", "run.json"])
    said = capsys.readouterr().out
    assert (
        "cosine distance to the nearest reference patch, compared with 4 reference images" in said
    )
    for word in ("mass", "uniform", "mask", "query", "entropy"):
        assert word not in said

    record, maps = record_of(folder), vitmap.read_maps(folder / "maps.safetensors")
    assert isinstance(maps, Maps)
    scale, photo = Scale("image", record["scale"]["upper"]), vitmap.read_photo(odd)
    [picture] = record["pictures"]
    for found, entry in zip(maps, picture["maps"], strict=True):
        levels = scale.levels(found.heatmap().values)
        with Image.open(folder / f"{found.stem}-heatmap.png") as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette()[levels])
        with Image.open(folder / f"{found.stem}-overlay.png") as image:
            np.testing.assert_array_equal(
                np.asarray(image), overlay(photo.pixels, levels, palette())
            )
        assert entry["peak"] == pytest.approx(float(found.values.max()), abs=1e-6)
        x, y = entry["peak_at_xy"]
        assert max(x, y) < 16, "the odd part is what is unlike the normal images"
        assert (entry["map"], entry["heads"]) == (found.label, [])
    assert (picture["method"], picture["query"]) == ("distance", None)
    assert record["model"]["method"] == maps.source.method == "distance"
    assert record["settings"]["method"] == "distance"
    digests = {vitmap.read_photo(path).digest for path in normal.iterdir()}
    assert {one["sha256"] for one in record["reference"]["pictures"]} == digests
    assert record["reference"]["folder"] == str(normal.resolve())


def test_a_replay_gives_the_same_files_or_names_the_changed_reference(
    go: Callable[..., Path],
    normal: Path,
    odd: Path,
    scene: Scene,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pictures = [odd, normal / "0.png"]  # one of them is a reference image itself
    out = go(*pictures, "--method", "distance", "--reference", normal, "--no-classify")
    first = contents(out)
    uppers = {record_of(out / name)["scale"]["upper"] for name in ("odd", "0")}
    assert len(uppers) == 1, "one scale for the run"
    assert main(["--replay", str(out / "run.json"), "--out", str(out.parent / "again")]) == 0
    assert contents(out.parent / "again") == first
    one = out / "odd" / "run.json"
    assert main(["--replay", str(one), "--out", str(out.parent / "one")]) == 0
    assert contents(out.parent / "one" / "odd") == contents(out / "odd")

    scene("normal/2.png", 99)
    capsys.readouterr()
    assert main(["--replay", str(one)]) == 3
    said = capsys.readouterr().err
    assert f"{normal}: not the reference images of the recorded run" in said


def test_a_record_of_an_earlier_version_is_of_attention(
    go: Callable[..., Path], scene: Scene
) -> None:
    out = go(scene("a.png"))
    first, record = contents(out), record_of(out / "a")
    assert (record["settings"]["method"], record["model"]["method"]) == ("attention", "attention")
    for name in ("method", "reference"):
        del record["settings"][name]
    old = {key: value for key, value in record.items() if key not in ("format", "digest")}
    for about in (old, seal({**old, "format": 2})):
        (out / "a" / "run.json").write_text(json.dumps(about), encoding="utf-8")
        assert read_record(out / "a" / "run.json").settings == Settings(
            **{**record["settings"], "method": "attention", "reference": None}
        )
    assert main(["--replay", str(out / "a" / "run.json")]) == 0
    assert contents(out) == first


DISTANCE = ("--method", "distance")
REFUSED = {
    "no reference": (DISTANCE, "compares with normal images: name their folder with --reference"),
    "a share of mass": (
        (*DISTANCE, "--reference", "normal", "--threshold", "0.6"),
        "A mask that keeps a share of the mass (--threshold) was asked for, but maps of distance "
        "hold the cosine distance to the nearest reference patch, which is no mass",
    ),
    "heads": ((*DISTANCE, "--reference", "normal", "--head", "3"), "maps of distance have no head"),
    "a query": (
        (*DISTANCE, "--reference", "normal", "--query", "mean"),
        "maps of distance have no query",
    ),
    "a mean": ((*DISTANCE, "--reference", "normal", "--reduce", "layers"), "are not averaged"),
    "the original's files": (
        (*DISTANCE, "--reference", "normal", "--at", "model"),
        "which show attention: leave it out with --method distance",
    ),
    "attention with a reference": (
        ("--reference", "normal"),
        "method attention compares with no images: leave it out, or choose --method distance",
    ),
    "an unknown method": (("--method", "distence"), "did you mean 'distance'?"),
    "another layer": (
        (*DISTANCE, "--reference", "normal", "--layer", "9"),
        "Layer 9 asked for, but the model has layers 0..2",
    ),
    "no such folder": ((*DISTANCE, "--reference", "nowhere"), "nowhere: no such file."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_means_nothing_for_it_is_refused_in_a_sentence(
    case: str, vitmap: Command, normal: Path, odd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(normal.parent)
    given, text = REFUSED[case]
    said = vitmap(odd, *given)
    assert said.code == (3 if case == "no such folder" else 2)
    [line] = said.err
    assert text in line
    assert said.out == []
