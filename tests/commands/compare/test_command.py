"""`vitmap compare` as a user meets it: rows of models, verdicts, failures, files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers.models.vit.modeling_vit import ViTEmbeddings

import tiny
import vitmap as api
from command import Command, left_in, record_of
from parts import table
from vitmap.commands.compare.names import folder_of

FILES = {"agreement.csv", "agreement.png", "compare.csv", "compare.png", "run.json"}


@pytest.fixture
def pictures(scene: Callable[..., Path]) -> list[Path]:
    return [scene("a.png", 1), scene("b.png", 2)]


@pytest.fixture(scope="session")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of two layers with two heads: nothing but its name fits the other models."""
    model = tiny.build(
        "vit", classes=3, num_hidden_layers=2, num_attention_heads=2, patch_size=8, seed=5
    )
    return tiny.save(model, tmp_path_factory.mktemp("models") / "shallow")


def test_everything_is_written_whole_and_recorded(
    compare: Command,
    pictures: list[Path],
    planted: Path,
    out: Path,
) -> None:
    said = compare(*pictures)
    assert (said.code, said.err) == (0, [])
    assert left_in(out) == FILES
    record = record_of(out)
    assert record["files"] == sorted(FILES)
    assert record["command"][:2] == ["vitmap", "compare"]
    assert [row["status"] for row in record["rows"]] == ["done", "done"]
    model = api.load(planted)
    for row, path in zip(record["rows"], pictures, strict=True):
        assert row["sha256"] == api.read_photo(path).digest
        assert row["model"]["digest"] == model.facts.source.digest
        assert row["model"]["revision"] == model.facts.source.revision
        assert row["patch_grid_yx"] == list(model.facts.view((48, 72), 32).grid)
    assert said.out[0] == ("Layer L2, heads H0 to H2: what the CLS token attends to in 2 pictures")
    assert said.out[-1] == f"  5 files in {out}: start with compare.png"
    maps = [line.split()[:2] for line in said.out if line.startswith("  L2 H")]
    assert maps == 3 * [["L2", f"H{head}"] for head in range(3)]  # two tables, and agreement
    for name in ("compare.png", "agreement.png"):
        with Image.open(out / name) as image:
            image.load()


def test_the_same_comparison_writes_the_same_files(
    compare: Command,
    pictures: list[Path],
    out: Path,
) -> None:
    first: dict[str, bytes] = {}
    for _ in range(2):
        assert compare(*pictures, "--layer", "all", "--head", 1).code == 0
        files = {path.name: path.read_bytes() for path in out.iterdir()}
        assert files == (first or files)
        first = files


@pytest.mark.parametrize(
    ("given", "maps"),
    [
        (["--layer", "all", "--head", 1], ["L0 H1", "L1 H1", "L2 H1"]),
        (["--layer", "0,-1", "--head", "0,2"], ["L0 H0", "L0 H2", "L2 H0", "L2 H2"]),
        (["--reduce", "heads"], ["L2 mean of H0-H2"]),
        (["--layer", "all", "--reduce", "mean"], ["mean of L0-L2 H0-H2"]),
    ],
)
def test_columns_are_the_maps_that_were_asked_for(
    compare: Command,
    pictures: list[Path],
    out: Path,
    given: list[object],
    maps: list[str],
) -> None:
    assert compare(*pictures, *given).code == 0
    lines = table(out / "compare.csv")
    assert [line["map"] for line in lines] == 2 * maps
    assert (out / "agreement.png").is_file() == (len(maps) > 1)


def test_the_distance_of_a_mean_is_the_mean_of_distances(
    compare: Command,
    pictures: list[Path],
    out: Path,
) -> None:
    assert compare(*pictures, "--layer", "all").code == 0
    single = [float(line["distance_px"]) for line in table(out / "compare.csv")]
    assert compare(*pictures, "--layer", "all", "--reduce", "heads").code == 0
    means = [float(line["distance_px"]) for line in table(out / "compare.csv")]
    assert means == pytest.approx(np.reshape(single, (-1, 3)).mean(axis=1).tolist(), abs=1e-4)


def test_one_forward_gives_maps_and_label_where_both_see_the_same_pixels(
    compare: Command,
    pictures: list[Path],
    tiny_classifier: Path,
    out: Path,
) -> None:
    seen: list[object] = []
    given = ["--model", tiny_classifier, "--fit", "squash"]
    for size, forwards in ((16, 2), (32, 4)):  # the classifier sees 16 px
        seen.clear()
        hook = register_module_forward_pre_hook(
            lambda module, _: seen.append(module) if type(module) is ViTEmbeddings else None
        )
        assert compare(*pictures, *given, "--size", size).code == 0
        hook.remove()
        assert len(seen) == forwards
        rows = record_of(out)["rows"]
        shared = [row["prediction"]["same_forward_as_maps"] for row in rows]
        assert shared == [size == 16] * 2
        for row, path in zip(rows, pictures, strict=True):
            alone = api.predict(api.load(tiny_classifier), path)
            label = row["prediction"]["labels"][0]
            assert label["label"] == alone.labels[0][0]
            assert label["probability"] == pytest.approx(alone.labels[0][1], abs=1e-5)


