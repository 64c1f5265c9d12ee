"""What `vitmap rank` and its recipes refuse: in one line, with nothing half-written."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
import vitmap as api
from command import Command, command, contents, left_in
from parts import SIZE, mvtec, part, write
from vitmap.commands import main
from vitmap.commands.rank import report as rank_report
from vitmap.files.checked import seal
from vitmap.maps.stack import logs
from vitmap.rank.candidates import EITHER
from vitmap.rank.recipe import read_recipe, write_recipe
from vitmap.reference.statistics import HERE, learn


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return mvtec(tmp_path / "set", bad=3, good=2)


USAGE = {
    "": "No pictures were given: vitmap rank DATASET (--help says more).",
    "{root} --images {root}": "DATASET and --images exclude each other: give one of them.",
    "{root} --masks m --boxes b": "--masks and --boxes exclude each other: give one of them.",
    "--images {root}": "--images needs to know where the defects are: give --masks or --boxes.",
    "{root} --by auro": "Metric 'auro' is not known: did you mean 'auroc'?",
    "{root} --folds 1": "Folds 1 asked for: expected at least 2, such as 5.",
    "{root} --threshold 2": "Threshold 2 asked for, but it is a share of the attention mass",
    "{root} --false-alarms 1.5": "False-alarm rate 1.5 asked for: expected a share such as 0.05.",
    "{root} --false-alarms 0.2": "False-alarm rate 0.2 asked for, but there is no telling it from "
    "2 good pictures: expected at least 4.",
    "{root} --query patch:3,3": "Query patch:3,3 asked for: a ranking needs one that every layer",
    "{root} --query register:0": "Query register 0 asked for, but the model has no such token",
    "{root} --size 3": "Size 3 asked for, but one patch of the model is 4 × 4 px",
    "{root} --fit crop": "Fit 'crop' is not known",
    "{root} --precision fp8": "Precision 'fp8' is not known",
}


@pytest.mark.parametrize("arguments", USAGE)
def test_wrong_use(arguments: str, rank: Command, root: Path, out: Path) -> None:
    code, lines, errors = rank(*[a.format(root=root) for a in arguments.split()])
    assert (code, lines) == (2, [])
    assert len(errors) == 1
    assert errors[0].startswith("vitmap: ")
    assert USAGE[arguments] in errors[0]
    assert not out.exists()


def no_masks(root: Path) -> str:
    shutil.rmtree(root / "ground_truth")
    shutil.rmtree(root / "test/good")
    return "neither masks nor good pictures to rank by: give --masks, --boxes, or good pictures"


def one_mask_missing(root: Path) -> str:
    (root / "ground_truth/spot/01_mask.png").unlink()
    return "1 picture without mask: {root}/test/spot/01.png: expected"


def one_picture_missing(root: Path) -> str:
    (root / "test/spot/01.png").unlink()
    return "1 mask without picture: {root}/ground_truth/spot/01_mask.png: give the pictures too"


def one_picture(root: Path) -> str:
    for path in [*root.glob("*/spot/01*"), *root.glob("*/spot/02*")]:
        path.unlink()
    return "1 defective picture: expected at least 2, one to choose a cell by and one to judge"


def good_ones_alone(root: Path) -> str:
    shutil.rmtree(root / "test/spot")
    shutil.rmtree(root / "ground_truth")
    return "set: no defective pictures to rank by: expected at least 2, better 20."


def no_folder(root: Path) -> str:
    shutil.rmtree(root)
    return "{root}: no such folder"


def nothing(root: Path) -> str:
    shutil.rmtree(root)
    root.mkdir()
    return "{root}: no layout that is known: expected test/good and test/DEFECT"


UNUSABLE = [no_masks, one_mask_missing, one_picture_missing, one_picture, good_ones_alone]


@pytest.mark.parametrize(
    "spoil",
    [*UNUSABLE, no_folder, nothing],
    ids=lambda spoil: spoil.__name__,
)
def test_sets_that_cannot_be_ranked(
    spoil: Callable[[Path], str], rank: Command, root: Path, out: Path
) -> None:
    expected = spoil(root).format(root=root)
    code, lines, errors = rank(root, "--golden", "none")
    assert (code, lines, len(errors)) == (3, [], 1)
    assert expected in errors[0]
    assert not out.exists()


def empty_mask(root: Path) -> str:
    write(np.zeros(SIZE, dtype=np.uint8), root / "ground_truth/spot/00_mask.png")
    return "00_mask.png: holds no defect pixel, but {root}/test/spot/00.png is called 'spot'"


def mask_of_another_size(root: Path) -> str:
    write(np.eye(20, dtype=np.uint8), root / "ground_truth/spot/00_mask.png")
    return "the mask has 20 × 20 px, {root}/test/spot/00.png has 64 × 48 px: expected the same"


def full_mask(root: Path) -> str:
    write(np.full(SIZE, 255, dtype=np.uint8), root / "ground_truth/spot/00_mask.png")
    return "00_mask.png: every pixel is marked: expected a mask that is 0 where the part is good"


def broken_picture(root: Path) -> str:
    (root / "test/spot/00.png").write_bytes(b"buy milk")
    return "{root}/test/spot/00.png: not a picture that can be read"


def the_same_twice(root: Path) -> str:
    shutil.copy(root / "test/spot/00.png", root / "test/spot/99.png")
    shutil.copy(root / "ground_truth/spot/01_mask.png", root / "ground_truth/spot/99.png")
    return "{root}/test/spot/99.png: the same picture as another one."


def good_and_bad(root: Path) -> str:
    shutil.copy(root / "test/good/00.png", root / "test/spot/99.png")
    shutil.copy(root / "ground_truth/spot/01_mask.png", root / "ground_truth/spot/99.png")
    return "{root}/test/spot/99.png: the same picture as another one."


@pytest.mark.parametrize(
    "spoil",
    [empty_mask, mask_of_another_size, full_mask, broken_picture, the_same_twice, good_and_bad],
    ids=lambda spoil: spoil.__name__,
)
def test_one_picture_s_failure_is_its_own(
    spoil: Callable[[Path], str], rank: Command, root: Path, out: Path
) -> None:
    """The others are ranked; the exit code and the record say that one is missing."""
    expected = spoil(root).format(root=root)
    code, lines, errors = rank(root)
    assert code == 3
    assert expected in errors[0]
    assert re.fullmatch(r"vitmap: 1 of [56] inputs failed\.", errors[-1])
    assert lines[-1].startswith("  6 files in")
    record = json.loads((out / "run.json").read_text("utf-8"))
    [failed] = [one for one in record["pictures"] if one["status"] == "failed"]
    assert expected in failed["error"]
    assert sum(record["dataset"]["pictures"].values()) == len(record["pictures"]) - 1


def test_golden_pictures_that_are_too_few(rank: Command, root: Path, out: Path) -> None:
    good = [write(part(50 + i)[0], root.parent / f"good/{i}.png") for i in range(4)]
    for given, count in ((good[:3], "3 good pictures"), (good[:1], "1 good picture")):
        code, _, errors = rank(root, "--golden", *given)
        assert code == 3
        expected = f"vitmap: {count} to compare with: expected at least 4, better 12 or more."
        assert errors == [expected]
    good[3].write_bytes(good[2].read_bytes())
    code, _, errors = rank(root, "--golden", good[0].parent)
    assert code == 3
    assert "3 good pictures to compare with: expected at least 4" in errors[-1]
    assert not out.exists()


def test_good_pictures_of_the_set_that_are_too_few(rank: Command, tmp_path: Path) -> None:
    root = mvtec(tmp_path / "set", bad=3, good=1, train=3)
    code, lines, errors = rank(root)
    assert code == 0
    few = "vitmap: 3 of 4 good pictures in train/good: too few to compare with."
    assert few in errors
    assert "compare with" not in lines[0]


def test_good_pictures_of_another_shape(rank: Command, tmp_path: Path) -> None:
    root = mvtec(tmp_path / "set", bad=4, good=1, train=5)
    odd = root / "test/spot/00.png"
    for path in (odd, root / "ground_truth/spot/00_mask.png"):
        write(np.asarray(Image.open(path))[:, :40], path)
    if not np.asarray(Image.open(root / "ground_truth/spot/00_mask.png")).any():
        write(np.eye(48, 40, dtype=np.uint8), root / "ground_truth/spot/00_mask.png")
    code, _, errors = rank(root)
    assert code == 3
    expected = f"vitmap: {odd}: seen as 7 × 9 patches, the good pictures as 9 × 7: expected"
    assert errors[0].startswith(expected)
    assert rank(root, "--golden", "none").code == 0


def test_places_that_cannot_be_written(rank: Command, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for option in ("--out", "--rows"):
        code, _, errors = rank(root, option, file / "deeper")
        assert code == 3
        assert len(errors) == 1
        assert errors[0].startswith(f"vitmap: {file}/deeper: cannot be written (")
        assert errors[0].endswith(f"choose another folder with {option}.")
    assert file.read_text() == "mine"


def test_a_kept_row_that_is_broken(rank: Command, root: Path, tmp_path: Path, out: Path) -> None:
    assert rank(root, "--rows", tmp_path / "rows").code == 0
    before = {name: file for name, file in contents(out).items() if name != "run.json"}
    row = sorted((tmp_path / "rows").iterdir())[0]
    row.write_bytes(row.read_bytes()[:100])
    code, _, errors = rank(root, "--rows", tmp_path / "rows")
    assert code == 0
    assert errors[0].startswith(f"vitmap: {row}: SafetensorError: ")
    assert errors[0].endswith(": not a row that vitmap rank wrote. It is measured again.")
    assert {n: c for n, c in contents(out).items() if n != "run.json"} == before


def test_killed_half_way_nothing_is_left(
    rank: Command, root: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rank(root).code == 0
    before = contents(out)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rank_report, "draw_examples", killed)
    assert rank(root, "--by", "mass").code == 130
    assert contents(out) == before
    assert not [path for path in out.parent.rglob("*") if "partial" in path.name]


def test_models_that_cannot_be_had(rank: Command, root: Path, out: Path) -> None:
    code, _, errors = rank(root, "--model", "./nowhere")
    assert (code, errors) == (4, ["vitmap: ./nowhere: no such folder."])
    assert not out.exists()


@pytest.fixture(scope="module")
def recipes(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with a raw recipe and one against good pictures."""
    folder = tmp_path_factory.mktemp("recipes")
    root = mvtec(folder / "set", train=5)
    fixed = ["--model", planted, "--size", 32, "--quiet", "--golden", "none"]
    assert main([str(a) for a in ["rank", root, *fixed, "--out", folder / "raw"]]) == 0
    (folder / "golden").mkdir()
    # Rank's own choice is another test's matter: here the planted head, against good pictures.
    model = api.load(planted)
    good = sorted((root / "train").rglob("*.png"))
    maps = [api.attend(model, path, size=32, layers=1).at(1, 2) for path in good]
    pairs = [(logs(one.uniform[None]), HERE) for one in maps]
    raw = read_recipe(folder / "raw")
    write_recipe(replace(raw, kind=EITHER, golden=learn(pairs, pairs)), folder / "golden")
    return folder


