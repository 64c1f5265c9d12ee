"""`vitmap rank` as a user meets it, with a tiny ViT whose one head looks at bright patches."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

import vitmap as api
from command import Command, command, contents, left_in
from labelled import coco
from parts import SIZE, mvtec, strict, table, write
from vitmap.rank.recipe import read_recipe

FILES = {"rank.png", "examples.png", "rank.csv", "held-out.csv", "recipe.json", "run.json"}


def test_the_planted_head_is_found(rank: Command, tmp_path: Path, out: Path) -> None:
    code, lines, errors = rank(mvtec(tmp_path / "set"))
    assert code == 0, errors
    assert errors == [
        "vitmap: There are no good pictures to learn from in train/good.",
        "vitmap: 6 defective pictures are few to judge by: better 20 or more.",
    ]
    assert left_in(out) == FILES
    assert lines[0] == "set (MVTec): 3 good, 6 spot"
    assert lines[1] == "  3 layers × 3 heads, query: cls"
    assert re.match(r"  L1 H2: AUROC 0\.8\d \[", lines[2])
    assert lines[-1] == f"  6 files in {out}: start with rank.png"

    cells = table(out / "rank.csv")
    assert len(cells) == 3 * 4 + 3
    assert (cells[0]["cell"], cells[0]["layer"], cells[0]["head"]) == ("L1 H2", "1", "2")
    assert (cells[0]["place"], cells[0]["told from the best"]) == ("1", "best")
    scores = [float(cell["auroc"]) for cell in cells[:12]]
    assert scores == sorted(scores, reverse=True)
    assert [cell["cell"] for cell in cells[12:]] == ["uniform", "centre prior", "patch distance"]
    uniform = cells[12]
    assert (uniform["auroc"], uniform["picture-auroc"]) == ("0.5", "0.5")

    held = {line["name"]: line for line in table(out / "held-out.csv")}
    chosen = held["choosing: all"]
    assert "L1 H2 × 5" in chosen["what"]
    assert float(chosen["auroc"]) == pytest.approx(scores[0], abs=0.03)
    for name in ("last layer's mean", "random head", "uniform", "centre prior"):
        assert held[name]["verdict"] == "better"
        lead = float(chosen["auroc"]) - float(held[name]["auroc"])
        assert float(held[name]["procedure's lead"]) == pytest.approx(lead, abs=2e-5)

    recipe = strict(out / "recipe.json")
    assert (recipe["layer"], recipe["head"], recipe["kind"]) == (1, 2, "raw")
    assert (recipe["golden"], recipe["alarm"]) == (None, None)
    evidence = recipe["evidence"]
    assert evidence["held_out"]["value"] == float(chosen["auroc"])
    assert evidence["folds"] == ["L1 H2 raw"] * 5
    record = strict(out / "run.json")
    assert record["files"] == sorted(FILES)
    assert {entry["kind"] for entry in record["pictures"]} == {"good", "spot"}


def test_scores_are_those_of_the_maps_pixel_by_pixel(
    rank: Command, planted: Path, tmp_path: Path, out: Path
) -> None:
    """From `vitmap.attend` to the photo's own pixels, beside scikit-learn and the paper's PRO."""
    sk = pytest.importorskip("sklearn.metrics")
    from oracles import pro as oracle

    root = mvtec(tmp_path / "set", bad=4, good=1)
    assert rank(root).code == 0
    model = api.load(planted)
    paths = sorted((root / "test").rglob("*.png"))
    maps = [api.attend(model, path, size=32, layers="all") for path in paths]
    masks = []
    for path in paths:
        mask = root / "ground_truth" / path.parent.name / f"{path.stem}_mask.png"
        masks.append(np.asarray(Image.open(mask)) > 0 if mask.exists() else np.zeros(SIZE, bool))
    labels = np.concatenate(masks, axis=None)
    by_cell = {(cell["layer"], cell["head"]): cell for cell in table(out / "rank.csv")}
    for layer, head in ((1, 2), (0, 0), (2, "mean")):
        cells = [m.mean(layer, "all" if head == "mean" else head).heatmap().values for m in maps]
        found = by_cell[str(layer), str(head)]
        values = np.concatenate(cells, axis=None)
        assert float(found["auroc"]) == pytest.approx(sk.roc_auc_score(labels, values), abs=3e-3)
        expected = sk.average_precision_score(labels, values)
        assert float(found["ap"]) == pytest.approx(expected, abs=2e-2)
        assert float(found["pro"]) == pytest.approx(oracle.pro(cells, masks), abs=2e-2)
        mass = [v[m].sum() / v.sum() for v, m in zip(cells, masks, strict=True) if m.any()]
        assert float(found["mass"]) == pytest.approx(np.mean(mass), abs=1e-4)


def test_a_recipe_reads_pictures_as_the_ranking_did(
    rank: Command, planted: Path, tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Good pictures to compare with: heat, score, threshold and verdict, through the command."""
    root = mvtec(tmp_path / "set", train=6)
    rows = tmp_path / "rows"
    assert rank(root, "--rows", rows).code == 0
    recipe = read_recipe(out)
    vitmap = command(capfd, model=planted, out=tmp_path / "judged")
    bad, good = root / "test/spot/00.png", root / "test/good/00.png"
    code, lines, errors = vitmap(bad, good, "--recipe", out / "recipe.json", "--json")
    assert (code, errors) == (0, [])
    told = {Path(json.loads(line)["path"]): json.loads(line)["recipe"] for line in lines}
    from vitmap.maps.keys import head_keys
    from vitmap.rank.candidates import Field
    from vitmap.rank.row import SCORE
    from vitmap.rank.row_file import read_row

    field = Field(head_keys(range(3), range(3)), True, True)
    place = next(
        i
        for i, c in enumerate(field.candidates())
        if (c.kind, c.layer, c.head) == (recipe.kind, recipe.layer, recipe.head)
    )
    digests = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (bad, good)}
    for file in rows.glob("*.row.safetensors"):
        row = read_row(file)
        if row.digest in digests:
            one = told[digests[row.digest]]
            assert one["score"] == pytest.approx(row.measures[place, SCORE], abs=1e-4)
            assert one["threshold"] == recipe.threshold
            assert one["defective"] == (one["score"] > recipe.threshold)
    assert told[bad]["defective"]
    assert told[bad]["verdict"] != told[good]["verdict"]
    heat = load_file(tmp_path / "judged/00/heat.safetensors")["heat"]
    assert heat.shape == (7, 9)