# One picture in several models.


def test_each_model_has_its_own_grid_heads_and_verdict(
    compare: Command,
    pictures: list[Path],
    tiny_classifier: Path,
    planted: Path,
    shallow: Path,
    out: Path,
) -> None:
    says = str(api.predict(api.load(tiny_classifier), pictures[0]).labels[0][0])
    models = [tiny_classifier, planted, shallow]
    label = says.split(", ")[1].upper()  # a synonym, in another case
    said = compare(pictures[0], "--models", *models, "--label", label)
    assert said.code == 0
    rows = record_of(out)["rows"]
    assert [row["name"] for row in rows] == ["tiny-classifier", "planted", "shallow"]
    assert rows[0]["label"]["right"] is True
    assert rows[1]["prediction"] is None
    known = (
        "number 1" in label.lower() or "number 0" in label.lower() or "number 2" in label.lower()
    )
    assert rows[2]["label"]["right"] is (None if not known else rows[2]["label"]["right"])
    assert len({tuple(row["patch_grid_yx"]) for row in rows}) == 2
    lines = table(out / "compare.csv")
    assert [line["map"] for line in lines if line["model"] == "shallow"] == ["L1 H0", "L1 H1"]
    pairs = table(out / "agreement.csv")
    assert {line["model"] for line in pairs} == {"tiny-classifier", "planted", "shallow"}
    assert len(pairs) == 3 + 3 + 1  # never between two models, never a mean over them
    assert any("(correct)" in line for line in said.out)
    assert any("label: no classifier" in line for line in said.out)
    end = record_of(out)["scale"]["upper"]
    assert len(set(end)) == 1


def test_a_wrong_label_says_so(
    compare: Command,
    pictures: list[Path],
    tiny_classifier: Path,
    out: Path,
) -> None:
    says = [api.predict(api.load(tiny_classifier), path).labels[0][0] for path in pictures]
    other = next(f"class {n}" for n in range(7) if not says[1].startswith(f"class {n}"))
    labels = ["--label", says[0], "--label", other]
    said = compare(*pictures, "--model", tiny_classifier, *labels)
    assert said.code == 0
    assert [row["label"]["right"] for row in record_of(out)["rows"]] == [True, False]
    assert sum("(correct)" in line for line in said.out) == 1
    assert sum(f"(wrong: it is {other})" in line for line in said.out) == 1


def test_a_model_that_cannot_be_had_fails_alone(
    compare: Command,
    pictures: list[Path],
    planted: Path,
    shallow: Path,
    tmp_path: Path,
    out: Path,
) -> None:
    models = [planted, tmp_path / "nowhere", shallow]
    said = compare(pictures[0], "--models", *models)
    assert said.code == 4
    assert [line for line in said.err if "nowhere" in line]
    assert said.err[-1] == "vitmap: 1 of 3 rows failed."
    rows = record_of(out)["rows"]
    assert [row["status"] for row in rows] == ["done", "done", "failed"]
    assert {line["model"] for line in table(out / "compare.csv")} == {"planted", "shallow"}
    said = compare(pictures[0], "--models", *models, "--layer", 2)
    assert said.code == 4
    assert left_in(out) == FILES  # of the run before: nothing was written
    assert "1 row is left to compare, of 3" in said.err[0]
    said = compare(pictures[0], "--models", planted, planted.parent / "x", tmp_path / "nowhere")
    assert said.code == 4


# What is refused, and what fails alone.


def test_a_patch_that_asks_outside_one_picture_fails_that_one(
    compare: Command,
    pictures: list[Path],
    draw: Callable[..., Path],
    out: Path,
) -> None:
    small = draw("small.png", 20, 20)
    said = compare(*pictures, small, "--query", "patch:60,40")
    assert said.code == 3
    assert "small.png: Point (60, 40) lies outside the photo of 20 × 20 px." in said.err[0]
    assert {line["picture"] for line in table(out / "compare.csv")} == {"a.png", "b.png"}
    assert "what the patch at 60, 40 px attends to" in said.out[0]


