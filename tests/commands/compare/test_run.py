"""Comparisons: every number against its definition, the planted head found, failures by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

import tiny
import vitmap as api
from assets import ASSETS
from command import Command
from eager import tensor_of
from oracles.attention import bits_of, fewest, iou_of, mean_distance
from parts import table
from vitmap.commands.compare import report
from vitmap.commands.compare.labels import names_of, unknown_label, verdict_of
from vitmap.datasets import read_places
from vitmap.errors import InputError, UsageError
from vitmap.maps.agreement import agreement, by_chance, nearest
from vitmap.maps.maps import Prediction
from vitmap.maps.parts import on_part
from vitmap.photo.view import View
from vitmap.render.figures.compare import CompareSheet, draw_compare

BRIGHT = (16, 24, 32, 48)  # y0, x0, y1, x1 of the bright square, unless a scene has its own


# The agreement of masks, and the mass on a part.

MASKS = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((4, 3, 5)) < 0.4
)


@given(MASKS)
def test_agreement_is_scikit_learns_and_symmetric(masks: np.ndarray) -> None:
    masks[:, 0, 0] = True  # of two empty masks there is no number
    values = agreement(masks)
    np.testing.assert_array_equal(values, values.T)
    np.testing.assert_array_equal(np.diag(values), 1)
    for a in range(4):
        for b in range(4):
            assert values[a, b] == pytest.approx(iou_of(masks[a], masks[b]))


def test_empty_masks_agree_with_nothing() -> None:
    masks = np.array([[[False, False]], [[False, False]], [[True, False]]])
    values = agreement(masks)
    assert np.isnan(values[0, 1])
    assert values[0, 2] == 0
    assert nearest(values) == [2, 2, 0]
    assert nearest(np.ones((1, 1))) == [None]


def test_agreement_by_chance_is_what_random_masks_reach() -> None:
    chance = np.random.default_rng(0)
    found = [agreement(chance.random((2, 40, 50)) < [[[0.3]], [[0.1]]])[0, 1] for _ in range(200)]
    assert by_chance(np.array([0.3, 0.1]))[0, 1] == pytest.approx(np.mean(found), rel=0.02)


def test_mass_on_a_part_is_counted_pixel_by_pixel() -> None:
    view = View.of((40, 60), (8, 8), 64)
    chance = np.random.default_rng(1)
    values = chance.random((3, *view.grid)).astype(np.float64)
    shares = values / values.sum(axis=(1, 2), keepdims=True)
    kept = shares > np.median(shares)
    part = np.zeros((40, 60), dtype=bool)
    part[5:22, 11:37] = True
    rows, columns = view.owners()
    for one, share, mask in zip(on_part(shares, kept, part, view), shares, kept, strict=True):
        mass = sum(
            share[row, column] * part[np.ix_(rows == row, columns == column)].mean()
            for row in range(view.grid[0])
            for column in range(view.grid[1])
        )
        assert one.share == pytest.approx(mass)
        assert one.times == pytest.approx(mass / one.area)
        on_photo = mask[rows][:, columns]
        assert one.iou == pytest.approx(iou_of(part, on_photo))
    assert one.area == pytest.approx(part.mean(), rel=0.02)


@pytest.mark.parametrize("where", ["whole", "uniform"])
def test_no_preference_is_a_multiple_of_one(where: str) -> None:
    view = View.of((30, 50), (8, 8), 48)
    part = np.zeros((30, 50), dtype=bool)
    part[3:17, 20:41] = True
    shares = np.full((1, *view.grid), 1 / np.prod(view.grid))
    if where == "whole":
        part[:], shares = True, np.random.default_rng(0).dirichlet(np.ones(shares.size), 1)
        shares = shares.reshape(1, *view.grid)
    [one] = on_part(shares, shares > 0, part, view)
    assert one.times == pytest.approx(1)


# The numbers of the table.


@pytest.mark.parametrize(
    ("family", "fit"),
    [
        ("vit", "squash"),
        ("dinov2_with_registers", "keep"),  # five prefix tokens
        ("beit", "squash"),  # a bias by relative position
        ("ijepa", "squash"),  # no CLS: the mean over patches asks
    ],
)
def test_every_number_is_that_of_the_models_own_attention(
    compare: Command, scene: Callable[..., Path], tmp_path: Path, out: Path, family: str, fit: str
) -> None:
    """Entropy, distance, prefix mass, kept share and peak from the eager N × N matrices."""
    pictures = [scene("a.png", 1), scene("b.png", 2)]
    folder = tiny.save(tiny.scale_queries_and_keys(tiny.build(family)), tmp_path / family)
    asked = ["--layer", "all", "--head", "0,2", "--size", 16 if fit == "squash" else 32]
    assert compare(*pictures, "--model", folder, "--no-classify", "--fit", fit, *asked).code == 0
    model = api.load(folder)
    eager = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    lines = table(out / "compare.csv")
    names = [f"L{layer} H{head}" for layer in range(3) for head in (0, 2)]
    assert [line["map"] for line in lines] == 2 * names
    for path in pictures:
        photo = api.read_photo(path)
        view = model.facts.view(photo.size, asked[-1], fit)
        with torch.no_grad():
            seen = eager(pixel_values=tensor_of(model, photo, view), output_attentions=True)
        for line in (line for line in lines if line["picture"] == path.name):
            layer, head = (int(word[1:]) for word in line["map"].split())
            matrix = seen.attentions[layer][0, head].numpy().astype(np.float64)
            assert_numbers(line, matrix, model, view)


def assert_numbers(
    line: dict[str, str], matrix: np.ndarray, model: api.TorchEngine, view: View
) -> None:
    """A line of the table against the head's whole attention matrix."""
    prefix = len(model.facts.prefix)
    asks = matrix[0] if "CLS" in model.facts.prefix else matrix[prefix:].mean(axis=0)
    row, near = asks[prefix:], {"rel": 1e-4, "abs": 1e-5}
    y, x = divmod(int(row.argmax()), view.grid[1])
    far = mean_distance(matrix, prefix, view.grid, view.source)
    expected = {
        "entropy_bits": bits_of(row),
        "entropy_share": bits_of(row) / np.log2(len(row)),
        "distance_px": far,
        "distance_share_of_diagonal": far / np.hypot(*view.source),
        "prefix_mass": asks[:prefix].sum(),
        "kept_share": fewest(row, 0.6) / len(row),
        "peak_times_uniform": row.max() * len(row),
    }
    for name, value in expected.items():
        assert float(line[name]) == pytest.approx(value, **near), name
    assert (int(line["peak_x"]), int(line["peak_y"])) == view.center(y, x)