def test_with_good_pictures_there_are_deviations_too(
    rank: Command, tmp_path: Path, out: Path
) -> None:
    code, lines, errors = rank(mvtec(tmp_path / "set", train=6))
    assert (code, len(errors)) == (0, 1)
    assert lines[0] == "set (MVTec): 3 good, 6 spot; 6 good ones to compare with"
    assert any(line.startswith("  threshold for a picture: ") for line in lines)
    assert "false alarms on 14.3% of good pictures (0.4% to 45.9%, from 6)" in " ".join(lines)
    cells = table(out / "rank.csv")
    assert len(cells) == 3 * 3 * 4 + 3
    readings = {cell["reading"] for cell in cells}
    assert readings == {"raw attention", "brighter than good", "unlike good, either way"} | {
        "baseline"
    }
    held = {line["name"] for line in table(out / "held-out.csv")}
    assert {"choosing: raw", "choosing: golden", "choosing: all"} < held
    alarm = strict(out / "recipe.json")["alarm"]
    assert (alarm["rate"], alarm["pictures"]) == (1 / 7, 6)


@pytest.mark.parametrize("options", [[], ["--golden", "none"]], ids=["golden", "raw"])
def test_rows_kept_give_the_same_bits_as_one_run(
    options: list[str], rank: Command, tmp_path: Path
) -> None:
    """Half of the pictures first, all of them later, in folders of another order."""
    root = mvtec(tmp_path / "set", train=6, bad=8)
    half = tmp_path / "half"
    shutil.copytree(root, half)
    for path in [*half.glob("test/spot/0[1-4].png"), *half.glob("ground_truth/spot/0[1-4]_*.png")]:
        path.unlink()
    shutil.copy(root / "test/spot/07.png", half / "test/spot/zz.png")
    shutil.copy(root / "ground_truth/spot/07_mask.png", half / "ground_truth/spot/zz.png")
    for name in ("test/spot/07.png", "ground_truth/spot/07_mask.png"):
        (half / name).unlink()
    assert rank(half, "--rows", tmp_path / "rows", *options).code == 0
    kept = contents(tmp_path / "rows")
    later = rank(root, "--rows", tmp_path / "rows", "--out", tmp_path / "later", *options)
    whole = rank(root, "--out", tmp_path / "whole", *options)
    assert later.code == whole.code == 0
    assert later.err == whole.err
    for name in ("rank.csv", "held-out.csv", "recipe.json", "rank.png", "examples.png"):
        same = [(tmp_path / folder / name).read_bytes() for folder in ("later", "whole")]
        assert same[0] == same[1], name
    tensors = [tmp_path / folder / "recipe.safetensors" for folder in ("later", "whole")]
    assert tensors[0].exists() == tensors[1].exists()
    if tensors[0].exists():
        assert tensors[0].read_bytes() == tensors[1].read_bytes()
    again = contents(tmp_path / "rows")
    assert {name: again[name] for name in kept} == kept
    assert len(again) == len(kept) + 4
    assert not [name for name in again if "partial" in name]