def test_a_picture_that_cannot_be_read_fails_alone(
    compare: Command,
    pictures: list[Path],
    tmp_path: Path,
    out: Path,
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    said = compare(*pictures, tmp_path / "broken.png", tmp_path / "missing.png")
    assert said.code == 3
    assert any("broken.png: not a picture that can be read" in line for line in said.err)
    assert any("missing.png: no such file" in line for line in said.err)
    assert {line["picture"] for line in table(out / "compare.csv")} == {"a.png", "b.png"}
    said = compare(pictures[0], tmp_path / "broken.png", "--out", tmp_path / "none")
    assert said.code == 3
    assert "1 row is left to compare, of 2" in said.err[0]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "No picture was given: vitmap compare IMAGE IMAGE"),
        (["a.png", "b.png", "--show", "masks"], "did you mean 'mask'"),
        (["a.png", "b.png", "--layer", "9"], "Layer 9 asked for, but the model has layers 0..2"),
        (["a.png", "b.png", "--head", "3"], "Head 3 asked for, but the model has heads 0..2"),
        (["a.png", "b.png", "--threshold", "1.5"], "Threshold 1.5 asked for"),
        (["a.png", "--models", "embedded"], "--models names one model, embedded: expected two or"),
        (["a.png", "--models", ".", "./"], "--models names one model, .: expected two or more"),
        (["--models", "x", "y", "a.png"], "a.png is a picture, but stands among the models: pict"),
        (["b.png", "--models", "x", "y", "a.png"], "as in `vitmap compare a.png --models A B`."),
        (["a.png", "a.png"], "One picture was given (one that is named twice counts once)"),
        (["a.png", "b.png", "--models", "x", "y"], "2 pictures were given with --models"),
        (
            ["a.png", "--models", "x", "y", "--classifier", "z"],
            "--models and --classifier exclude each other",
        ),
        (
            ["a.png", "b.png", "--label", "x", "--label", "y", "--label", "z"],
            "--label was given 3 times for 2 pictures",
        ),
        (["a.png", "b.png", "--label", "x", "--no-classify"], "--label and --no-classify exclude"),
        (
            ["a.png", "none.png", "b.png", "--label", "x", "--label", "y", "--label", "z"],
            "1 of 3 inputs name none",
        ),
        (["a.png", "b.png", "--label", " "], "--label names nothing"),
        (["a.png", "b.png", "--colormap", "virids"], "did you mean 'viridis'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    compare: Command,
    pictures: list[Path],
    planted: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    own = [] if "--models" in given else ["--model", str(planted)]
    said = compare(*given, *own)
    assert said.code == 2
    assert message in said.err[-1]
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["none.png", "--models", "embedded", "x"], "vitmap: none.png: no such file."),
        (["empty"], "vitmap: empty: no pictures in this folder"),
        (["a.png", "none.png"], "1 picture is left to compare, of 2; the first failure: none.png"),
        (["x.png", "y.png", "--parts", "z.csv"], "no picture is left to compare, of 2; the first"),
    ],
)
def test_too_few_pictures_are_said_before_a_model_is_loaded(
    compare: Command,
    pictures: list[Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    Path("empty").mkdir()
    said = compare(*given, *([] if "--models" in given else ["--model", "nowhere"]))
    assert said.code == 3
    assert message in said.err[0]
    assert not out.exists()


def test_rows_of_one_name_are_told_apart_by_their_folders(
    compare: Command, draw: Callable[..., Path], planted: Path, tmp_path: Path, out: Path
) -> None:
    pictures = [draw(f"{folder}/part.png", seed=n) for n, folder in enumerate(("left", "right"))]
    assert compare(*pictures, draw("a.png")).code == 0
    names = ["left/part.png", "right/part.png", "a.png"]
    assert [row["name"] for row in record_of(out)["rows"]] == names
    for name in ("compare.csv", "agreement.csv"):
        assert list(dict.fromkeys(line["picture"] for line in table(out / name)))[:3] == names
    models = [tmp_path / run / "best" for run in "ab"]
    for model in models:
        model.parent.mkdir()
        model.symlink_to(planted)
    assert compare(pictures[0], "--models", *models).code == 2  # the same folder under two names
    models[1].unlink()
    tiny.save(tiny.build("vit"), models[1])
    assert compare(pictures[0], "--models", *models).code == 0
    assert [row["name"] for row in record_of(out)["rows"]] == ["a/best", "b/best"]


def test_titles_name_a_register_and_the_mean_over_everything(
    compare: Command, pictures: list[Path], tiny_backbone: Path
) -> None:
    model = ["--model", tiny_backbone, "--no-classify"]
    said = compare(*pictures, *model, "--query", "register:1")
    assert said.out[0] == "Layer L2, heads H0 to H2: what register 1 attends to in 2 pictures"
    said = compare(*pictures, *model, "--layer", "0,2", "--reduce", "mean")
    title = "Mean of layers L0, L2, mean of heads H0 to H2: what the CLS token attends to in 2 pict"
    assert said.out[0].startswith(title)


def test_a_label_that_no_model_knows_is_answered(
    compare: Command,
    pictures: list[Path],
    tiny_classifier: Path,
    shallow: Path,
    planted: Path,
    out: Path,
) -> None:
    for rows in (
        [*pictures, "--model", tiny_classifier],
        [pictures[0], "--models", tiny_classifier, shallow],
    ):
        said = compare(*rows, "--label", "clas 3")
        assert said.code == 2
        assert "Label 'clas 3' is not among the" in said.err[-1]
        assert "did you mean 'class 3'" in said.err[-1]
    said = compare(pictures[0], "--models", planted, "embedded", "--label", "x")
    assert said.code == 2
    assert "none of the models has a classifier" in said.err[-1]
    assert not out.exists()


def test_more_maps_than_a_figure_can_hold_are_refused_with_what_to_do(
    compare: Command,
    tmp_path: Path,
    scene: Callable[..., Path],
    out: Path,
) -> None:
    for number in range(41):
        scene(f"{number:02}.png", number)
    said = compare(tmp_path)
    assert said.code == 2
    assert "41 rows asked for: a figure has 40 at most. Name fewer" in said.err[0]
    wide = tiny.build("vit", num_attention_heads=24, hidden_size=48, num_hidden_layers=9)
    model = tiny.save(wide, tmp_path / "wide")
    said = compare(
        tmp_path / "00.png",
        tmp_path / "01.png",
        "--model",
        model,
        "--no-classify",
        "--layer",
        "all",
    )
    assert said.code == 2
    assert "216 maps a row in 2 rows asked for" in said.err[0]
    assert "Choose with --layer and --head" in said.err[0]
    assert not out.exists()


def test_names_of_any_kind_are_rows(
    compare: Command,
    scene: Callable[..., Path],
    out: Path,
) -> None:
    names = ["検査.png", "=1+1.png", "a $x$ <b>.png", "-2.png"]
    pictures = [scene(name, number) for number, name in enumerate(names)]
    said = compare(*pictures, "--show", "overlay")
    assert said.code == 0
    shown = [line["picture"] for line in table(out / "compare.csv")]
    assert list(dict.fromkeys(shown)) == ["検査.png", "'=1+1.png", "a $x$ <b>.png", "'-2.png"]
    assert len(json.loads((out / "run.json").read_text("utf-8"))["rows"]) == 4


def test_a_replay_says_how_a_comparison_is_done_again(
    compare: Command, vitmap: Command, pictures: list[Path], out: Path
) -> None:
    assert compare(*pictures, "--layer", "-2").code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    said = vitmap("--replay", out / "run.json")
    assert said.code == 2
    assert "is the record of `vitmap compare`, which --replay cannot repeat" in said.err[0]
    again = shlex.split(said.err[0].split("run its command again: ")[1])
    assert again[:2] == ["vitmap", "compare"]
    assert compare(*again[2:]).code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_more_than_a_terminal_or_a_figure_can_hold_is_said_to_lie_in_the_files(
    compare: Command, pictures: list[Path], planted: Path, tmp_path: Path, out: Path
) -> None:
    many = tiny.build("vit", num_hidden_layers=5, num_attention_heads=12, hidden_size=24)
    folder = tiny.save(many, tmp_path / "many")
    given = ["--model", folder, "--no-classify", "--layer", "all"]
    said = compare(*pictures, *given)
    assert said.code == 0
    assert left_in(out) == FILES - {"agreement.png"}
    [line] = [line for line in said.out if "agreement.csv" in line]
    assert line.strip().startswith("60 maps are too many for a figure of their agreement (48 at mo")
    assert len(table(out / "agreement.csv")) == 3 * 60 * 59 // 2
    said = compare(pictures[0], "--models", folder, planted, "--layer", "all")
    assert said.code == 0
    assert any("the numbers of these 69 maps are in compare.csv" in line for line in said.out)
    assert [line.split(":")[0] for line in said.out[1:3]] == ["  many", "  planted"]
    assert len(said.out) < 12


def test_machines_are_told_in_one_line(
    compare: Command,
    pictures: list[Path],
    out: Path,
) -> None:
    said = compare(*pictures, "--json")
    [line] = said.out
    told = json.loads(line)
    assert told["folder"] == str(out)
    assert {key: told[key] for key in record_of(out)} == record_of(out)
    assert compare(*pictures, "--quiet").out == []


def test_a_comparison_that_was_not_told_where_goes_into_a_folder_of_its_own() -> None:
    named = folder_of([Path("a/car.jpg"), Path("b/car.png")], [])
    assert named == Path("outputs/compare/car-car-2")
    assert folder_of([Path("x.png")], ["timm:vit_a", "/runs/epoch-1/"]).name == (
        "x-in-timm-vit_a-epoch-1"
    )
    long = [Path(f"{'n' * 70}-{number}.png") for number in range(3)]
    assert len(folder_of(long, []).name) < 80
    assert folder_of(long, []).name.endswith("-and-2-more")