def test_agreement_is_of_the_masks_that_vitmap_writes(
    compare: Command, scene: Callable[..., Path], planted: Path, out: Path
) -> None:
    pictures = [scene("a.png", 1), scene("b.png", 2)]
    assert compare(*pictures, "--threshold", 0.4).code == 0
    lines = table(out / "agreement.csv")
    assert len(lines) == 3 * (2 + 1)  # three pairs of three heads, and their mean
    model = api.load(planted)
    every: dict[tuple[str, str], list[float]] = {}
    for path in pictures:
        kept = api.attend(model, path, size=32).keep_mass(0.4)[0]
        for line in (line for line in lines if line["picture"] == path.name):
            a, b = (int(line[name].split("H")[1]) for name in ("map_a", "map_b"))
            value = iou_of(kept[a], kept[b])
            assert float(line["iou"]) == pytest.approx(value, abs=1e-6)
            every.setdefault((line["map_a"], line["map_b"]), []).append(value)
    for line in (line for line in lines if line["picture"] == "mean over 2 pictures"):
        mean = np.mean(every[line["map_a"], line["map_b"]])
        assert float(line["iou"]) == pytest.approx(mean, abs=1e-6)


def test_all_rows_are_on_one_scale_unless_asked_otherwise(
    compare: Command, scene: Callable[..., Path], planted: Path, out: Path
) -> None:
    pictures = [scene("a.png", 1), scene("b.png", 2, box=(0, 0, 8, 8))]
    model = api.load(planted)
    values = [
        (maps.values[0] * maps.values[0, 0].size).ravel()
        for maps in (api.attend(model, path, size=32) for path in pictures)
    ]

    def end(of: list[np.ndarray]) -> float:
        return float(np.percentile(np.concatenate(of), 99.5, method="higher"))

    for scale, expected in (
        ("run", [end(values)] * 2),
        ("image", [end([one]) for one in values]),
        ("cell", [None, None]),
    ):
        assert compare(*pictures, "--scale", scale).code == 0
        recorded = json.loads((out / "run.json").read_text("utf-8"))["scale"]
        assert recorded["name"] == scale
        assert recorded["upper"] == (
            expected if scale == "cell" else pytest.approx(expected, rel=1e-5)
        )