def test_rows_are_of_their_own_settings(rank: Command, tmp_path: Path) -> None:
    root, rows = mvtec(tmp_path / "set", bad=3, good=1), tmp_path / "rows"
    for number, options in enumerate(
        [[], ["--size", 24], ["--threshold", 0.5], ["--query", "mean"], ["--fit", "squash"]], 1
    ):
        assert rank(root, "--rows", rows, *options).code == 0
        assert len(list(rows.iterdir())) == 4 * number
    write(np.full(SIZE, 9, dtype=np.uint8), tmp_path / "x.png")
    mask = root / "ground_truth/spot/00_mask.png"
    Image.fromarray(np.roll(np.asarray(Image.open(mask)), 3)).save(mask)
    assert rank(root, "--rows", rows).code == 0
    assert len(list(rows.iterdir())) == 21


def test_scored_pictures_may_be_among_the_good_ones(
    rank: Command, tmp_path: Path, out: Path
) -> None:
    """Such a picture is read against the others: its own weight must not hide it."""
    root = mvtec(tmp_path / "set", good=5)
    code, lines, errors = rank(root, "--golden", root / "test/good", "--by", "picture-auroc")
    assert (code, len(errors)) == (0, 2)
    assert lines[0] == "set (MVTec): 5 good, 6 spot; 5 good ones to compare with"
    recipe = strict(out / "recipe.json")
    assert recipe["evidence"]["held_out"]["value"] <= 1
    scores = [float(cell["picture-auroc"]) for cell in table(out / "rank.csv")]
    assert max(scores) == 1


def test_boxes_masks_and_folders_agree(rank: Command, tmp_path: Path, out: Path) -> None:
    """The same truth in four layouts gives the same table; without masks, whole pictures."""
    root = mvtec(tmp_path / "set", bad=5, good=3)
    lot, masks = tmp_path / "lot", tmp_path / "masks"
    boxes, lines = {}, ["image,x0,y0,x1,y1"]
    for path in sorted((root / "test").rglob("*.png")):
        name = f"{path.parent.name}-{path.name}"
        lot.mkdir(exist_ok=True)
        shutil.copy(path, lot / name)
        truth = root / "ground_truth/spot" / f"{path.stem}_mask.png"
        bad = path.parent.name == "spot"
        mask = np.asarray(Image.open(truth)) if bad else np.zeros(SIZE, dtype=np.uint8)
        write(mask, masks / name)
        y, x = np.nonzero(mask)
        box = (x.min(), y.min(), x.max() + 1, y.max() + 1) if bad else ()
        x0, y0, x1, y1 = (int(v) for v in box) if bad else (0, 0, 0, 0)
        found = {"bbox": [x0, y0, x1 - x0, y1 - y0], "category_id": 1, "area": 1, "iscrowd": 0}
        boxes[name] = [found] if bad else []
        lines.append(f"{name},{x0},{y0},{x1},{y1}" if bad else f"{name},,,,")
    coco(tmp_path / "boxes.json", boxes)
    (tmp_path / "boxes.csv").write_text("\n".join(lines) + "\n")
    assert rank(root).code == 0
    expected = (out / "rank.csv").read_bytes()
    for options in (
        ["--masks", masks],
        ["--boxes", tmp_path / "boxes.json"],
        ["--boxes", tmp_path / "boxes.csv"],
    ):
        code, _, errors = rank("--images", lot, *options)
        assert code == 0, errors
        assert (out / "rank.csv").read_bytes() == expected
    shutil.copytree(root / "test", tmp_path / "folders")
    code, lines, errors = rank(tmp_path / "folders")
    assert code == 0
    assert lines[0] == "folders (good and bad folders): 3 good, 5 spot"
    assert "vitmap: There are no masks: nothing says where the defects lie." in errors
    cell = table(out / "rank.csv")[0]
    assert "auroc" not in cell
    assert float(cell["picture-auroc"]) == 1