@pytest.fixture
def judge(planted: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    return command(capfd, model=planted, out=out)


CONFLICTS = {
    "--size 48": "--size 48 was given, but the recipe was made with 32: leave it out, or",
    "--precision bf16": "--precision bf16 was given, but the recipe was made with fp32",
    "--layer 0": "--layer 0 was given, but the recipe was made with 1",
    "--head 0": "--head 0 was given, but the recipe was made with 2",
    "--fit squash": "--fit squash was given, but the recipe was made with keep",
    "--query mean": "--query mean was given, but the recipe was made with cls",
    "--scale run": "--scale cannot be chosen with --recipe: leave it out.",
    "--reduce heads": "--reduce cannot be chosen with --recipe: leave it out.",
}


@pytest.mark.parametrize("options", CONFLICTS)
def test_a_recipe_refuses_other_settings(
    options: str, recipes: Path, judge: Command, out: Path
) -> None:
    picture = recipes / "set/test/spot/00.png"
    code, _, errors = judge(picture, "--recipe", recipes / "raw/recipe.json", *options.split())
    assert (code, len(errors)) == (2, 1)
    assert CONFLICTS[options] in errors[0]
    assert not out.exists()


def test_a_recipe_refuses_another_model_and_another_grid(
    recipes: Path, judge: Command, tmp_path: Path
) -> None:
    other = tiny.save(tiny.build("vit", seed=5), tmp_path / "other")
    picture = recipes / "set/test/spot/00.png"
    code, _, errors = judge(picture, "--recipe", recipes / "raw", "--model", other)
    assert (code, len(errors)) == (4, 1)
    assert "name that model, or rank anew with this one." in errors[0]
    tall = write(part(1)[0].T.copy(), tmp_path / "tall.png")
    code, _, errors = judge(tall, "--recipe", recipes / "golden")
    assert code == 3
    assert "The good pictures have 9 × 7 patches, and this picture has 7 × 9" in errors[0]
    assert judge(tall, "--recipe", recipes / "raw").code == 0


def missing(folder: Path) -> str:
    (folder / "recipe.json").unlink()
    return "recipe.json: no such file: give the recipe.json that vitmap rank wrote."


def half(folder: Path) -> str:
    path = folder / "recipe.json"
    path.write_text(path.read_text("utf-8")[:200])
    return "recipe.json: no JSON ("


def another_file(folder: Path) -> str:
    (folder / "recipe.json").write_text('{"size": 3}')
    return "recipe.json: field vitmap_recipe is missing: not a recipe that vitmap wrote (make"


def a_later_format(folder: Path) -> str:
    change(folder, vitmap_recipe=99)
    return "field vitmap_recipe: expected one of 1, 2, 3, seen 99: not a recipe that vitmap wrote"


def a_missing_key(folder: Path) -> str:
    about = json.loads((folder / "recipe.json").read_text("utf-8"))
    del about["layer"], about["digest"]
    (folder / "recipe.json").write_text(json.dumps(seal(about)))
    return "object missing required field layer: not a recipe that vitmap wrote"


def no_tensors(folder: Path) -> str:
    (folder / "recipe.safetensors").unlink()
    return "it holds the good pictures' numbers and belongs beside recipe.json."


def other_tensors(folder: Path) -> str:
    path = folder / "recipe.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    return "recipe.safetensors: not the file that recipe.json was written with."


def a_way_out(folder: Path) -> str:
    about = json.loads((folder / "recipe.json").read_text("utf-8"))
    change(folder, golden={**about["golden"], "file": "../golden/recipe.safetensors"})
    return "field golden.file: '../golden/recipe.safetensors' leads out of its folder"


def a_layer_too_far(folder: Path) -> str:
    change(folder, layer=7)
    return "Layer 7 asked for, but the model has layers 0..2"


def a_threshold_that_is_none(folder: Path) -> str:
    threshold = {"threshold": float("nan"), "rate": 0.05, "low": 0.01, "high": 0.2, "pictures": 5}
    change(folder, alarm=threshold, level=1.0)
    return "recipe.json: field alarm.threshold: expected a finite number, seen NaN: not a recipe"


def change(folder: Path, **values: object) -> None:
    about = json.loads((folder / "recipe.json").read_text("utf-8"))
    del about["digest"]
    (folder / "recipe.json").write_text(json.dumps(seal({**about, **values})))


BROKEN = [missing, half, another_file, a_later_format, a_missing_key, no_tensors, other_tensors]


@pytest.mark.parametrize(
    "spoil",
    [*BROKEN, a_way_out, a_layer_too_far, a_threshold_that_is_none],
    ids=lambda spoil: spoil.__name__,
)
def test_recipes_that_are_broken(
    spoil: Callable[[Path], str], recipes: Path, judge: Command, out: Path, tmp_path: Path
) -> None:
    shutil.copytree(recipes / "golden", tmp_path / "copy")
    expected = spoil(tmp_path / "copy")
    code, _, errors = judge(recipes / "set/test/spot/00.png", "--recipe", tmp_path / "copy")
    assert code in (2, 3)
    assert len(errors) == 1
    assert expected in errors[0]
    assert left_in(out) == set()


def test_a_recipe_comes_back_as_it_was(recipes: Path, tmp_path: Path) -> None:
    for name in ("raw", "golden"):
        one = read_recipe(recipes / name)
        assert write_recipe(one, tmp_path)
        assert (tmp_path / "recipe.json").read_bytes() == (
            recipes / name / "recipe.json"
        ).read_bytes()
    assert (tmp_path / "recipe.safetensors").read_bytes() == (
        recipes / "golden/recipe.safetensors"
    ).read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="names of any bytes are for other systems")
def test_names_that_are_not_utf_8(rank: Command, root: Path, tmp_path: Path, out: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        root.rename(odd)
    except OSError:
        pytest.skip("this disk has no such names")
    code, _, errors = rank(odd)
    assert code == 0, errors
    assert json.loads((out / "recipe.json").read_text("utf-8"))["layer"] == 1