def test_the_query_of_a_pooling_head_has_no_distance(
    compare: Command, scene: Callable[..., Path], tmp_path: Path, out: Path
) -> None:
    model = tiny.save(tiny.build("siglip"), tmp_path / "siglip")
    pictures = [scene("a.png", 1), scene("b.png", 2)]
    said = compare(*pictures, "--model", model, "--no-classify")
    assert said.code == 0
    assert {line["distance_px"] for line in table(out / "compare.csv")} == {""}
    assert {line["map"][:4] for line in table(out / "compare.csv")} == {"pool"}


# Which head finds the part.


def boxes(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(["image,x0,y0,x1,y1,label", *lines]) + "\n", encoding="utf-8")
    return path


def test_the_planted_head_is_found_by_its_part(
    compare: Command, scene: Callable[..., Path], tmp_path: Path, out: Path
) -> None:
    places = {"a.png": BRIGHT, "b.png": (0, 0, 24, 24), "c.png": (24, 40, 48, 72)}
    pictures = [scene(name, n, box) for n, (name, box) in enumerate(places.items())]
    file = boxes(
        tmp_path / "parts.csv",
        [f"{n},{x0},{y0},{x1},{y1},wheel" for n, (y0, x0, y1, x1) in places.items()]
        + ["a.png,0,0,8,8,corner", "elsewhere.png,0,0,8,8,wheel"],
    )
    said = compare(*pictures, "--layer", "all", "--parts", file)
    assert said.code == 0
    found = [line.strip() for line in said.out if line.strip().startswith("wheel: ")]
    assert len(found) == 1
    assert found[0].startswith("wheel: L1 H2 (")
    assert found[0].endswith("× its area's share, over 3 pictures)")
    assert any("flatters itself" in line for line in said.out)
    lines = [line for line in table(out / "parts.csv") if line["part"] == "wheel"]
    assert len(lines) == 3 * 9
    planted = [float(line["times_area"]) for line in lines if line["map"] == "L1 H2"]
    assert float(found[0].split("(")[1].split("×")[0]) == pytest.approx(np.mean(planted), abs=0.06)
    assert len([line for line in table(out / "parts.csv") if line["part"] == "corner"]) == 9
    best = json.loads((out / "run.json").read_text("utf-8"))["best_for_parts"]
    assert [one["label"] for one in best] == ["wheel", "corner"]
    assert best[0]["map"] == "L1 H2"