def test_json_is_one_line(rank: Command, tmp_path: Path, out: Path) -> None:
    code, lines, _ = rank(mvtec(tmp_path / "set"), "--json")
    assert (code, len(lines)) == (0, 1)
    told = json.loads(lines[0])
    assert (told["folder"], told["recipe"]) == (str(out), "L1 H2")
    assert set(told["files"]) == FILES
    assert told["evidence"] == strict(out / "recipe.json")["evidence"]
    assert rank(tmp_path / "set", "--quiet").out == []


HOSTILE = ["猫é🙂", "golden", "layout", "none", "=1+1", "%s{0}", " x "]


@pytest.mark.parametrize("kind", HOSTILE)
def test_names_of_any_kind(kind: str, rank: Command, tmp_path: Path, out: Path) -> None:
    root = mvtec(tmp_path / kind, bad=3, good=1, kind=kind)
    code, lines, errors = rank(root, "--json", "--by", "mass")
    assert code == 0, errors
    told = json.loads(lines[0])
    assert told["evidence"]["pictures"] == {"good": 1, kind: 3}
    assert told["evidence"]["golden"] == 0
    record = strict(out / "run.json")
    assert record["dataset"] == {
        "name": kind,
        "layout": "MVTec",
        "pictures": {"good": 1, kind: 3},
    }


def test_parts_that_are_shifted_are_aligned_or_it_is_said(
    rank: Command, tmp_path: Path, out: Path
) -> None:
    """The part moves, and what good ones look like moves with it; a second run says the same."""
    root = mvtec(tmp_path / "set", train=6, shift="yes")
    fewer = "vitmap: 6 defective pictures are few to judge by: better 20 or more."
    aligned, rows = (
        r"vitmap: (\d+) of 15 pictures are shifted .* up to 1\.\d patches: aligned\.",
        [],
    )
    for _ in range(2):
        code, _, errors = rank(root, "--rows", tmp_path / "rows")
        assert (code, errors[0]) == (0, fewer)
        said = re.fullmatch(aligned, errors[1])
        assert said is not None
        rows.append(int(said[1]))
    assert rows[0] == rows[1] >= 10
    scores = scores_against_good(out)
    code, _, errors = rank(root, "--no-align")
    assert errors[1:] == [
        "vitmap: Parts were not aligned (--no-align): they are compared as they lie."
    ]
    assert scores != scores_against_good(out)


def scores_against_good(out: Path) -> list[float]:
    cells = table(out / "rank.csv")
    return [float(c["auroc"]) for c in cells if c["reading"] == "unlike good, either way"]


def test_where_there_is_nothing_to_see_that_is_the_headline(
    rank: Command, tmp_path: Path, out: Path
) -> None:
    """Masks at random, on pictures of random blocks."""
    chance = np.random.default_rng(4)
    for number in range(10):
        mask = np.zeros(SIZE, dtype=np.uint8)
        y, x = chance.integers(0, (36, 52))
        mask[y : y + 12, x : x + 12] = 255
        blocks = chance.integers(0, 256, (6, 8), dtype=np.uint8)
        write(blocks.repeat(8, axis=0).repeat(8, axis=1), tmp_path / f"lot/{number}.png")
        write(mask, tmp_path / f"masks/{number}.png")
    code, lines, errors = rank("--images", tmp_path / "lot", "--masks", tmp_path / "masks")
    few = "vitmap: 10 defective pictures are few to judge by: better 20 or more."
    assert (code, errors) == (0, [few])
    assert lines[2].startswith(
        "  No cell is shown to do better than uniform attention: choosing one gets AUROC 0."
    )
    assert " on other pictures (the best on these alone: L" in lines[2]
    assert strict(out / "run.json")["headline"] == lines[2].strip()
