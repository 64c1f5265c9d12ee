"""A review led by a recipe: its heat, its level, its scale and its verdicts, and no other model."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitmap
from command import Command, Said, command
from vitmap.files.checked import seal
from vitmap.maps.stack import logs
from vitmap.rank.candidates import BRIGHTER, RAW
from vitmap.rank.recipe import Recipe, read_recipe, write_recipe
from vitmap.rank.threshold import Alarm
from vitmap.reference.statistics import Golden

NAMES = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def lot(draw: Callable[..., Path], tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        draw(f"lot/{name}", seed=seed)
    return tmp_path / "lot"


@pytest.fixture
def recipe(tiny_classifier: Path, draw: Callable[..., Path], tmp_path: Path) -> Recipe:
    """L1 H2 against five drawn pictures, with a threshold between the lot's own scores."""
    model = vitmap.load(tiny_classifier)
    maps = [
        vitmap.attend(model, draw(f"good/{seed}.png", seed=20 + seed), 1, size=32)
        for seed in range(5)
    ]
    rows = np.stack([logs(one.mean(1, 2).uniform[None]) for one in maps]).astype(np.float64)
    mean = rows.mean(axis=0)
    squares = ((rows - mean) ** 2).sum(axis=0)
    made = Recipe(
        model=str(tiny_classifier),
        revision=None,
        digest=model.facts.source.digest,
        precision="fp32",
        size=32,
        fit=None,
        query="cls",
        kind=BRIGHTER,
        layer=1,
        head=2,
        heads=3,
        scale=(0.5, 2.0),
        level=1.0,
        alarm=Alarm(1.0, 0.05, 0.01, 0.2, 5),
        golden=Golden(mean, squares, np.full(mean.shape[1:], 5.0), 5),
    )
    lot = [vitmap.attend(model, draw(f"lot/{n}", seed=s), 1, size=32) for s, n in enumerate(NAMES)]
    scores = sorted(made.score(made.heat(one)) for one in lot)
    alarm = Alarm((scores[1] + scores[2]) / 2, 0.05, 0.01, 0.2, 5)
    made = replace(made, alarm=alarm)
    (tmp_path / "recipe").mkdir()
    write_recipe(made, tmp_path / "recipe")
    return read_recipe(tmp_path / "recipe")


@pytest.fixture
def review(
    recipe: Recipe,  # noqa: ARG001 (it is there for its files)
    lot: Path,
    out: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Said]:
    call: Command = command(capfd)

    def reviewing(*arguments: object) -> Said:
        fixed = ["review", lot, "--recipe", tmp_path / "recipe", "--out", out]
        return call(*fixed, *arguments)

    return reviewing


def test_verdicts_levels_and_colours_are_the_recipe_s(
    review: Callable[..., Said], recipe: Recipe, lot: Path, out: Path, tiny_classifier: Path
) -> None:
    said = review()
    assert said.code == 0, said.err
    assert "2 with a defect, 2 good" in said.out[3]
    model = vitmap.load(tiny_classifier)
    with (out / "pictures.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = {line["picture"]: line for line in csv.DictReader(file)}
    for name in NAMES:
        maps = vitmap.attend(model, lot / name, 1, size=32)
        heat = recipe.heat(maps)
        line = lines[name]
        assert float(line["score"]) == pytest.approx(recipe.score(heat), rel=1e-5)
        assert line["verdict"] == ("defect" if recipe.defective(heat) else "good")
        stem = Path(name).stem
        with Image.open(out / f"masks/{stem}.png") as image:
            assert (np.asarray(image) == (maps.view.to_pixels(heat) > recipe.level)).all()
        with Image.open(out / f"heatmaps/{stem}.png") as image:
            levels = np.asarray(image)
        dark = maps.view.to_pixels(heat) <= recipe.scale[0]
        assert (levels[dark] == 0).all(), "what good pictures reach stays dark"
        assert dark.any()
    record = json.loads((out / "run.json").read_text("utf-8"))
    assert record["scale"] == {"name": "good", "lower": 0.5, "upper": 2.0}
    assert record["settings"]["layer"] == "1"


def test_with_too_few_good_pictures_there_is_no_level_and_no_verdict(
    review: Callable[..., Said], recipe: Recipe, out: Path, tmp_path: Path
) -> None:
    bare = replace(recipe, kind=RAW, golden=None, level=None, alarm=None)
    write_recipe(bare, tmp_path / "recipe")
    said = review()
    assert said.code == 0, said.err
    assert "not judged" in said.out[3]
    assert json.loads((out / "run.json").read_text("utf-8"))["scale"]["name"] == "run"


def test_another_recipe_makes_the_maps_again(
    review: Callable[..., Said], recipe: Recipe, tmp_path: Path
) -> None:
    review()
    write_recipe(replace(recipe, head=0), tmp_path / "recipe")
    assert "other settings (reading): all maps are made again" in review().err[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--layer", "0"], 2, "the recipe was made with 1"),
        (["--size", "64"], 2, "the recipe was made with 32"),
        (["--precision", "bf16"], 2, "the recipe was made with fp32"),
    ],
)
def test_what_contradicts_the_recipe_is_refused(
    arguments: list[str], code: int, said: str, review: Callable[..., Said]
) -> None:
    answer = review(*arguments)
    assert (answer.code, len(answer.err)) == (code, 1)
    assert said in answer.err[0]


def test_another_model_is_refused(review: Callable[..., Said], tiny_backbone: Path) -> None:
    answer = review("--model", tiny_backbone)
    assert answer.code == 4
    assert "name that model, or rank anew" in answer.err[0]


def test_a_recipe_names_its_method(
    recipe: Recipe, review: Callable[..., Said], tmp_path: Path
) -> None:
    """Recipes of earlier versions name none: they are of attention. Others are refused by name."""
    place = tmp_path / "named" / "recipe.json"
    place.parent.mkdir()
    write_recipe(recipe, place.parent)
    about = json.loads(place.read_text("utf-8"))
    del about["digest"]
    assert about["method"] == "attention"
    before = {name: value for name, value in about.items() if name != "method"}
    place.write_text(json.dumps(seal({**before, "vitmap_recipe": 2})), encoding="utf-8")
    assert read_recipe(place).method == "attention"
    place.write_text(json.dumps(seal({**about, "method": "distance"})), encoding="utf-8")
    said = review("--recipe", place)
    assert said.code == 3
    assert "recipe.json: field method: invalid enum value 'distance'" in said.err[0]