def test_each_part_has_a_line_above_its_maps_and_the_best_of_each_a_star(
    compare: Command, scene: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[CompareSheet] = []
    monkeypatch.setattr(
        report, "draw_compare", lambda sheet: drawn.append(sheet) or draw_compare(sheet)
    )
    pictures = [scene("a.png", 1, BRIGHT), scene("b.png", 2)]
    names = ["wheel", "left", "right", "top", "bottom", "middle", "corner"]
    y0, x0, y1, x1 = BRIGHT
    lines = [f"a.png,{x0},{y0},{x1},{y1},wheel"]
    lines += [f"a.png,{9 * n},0,{9 * n + 8},8,{name}" for n, name in enumerate(names[1:])]
    for count in (2, 5, 7):
        file = boxes(tmp_path / "parts.csv", lines[:count])
        assert compare(*pictures, "--layer", 1, "--parts", file).code == 0
        tiles = drawn[-1].rows[0].tiles
        for tile in tiles:
            parts = [text for text, _ in tile.captions][1:]
            assert len(parts) == min(count, 5)
            assert [part.removeprefix("★ ").split()[0] for part in parts][:4] == names[:4][:count]
        assert tiles[2].framed  # L1 H2 was planted to look at bright patches
        assert [text for text, _ in tiles[2].captions][1].startswith("★ wheel ")
        stars = [
            sum(text.count("★") for text, _ in tile.captions[1:])
            for tile in drawn[-1].rows[0].tiles
        ]
        assert sum(stars) <= count
        assert [bool(star) for star in stars] == [tile.framed for tile in tiles]


def test_heads_that_agree_no_better_than_by_chance_are_like_none(
    compare: Command, scene: Callable[..., Path], out: Path
) -> None:
    pictures = [scene("a.png", 1), scene("b.png", 2)]
    said = compare(*pictures, "--layer", "all")
    assert said.code == 0
    others: dict[str, list[tuple[float, float]]] = {}
    for line in table(out / "agreement.csv"):
        for name in (line["map_a"], line["map_b"]) if line["picture"].startswith("mean") else ():
            others.setdefault(name, []).append((float(line["iou"]), float(line["iou_by_chance"])))
    told = said.out[said.out.index(next(line for line in said.out if "agreement of" in line)) :]
    like = {name: max(found) for name, found in others.items()}
    assert {iou > chance for iou, chance in like.values()} == {True, False}, "both must be seen"
    for name, (iou, chance) in like.items():
        [line] = [line for line in told if line.split()[:2] == name.split()]
        assert (line.split()[2] == "none") == (iou <= chance)


def test_the_embedded_model_s_wheel_head_is_named(
    compare: Command, tmp_path: Path, out: Path
) -> None:
    """The drawn car of assets/: the head that a beginner would look for, without looking."""
    file = boxes(
        tmp_path / "parts.csv",
        [
            "scene-car.png,240,370,335,465,wheel",
            "scene-car.png,735,370,830,465,wheel",
            "scene-car.png,470,220,640,300,window",
        ],
    )
    pictures = [ASSETS / "scene-car.png", ASSETS / "scene-mug.png"]
    given = ["--model", "embedded", "--no-classify", "--size", 480, "--parts", file]
    assert compare(*pictures, *given).code == 0
    wheel, window = json.loads((out / "run.json").read_text("utf-8"))["best_for_parts"]
    assert (wheel["label"], wheel["map"], wheel["pictures"]) == ("wheel", "L5 H5", 1)
    assert wheel["times"] > 4
    assert (window["label"], window["map"]) == ("window", "L5 H1")


def test_parts_of_other_pictures_are_left_out_and_none_at_all_is_refused(
    scene: Callable[..., Path], tmp_path: Path
) -> None:
    pictures = [scene("a.png"), scene("b.png", 1)]
    file = boxes(tmp_path / "parts.csv", ["b.png,1,2,3,4,x", "z.png,1,2,3,4,x"])
    found, remarks = read_places(pictures, file)
    assert list(found) == [pictures[1]]
    assert remarks == []
    other = boxes(tmp_path / "other.csv", ["z.png,1,2,3,4,x"])
    with pytest.raises(InputError, match=r"other.csv: names 1 picture, none of those given: expec"):
        read_places(pictures, other)


def test_a_part_outside_its_picture_fails_that_picture_alone(
    compare: Command, scene: Callable[..., Path], tmp_path: Path, out: Path
) -> None:
    pictures = [scene(name, n) for n, name in enumerate(("a.png", "b.png", "c.png"))]
    file = boxes(tmp_path / "parts.csv", ["a.png,1,2,30,40,x", "b.png,500,2,600,40,x"])
    said = compare(*pictures, "--parts", file)
    assert said.code == 3
    assert any("b.png: the box (500, 2) to (600, 40) lies outside" in line for line in said.err)
    assert {line["picture"] for line in table(out / "compare.csv")} == {"a.png", "c.png"}


# Right and wrong.

CLASSES = ("tabby, tabby cat", "tiger cat", "crane", "sports car, sport car")


@pytest.mark.parametrize(
    ("says", "label", "right"),
    [
        ("tabby, tabby cat", "Tabby Cat", True),
        ("tabby, tabby cat", "tabby", True),
        ("tabby, tabby cat", "tabby, tabby cat", True),
        ("tabby, tabby cat", " TABBY_cat ", True),
        ("tabby, tabby cat", "tiger cat", False),
        ("tiger cat", "tabby", False),
        ("tabby, tabby cat", "cat", None),
        ("tabby, tabby cat", "car", None),
    ],
)
def test_a_label_is_right_by_any_of_its_synonyms(says: str, label: str, right: bool | None) -> None:
    prediction = Prediction("m", ((says, 0.9), ("tabby", 0.1)), (1, 1), False)
    assert verdict_of(prediction, label, CLASSES).right is right


def test_an_unknown_label_is_answered_with_what_was_meant() -> None:
    error = unknown_label("tabbi cat", CLASSES, "m knows")
    assert isinstance(error, UsageError)
    assert str(error).startswith(
        "Label 'tabbi cat' is not among the 6 names that m knows: did you mean 'tabby cat'"
    )
    assert "'sports car'" in str(unknown_label("car", CLASSES, "m knows"))
    meant = str(unknown_label("cat", (*CLASSES, "crate"), "m knows"))
    assert "did you mean 'tabby cat', 'tiger cat', 'crate'?" in meant  # whole words come first
    assert "expected a class such as 'crane'" in str(unknown_label("zzz", CLASSES, "m knows"))


def test_names_are_plain_and_synonyms_are_several() -> None:
    assert names_of("Egyptian_cat") == {"egyptian cat"}
    assert names_of("a, b") == {"a", "b", "a, b"}
