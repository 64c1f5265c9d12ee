"""A score that is no number is neither good nor defective: nobody gives it a verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import Command, command
from own_files import HEAT, maps, recipe
from vitmap.commands.map.recipe_files import judge
from vitmap.commands.review.finding import finding_of
from vitmap.commands.review.lot import Member
from vitmap.commands.review.settings import ReviewSettings
from vitmap.errors import NotFinite
from vitmap.formats.raw16 import write_raw16
from vitmap.formats.tensors import write_maps
from vitmap.inspection.reading import HeadReading, Terms
from vitmap.inspection.recipe_reading import RecipeReading
from vitmap.photo.read import Photo
from vitmap.rank.candidates import RAW
from vitmap.rank.recipe import Recipe, write_recipe
from vitmap.rank.threshold import alarm_of
from vitmap.soart.mahalanobis import nearest_class, normal_alone
from vitmap.soart.verdict import judge as judge_classes

BAD = [float("nan"), float("inf"), -float("inf")]
PHOTO = Photo(np.zeros((40, 60, 3), dtype=np.uint8), Path("lot/cat.png"), "ab" * 32)
LABEL = "L3 H1"


def raw() -> Recipe:
    """A recipe that reads raw attention of the maps that `maps` gives."""
    made = replace(recipe(), kind=RAW, golden=None, reference=None, layer=3, head=1, heads=3)
    query = maps().query
    return replace(made, query=query.text, scale=(0.5, 2.0), evidence={})


def heat_with(bad: float) -> np.ndarray:
    heat = np.ones((4, 6), dtype=np.float32)
    heat[2, 3] = bad
    return heat


def maps_with(bad: float) -> Any:
    found = maps()
    found.values[0, 1, 2, 3] = bad
    return found


def terms(threshold: float | None = 5.0) -> Terms:
    reading = RecipeReading(raw(), "ab" * 32)
    return replace(reading.terms, threshold=threshold)


def finding(score: float, heat: np.ndarray, threshold: float | None = 5.0) -> str:
    view = {"source": (40, 60), "target": (32, 48), "patch": (8, 8), "fit": "keep"}
    fact = {"view": view, "sha256": "ab" * 32, "score": score, "notes": []}
    member = Member(Path("lot/cat.png"), "cat", "cat.png")
    found = terms(threshold)
    return finding_of(member, fact, heat, found.cut, ReviewSettings(), found)[0].verdict


def of_scores(bad: float) -> object:
    return alarm_of([1.0, 2.0, bad, 3.0, 4.0])


def rows_with(bad: float) -> tuple[np.ndarray, list[str]]:
    rows = np.random.default_rng(0).normal(size=(12, 3))
    rows[4, 1] = bad
    return rows, ["good", "bad"] * 6


def classes_of(metrics: np.ndarray, features: np.ndarray) -> object:
    return judge_classes(metrics, features, ["good", "bad"] * 6, "good", ())


CASES: dict[str, tuple[Callable[[float], object], str]] = {
    "score of a heat": (
        lambda bad: raw().score(heat_with(bad)),
        f"The picture: the map {LABEL} is",
    ),
    "defective": (
        lambda bad: raw().defective(heat_with(bad), "lot/cat.png"),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "a threshold": (
        lambda bad: replace(raw(), alarm=replace(raw().alarm, threshold=bad)).defective(
            heat_with(1.0), "lot/cat.png"
        ),
        f"lot/cat.png: the threshold of {LABEL} is",
    ),
    "reading maps": (
        lambda bad: raw().heat(maps_with(bad), PHOTO),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "judging": (
        lambda bad: judge(raw(), maps_with(bad), PHOTO, 0.6),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "a review's recipe": (
        lambda bad: RecipeReading(raw(), "").heat(maps_with(bad), PHOTO),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "a review's heads": (
        lambda bad: HeadReading((3,), (1,), maps().query).heat(maps_with(bad), PHOTO),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "a review's verdict": (
        lambda bad: terms().verdict(bad),
        f"The picture: the score of {LABEL} is",
    ),
    "a review's threshold": (
        lambda bad: terms(bad).verdict(1.0),
        f"The picture: the threshold of {LABEL} is",
    ),
    "a verdict without a threshold": (
        lambda bad: terms(None).verdict(bad),
        f"The picture: the score of {LABEL} is",
    ),
    "a finding's score": (
        lambda bad: finding(bad, heat_with(1.0)),
        f"lot/cat.png: the score of {LABEL} is",
    ),
    "a finding's heat": (
        lambda bad: finding(1.0, heat_with(bad)),
        f"lot/cat.png: the map {LABEL} is",
    ),
    "a good picture's score": (of_scores, "A good picture: its score is"),
    "a recipe's threshold, written": (
        lambda bad: write_recipe(replace(raw(), alarm=replace(raw().alarm, threshold=bad)), Path()),
        f"The recipe: a number of {LABEL} is",
    ),
    "a recipe's scale, written": (
        lambda bad: write_recipe(replace(raw(), scale=(0.0, bad)), Path()),
        "The recipe: a number",
    ),
    "maps, written": (
        lambda bad: write_maps("m.safetensors", maps_with(bad)),
        "m.safetensors: the maps hold NaN",
    ),
    "a 16-bit map, written": (
        lambda bad: write_raw16(Path("h.png"), HEAT * bad, "x"),
        "h.png: the map holds NaN",
    ),
    "metrics of classes": (
        lambda bad: classes_of(rows_with(bad)[0], np.ones((12, 2))),
        "Row 5 of 12 (class 'good'): its metrics hold NaN or infinity",
    ),
    "features of classes": (
        lambda bad: classes_of(np.ones((12, 2)), rows_with(bad)[0]),
        "Row 5 of 12 (class 'good'): its attention features hold NaN or infinity",
    ),
}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("case", CASES)
def test_what_is_no_number_is_refused(
    case: str, bad: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    act, said = CASES[case]
    with pytest.raises(NotFinite) as refused:
        act(bad)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [], "nothing was written"


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("where", ["new", "known"])
@pytest.mark.parametrize("tell", [nearest_class, lambda *rows: normal_alone(*rows, "good")])
def test_no_distance_makes_it_normal(
    tell: Callable[..., list[str]], where: str, bad: float
) -> None:
    rows, classes = rows_with(1.0)
    new = rows[:3].copy()
    (new if where == "new" else rows)[2, 1] = bad
    with pytest.raises(NotFinite), np.errstate(all="ignore"):
        tell(rows, classes, new)


def test_numbers_are_judged_as_before() -> None:
    heat = heat_with(9.0)
    assert raw().score(heat) == 9.0
    assert raw().defective(heat) is True
    assert raw().defective(heat_with(1.0)) is False
    assert replace(raw(), alarm=None, level=None).defective(heat) is None
    assert [terms().verdict(score) for score in (5.0, 5.1)] == ["good", "defect"]
    assert terms(None).verdict(1.0) == "not judged"
    assert finding(6.0, heat) == "defect"


@pytest.fixture
def vitmap(tiny_backbone: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    return command(capfd, model=tiny_backbone, size=32, out=out)


def test_a_picture_without_a_score_fails_and_the_others_go_on(
    vitmap: Command,
    draw: Callable[..., Path],
    tmp_path: Path,
    out: Path,
    tiny_backbone: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One picture's deviations overflow; it is failed with exit 3, the other one is judged."""
    import vitmap as api
    from vitmap.rank import recipe as recipes

    model = api.load(tiny_backbone)
    pictures = [draw(f"{name}.png", seed=seed) for seed, name in enumerate(("first", "second"))]
    made = replace(
        raw(), digest=model.facts.source.digest, model=str(tiny_backbone), revision=None, size=32,
        fit=None, query="cls", layer=1, head=0, heads=model.facts.heads,
    )  # fmt: skip
    write_recipe(made, tmp_path)
    whole = recipes.Recipe._read

    def read(self: Recipe, found: Any, photo: Photo | None) -> Any:
        heat, placed = whole(self, found, photo)
        spoiled = photo is not None and photo.name == "second.png"
        return (heat * np.float32("nan") if spoiled else heat), placed

    monkeypatch.setattr(recipes.Recipe, "_read", read)
    code, _, errors = vitmap(*pictures, "--recipe", tmp_path / "recipe.json", "--quiet")
    assert code == 3
    assert errors[0].startswith(f"vitmap: {pictures[1]}: the map L1 H0 is nan, expected a finite")
    entries = json.loads((out / "run.json").read_text("utf-8"))["pictures"]
    assert [entry["status"] for entry in entries] == ["done", "failed"]
    assert not (out / "second").exists()
    code, _, errors = vitmap("review", *pictures, "--recipe", tmp_path, "--out", out / "lot")
    assert code == 3
    assert any("second.png: the map L1 H0 is nan, expected a finite number" in e for e in errors)
