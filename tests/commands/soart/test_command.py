"""`vitmap soart` as a user meets it: files, words, exit codes, and what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from assets import ASSETS
from command import Command, command, left_in
from oracles import soart as oracle
from torch_free import without_torch
from vitmap.errors import OutputError
from vitmap.files.checked import seal
from vitmap.formats.spreadsheet import bare, harmless
from vitmap.photo.read import read_photo
from vitmap.runs.staging import Stage

LOT, STANDARD = ASSETS / "lot", ASSETS / "lot-standard.png"


@pytest.fixture
def soart(out: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    run = command(capfd)

    def call(name: str, *arguments: object) -> object:
        given = [] if "--out" in arguments else ["--out", out]
        return run("soart", name, *arguments, *given)

    return call


@pytest.fixture
def tables(soart: Command, out: Path) -> Path:
    """Learn tables of ten good parts, valid tables of six spoilt ones."""
    good, bad = sorted((LOT / "good").iterdir())[:10], sorted((LOT / "missing-disc").iterdir())[:6]
    assert soart("metrics", "--standard", STANDARD, "--images", *good).code == 0
    done = soart("metrics", "--standard", STANDARD, "--images", *bad, "--as", "valid")
    assert done.code == 0
    return out


def read(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


# metrics


def test_tables_on_disk_equal_the_plain_loops(soart: Command, out: Path) -> None:
    images = [LOT / "good/01.jpg", LOT / "missing-mark/02.jpg"]
    said = soart("metrics", "--standard", STANDARD, "--images", *images, "--decimals", 3)
    assert said.code == 0
    assert said.out[0] == "2 pictures against lot-standard.png: good 1, missing-mark 1"
    pixels = [read_photo(path).pixels for path in images]
    expected = oracle.tables_of(read_photo(STANDARD).pixels, pixels, decimals=3)
    for name, table in zip(("btY1", "snY2", "gmY3"), expected, strict=True):
        header, *lines = read(out / f"learn_{name}.csv")
        assert header == ["NO", "X0", "X1", "X2", "X3"]
        assert [[float(v) for v in line[1:]] for line in lines] == table
    assert read(out / "learn_rows.csv")[1:] == [
        ["1", "01.jpg", "good"],
        ["2", "02.jpg", "missing-mark"],
    ]
    record = json.loads((out / "learn_settings.json").read_text("utf-8"))
    assert record["settings"]["variant"] == "mean-l2"
    assert [picture["status"] for picture in record["pictures"]] == ["done", "done"]
    assert set(record["files"]) == left_in(out)


@pytest.mark.parametrize(
    ("options", "columns", "files"),
    [
        (["--color", "rgb-split"], 12, 5),
        (["--color", "rgb-joint", "--grid", "3x3", "--size", "45"], 9, 5),
        (["--variant", "sum-chebyshev", "--kernel", "3", "--size", "18"], 4, 5),
        (["--variant", "rt"], 4, 5),
    ],
)
def test_every_form_of_tables(
    soart: Command, out: Path, options: list[str], columns: int, files: int
) -> None:
    done = soart("metrics", "--standard", LOT / "good", "--images", LOT / "missing-mark", *options)
    assert done.code == 0, done.err
    assert len(left_in(out)) == files
    assert len(read(out / "learn_btY1.csv")[0]) == 1 + columns
    if "rt" in options:
        near = np.array(read(out / "learn_rtD.csv")[1:], dtype=float)[:, 1:]
        assert near.shape == (12, 4)
        assert np.median(near) > 3
        assert not (out / "learn_gmY3.csv").exists()
        refused = soart("attend", "--learn", out, "--valid", out)
        assert (refused.code, "no Y3 (variant rt)" in refused.err[0]) == (2, True)


def test_one_bad_picture_leaves_the_others(soart: Command, out: Path, tmp_path: Path) -> None:
    lot = tmp_path / "lot"
    lot.mkdir()
    for name in ("01.jpg", "02.jpg"):
        shutil.copy(LOT / "good" / name, lot / name)
    (lot / "broken.png").write_bytes(b"no picture")
    dark = Image.new("RGB", (300, 100))
    dark.save(lot / "dark.png")
    done = soart("metrics", "--standard", STANDARD, "--images", lot)
    assert done.code == 3
    assert any("broken.png: not a picture" in line for line in done.err)
    assert any("dark.png: X2 is blank or its slope is not positive" in line for line in done.err)
    assert any("1 picture is of another shape than the standard (dark.png)" in e for e in done.err)
    lines = read(out / "learn_btY1.csv")[1:]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert lines[2][1:] == ["NaN"] * 4


def test_metrics_that_cannot_be(soart: Command, out: Path, tmp_path: Path) -> None:
    good = LOT / "good"
    for options, code, said in [
        (["--standard", tmp_path / "no.png", "--images", good], 3, "no such file"),
        (["--standard", STANDARD, "--images", tmp_path / "no"], 3, "no such file"),
        (
            ["--standard", STANDARD, "--images", good, "--size", 31],
            2,
            "size 31, kernel 5, grid 2x2",
        ),
        (["--standard", STANDARD, "--images", good, "--size", 999999990], 2, "at most 4096 px"),
        (["--standard", STANDARD, "--images", good, "--decimals", "nan"], 2, "--decimals"),
        (["--standard", STANDARD, "--images", good, "--grid", "two"], 2, "not of the form 2x2"),
        (["--standard", STANDARD, "--images", good, "--variant", "rtt"], 2, "did you mean 'rt'"),
        (["--standard", STANDARD, "--images", good, "--as", "test"], 2, "Role 'test' is not known"),
        (["--images", good], 2, "--standard"),
    ]:
        done = soart("metrics", *options)
        assert done.code == code
        assert len(done.err) == 1
        assert said in done.err[0]
        assert left_in(out) == set()


# attend


def test_attention_files_open_in_a_spreadsheet(
    soart: Command, tables: Path, tmp_path: Path
) -> None:
    done = soart("attend", "--learn", tables, "--valid", tables, "--out", tmp_path / "a")
    assert done.code == 0, done.err
    assert "6 rows measured by 10 members, safe mode, Q, K, V from Y3,Y1,Y2" in done.out[0]
    names = left_in(tmp_path / "a")
    stems = {f"{kind}_{n}" for kind in ("attention", "adjusted") for n in ("btY1", "snY2", "gmY3")}
    assert names == {f"{s}.csv" for s in [*stems, "features", "positions"]} | {
        "attention.xlsx", "attention.png", "run.json"
    }  # fmt: skip
    for path in (tmp_path / "a").glob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        for line in read(path):
            for cell in line:
                assert not cell.startswith(("=", "+", "@"))
                assert not cell.startswith("-") or float(cell) < 0 or float(cell) == 0
    adjusted = np.array([line[3:] for line in read(tmp_path / "a/adjusted_snY2.csv")[1:]], float)
    features = np.array([line[3:] for line in read(tmp_path / "a/features.csv")[1:]], float)
    positions = np.array([line[3:] for line in read(tmp_path / "a/positions.csv")[1:]], int)
    assert np.array_equal(features[:, 2], adjusted.max(axis=1))
    assert np.array_equal(positions[:, 3], adjusted.argmin(axis=1))


def test_the_workbook_holds_the_same_with_signs_and_colours(
    soart: Command, tables: Path, tmp_path: Path
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    assert soart("attend", "--learn", tables, "--valid", tables, "--out", tmp_path / "a").code == 0
    book = openpyxl.load_workbook(tmp_path / "a/attention.xlsx")
    assert book.sheetnames[:2] == ["adjusted btY1", "adjusted snY2"]
    assert book.sheetnames[-3:] == ["features", "positions", "report"]
    page = book["adjusted gmY3"]
    lines = read(tmp_path / "a/adjusted_gmY3.csv")[1:]
    for row, line in zip(page.iter_rows(min_row=2), lines, strict=True):
        assert [cell.value for cell in row[3:]] == pytest.approx([float(v) for v in line[3:]])
        assert all(cell.number_format.startswith("+0") for cell in row[3:])
    [area] = page.conditional_formatting
    assert str(area.sqref) == "D2:M7"
    assert not [c for p in book for row in p.iter_rows() for c in row if c.data_type == "f"]


@pytest.mark.parametrize(
    "header",
    [
        "NO,X0,X1,X2,X3", "X0,X1,X2,X3", "0,1,2,3", ",0,1,2,3",
        "NO;X0;X1;X2;X3", "Unnamed: 0,X0,X1,X2,X3", "Unnamed: 0,NO,X0,X1,X2,X3",
    ],
)  # fmt: skip
def test_the_original_s_files_are_read(
    soart: Command, tmp_path: Path, out: Path, header: str
) -> None:
    chance = np.random.default_rng(0)
    values = {
        role: np.stack([chance.normal(m, 0.3, (n, 4)) for m in (-0.3, 4, 0.4)]).round(3)
        for role, n in (("learn", 9), ("valid", 7))
    }
    for role, three in values.items():
        for name, table in zip(("btY1", "snY2", "gmY3"), three, strict=True):
            mark = ";" if ";" in header else ","
            leading = header.count(mark) + 1 - 4
            lines = [header] + [
                mark.join([*([str(i)] * leading), *map(str, row)]) for i, row in enumerate(table)
            ]
            (tmp_path / f"{role}_{name}.csv").write_text("\n".join(lines) + "\n")
    done = soart(
        "attend", "--learn", tmp_path, "--valid", tmp_path, "--mode", "exact", "--qkv", "Y1,Y2,Y3"
    )
    assert done.code == 0
    assert "No settings lie beside the learn and valid tables" in done.err[0]
    att, adjusted, _, _ = oracle.exact_attention(
        values["learn"].tolist(), values["valid"].tolist(), (0, 1, 2)
    )
    for metric, name in enumerate(("btY1", "snY2", "gmY3")):
        found = [[float(v) for v in line[3:]] for line in read(out / f"attention_{name}.csv")[1:]]
        assert found == att[metric]
        found = [[float(v) for v in line[3:]] for line in read(out / f"adjusted_{name}.csv")[1:]]
        assert np.array_equal(found, adjusted[metric], equal_nan=True)


def test_rows_without_numbers_are_left_out_and_named(soart: Command, tables: Path) -> None:
    path = tables / "valid_snY2.csv"
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    lines[2] = ",".join([*cells[:3], "", cells[4]])
    path.write_text("\n".join(lines))
    done = soart("attend", "--learn", tables, "--valid", tables, "--out", tables / "a")
    assert done.code == 3
    assert "valid row 2 (02.jpg): X2 of snY2 is no number: the row is left out." in done.err[0]
    assert len(read(tables / "a/features.csv")) == 6
    assert read(tables / "a/features.csv")[2][0] == "3"


def resealed(path: Path, **settings: object) -> None:
    """The same settings but for some, as if vitmap had written them so."""
    record = json.loads(path.read_text())
    record["settings"] |= settings
    path.write_text(json.dumps(seal({k: v for k, v in record.items() if k != "digest"})))


DAMAGE: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "other settings": (
        lambda p: resealed(p / "valid_settings.json", variant="sum-chebyshev"),
        2,
        "variant is mean-l2 in one and sum-chebyshev in the other",
    ),
    "other standard": (
        lambda p: resealed(p / "valid_settings.json", standard="0"),
        2,
        "the standard image is another",
    ),
    "settings of another type": (
        lambda p: resealed(p / "learn_settings.json", size="30"),
        3,
        'field settings.size: expected int, seen "30": not settings that vitmap wrote',
    ),
    "settings out of range": (
        lambda p: resealed(p / "learn_settings.json", kernel=4), 3, "not settings that vitmap",
    ),
    "settings changed by hand": (
        lambda p: (p / "valid_settings.json").write_text(
            (p / "valid_settings.json").read_text().replace('"mean-l2"', '"sum-chebyshev"')
        ),
        3,
        "its digest does not fit",
    ),
    "settings without their digest": (
        lambda p: (p / "valid_settings.json").write_text(
            (p / "valid_settings.json").read_text().replace('"digest"', '"digesu"')
        ),
        3,
        "field digest is missing",
    ),
    "a pipe": (
        lambda p: [(p / "learn_btY1.csv").unlink(), os.mkfifo(p / "learn_btY1.csv")],
        3,
        "a named pipe, not a regular file",
    ),
    "settings broken": (
        lambda p: (p / "learn_settings.json").write_text("{}"), 3, "not settings that vitmap",
    ),
    "file missing": (lambda p: (p / "learn_snY2.csv").unlink(), 3, "the three tables go together"),
    "column missing": (
        lambda p: (p / "learn_btY1.csv").write_text("NO,X0,X1,X3\n1,1,2,3\n"),
        3,
        "column X2 is missing",
    ),
    "no header": (
        lambda p: (p / "learn_btY1.csv").write_text("1,0.5,0.2\n2,0.1,0.4\n"),
        3,
        "expected NO,X0,X1",
    ),
    "short line": (
        lambda p: (p / "learn_btY1.csv").write_text("NO,X0,X1\n1,0.5\n"), 3, "line 2 has 2 cells",
    ),
    "words": (
        lambda p: (p / "learn_btY1.csv").write_text("NO,X0\n1,much\n"), 3, "X0 holds 'much'",
    ),
    "decimal comma": (
        lambda p: (p / "learn_btY1.csv").write_text("NO;X0;X1\n1;0,5;0,2\n"),
        3,
        "X0 holds '0,5': expected a number with a decimal point",
    ),
    "no rows": (
        lambda p: (p / "learn_btY1.csv").write_text("NO,X0\n"), 3, "a header and at least one row",
    ),
    "not text": (
        lambda p: (p / "learn_btY1.csv").write_bytes(b"\xff\xfe\x00"), 3, "cannot be read as CSV",
    ),
    "other rows": (
        lambda p: (p / "learn_btY1.csv").write_text("NO,X0,X1,X2,X3\n1,1,2,3,4\n"),
        3,
        "must belong to the same pictures",
    ),
    "all NaN": (
        lambda p: (p / "learn_btY1.csv").write_text(
            "NO,X0,X1,X2,X3\n" + "".join(f"{i},NaN,1,1,1\n" for i in range(1, 11))
        ),
        3,
        "The learn tables have no row that holds only numbers",
    ),
    "names of others": (
        lambda p: (p / "learn_rows.csv").write_text("NO,image,class\n99,a,b\n"), 3,
        "the tables' own numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_tables_that_cannot_be_used(soart: Command, tables: Path, name: str) -> None:
    damage, code, words = DAMAGE[name]
    damage(tables)
    done = soart("attend", "--learn", tables, "--valid", tables, "--out", tables / "a")
    assert (done.code, len(done.err), done.out) == (code, 1, [])
    assert words in done.err[0]
    assert not (tables / "a").exists()


def test_learn_tables_can_be_measured_by_themselves(soart: Command, tmp_path: Path) -> None:
    good = sorted((LOT / "good").iterdir())[:6]
    assert (
        soart("metrics", "--standard", STANDARD, "--images", *good, "--out", tmp_path / "t").code
        == 0
    )
    done = soart("attend", "--learn", tmp_path / "t", "--valid", tmp_path / "t")
    assert done.code == 0
    assert "holds no valid tables: its learn tables are read for them" in done.err[0]
    assert "6 of 6 measured rows are members themselves" in done.err[1]
    few = soart("metrics", "--standard", STANDARD, "--images", good[0], "--out", tmp_path / "t")
    assert few.code == 0
    one = soart("attend", "--learn", tmp_path / "t", "--valid", tmp_path / "t", "--mode", "safe")
    assert (one.code, "1 member given" in one.err[0]) == (3, True)


def test_a_name_that_is_a_formula_stays_a_name(soart: Command, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "good"
    folder.mkdir()
    for path in sorted((LOT / "good").iterdir())[:5]:
        shutil.copy(path, folder / f"=cmd{path.name}")
    assert (
        soart("metrics", "--standard", STANDARD, "--images", folder, "--out", tmp_path / "t").code
        == 0
    )
    assert soart("attend", "--learn", tmp_path / "t", "--valid", tmp_path / "t").code == 0
    assert read(out / "features.csv")[1][1] == "'=cmd01.jpg"
    book = pytest.importorskip("openpyxl").load_workbook(out / "attention.xlsx")
    cell = book["features"]["B2"]
    assert (cell.data_type, cell.value) == ("s", "=cmd01.jpg")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\n=1", "＝1", "＋1", "－1", "＠a"])
def test_a_text_is_harmless_in_csv_and_can_be_had_back(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert bare(f"'{text}") == text


def test_a_control_character_in_a_name_does_not_stop_the_workbook(
    soart: Command, tmp_path: Path, out: Path
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    folder = tmp_path / "go\x07od"
    folder.mkdir()
    for path in sorted((LOT / "good").iterdir())[:5]:
        shutil.copy(path, folder / f"a\x1f{path.name}")
    tables = tmp_path / "t"
    done = soart("metrics", "--standard", STANDARD, "--images", folder, "--out", tables)
    assert done.code == 0
    assert soart("attend", "--learn", tables, "--valid", tables).code == 0
    page = openpyxl.load_workbook(out / "attention.xlsx")["features"]
    assert (page["B2"].value, page["C2"].value) == ("a\ufffd01.jpg", "go\ufffdod")


@pytest.mark.parametrize("name", ["metrics", "attend", "verdict"])
def test_a_file_where_the_folder_should_be_is_said_before_any_work(
    soart: Command, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ref.png"
    place.write_text("mine")
    for module, function in (("metrics", "measure"), ("attend", "read")):
        monkeypatch.setattr(f"vitmap.commands.soart.{module}.{function}", None)  # no work is begun
    given = {"attend": ["--learn", tmp_path, "--valid", tmp_path]}.get(
        name, ["--standard", STANDARD, "--images", LOT]
    )
    done = soart(name, *given, "--out", place)
    assert (done.code, done.out, len(done.err)) == (3, [], 1)
    assert f"{place}: cannot be written (File exists)" in done.err[0]
    assert left_in(tmp_path) == {"ref.png"}
    assert place.read_text() == "mine"


def test_a_stage_that_cannot_be_put_in_place_is_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "ref.png").write_text("mine")
    stage = Stage(tmp_path / ".ref.png.partial", tmp_path / "ref.png")
    with stage.opened():
        (stage.folder / "run.json").write_text("{}")
    with pytest.raises(OutputError, match=r"ref\.png: cannot be written"):
        stage.commit()
    assert left_in(tmp_path) == {"ref.png"}


# verdict


def test_from_pictures_to_a_verdict(soart: Command, out: Path) -> None:
    new = LOT / "missing-mark/01.jpg"
    done = soart("verdict", "--standard", STANDARD, "--images", LOT, "--new", new)
    assert done.code == 0, done.err
    scores = {line[0]: line for line in read(out / "scores.csv")[1:]}
    assert scores["Mahalanobis, nearest class"][-1] == "recommended"
    assert float(scores["Mahalanobis, nearest class"][5]) > 0.9
    assert len(scores) == 9
    header, *lines = read(out / "verdict.csv")
    assert len(lines) == 48 - 9 + 1
    column = header.index("Mahalanobis, nearest class")
    assert lines[-1][column] == "missing-mark"
    assert json.loads((out / "run.json").read_text("utf-8"))["recommended"] == header[column]
    again = soart("attend", "--learn", out, "--valid", out, "--out", out / "again")
    assert again.code == 0  # the tables of a verdict are tables like any others


def test_verdicts_that_cannot_be(soart: Command, out: Path) -> None:
    for options, code, said in [
        (["--images", LOT / "good"], 3, "Every picture is of the class 'good'"),
        (["--images", LOT, "--normal", "ok"], 3, "0 pictures of the class 'ok'"),
        (["--images", LOT, "--members", "22"], 3, "24 pictures of the class 'good', of which 22"),
        (["--images", LOT, "--members", "-1"], 2, "Members -1 asked for"),
        (["--images", LOT, "--classifiers", "swm"], 2, "did you mean 'svm'"),
    ]:
        done = soart("verdict", "--standard", STANDARD, *options)
        assert (done.code, len(done.err)) == (code, 1)
        assert said in done.err[0]
        assert left_in(out) == set()


# map


def test_a_map_has_the_files_of_a_map_in_the_picture_s_pixels(soart: Command, out: Path) -> None:
    done = soart("map", "--standard", STANDARD, LOT / "missing-mark/01.jpg")
    assert done.code == 0, done.err
    folder = out / "01"
    [picture] = json.loads((folder / "run.json").read_text("utf-8"))["pictures"]
    assert sorted(path.name for path in folder.iterdir()) == picture["files"]
    for kind in ("anomaly-heatmap", "anomaly-mask", "anomaly-overlay", "beta-heatmap"):
        with Image.open(folder / f"{kind}.png") as image:
            assert image.size == (240, 240)
    x, y = picture["peak_at_xy"]
    assert 130 <= x <= 190
    assert 75 <= y <= 165
    first = picture["regions"][0]
    assert first["at_xy"] == [x, y]
    assert picture["alignment"]["correlation"] > 0.9
    tensors = load_file(folder / "maps.safetensors")
    assert tensors["anomaly"].shape == (60, 60)
    assert float(tensors["anomaly"].max()) == pytest.approx(picture["peak"], abs=1e-4)
    with Image.open(folder / "anomaly-mask.png") as mask:
        assert np.asarray(mask)[y, x]
    with Image.open(folder / "composite.png") as composite:
        assert composite.size == (60, 60)


def test_good_pictures_set_the_limit(soart: Command, out: Path) -> None:
    pictures = [LOT / "missing-disc/02.jpg", LOT / "good/05.jpg"]
    assert soart("map", "--standard", LOT / "good", *pictures).code == 0
    bad, good = (json.loads((out / name / "run.json").read_text("utf-8")) for name in ("02", "05"))
    assert bad["scale"] == good["scale"]
    assert bad["scale"]["name"] == "good"
    assert bad["scale"]["upper"] == bad["standard"]["good_limit"]
    assert good["pictures"][0]["regions"] == []
    assert bad["pictures"][0]["regions"][0]["peak"] > bad["scale"]["upper"]
    summary = json.loads((out / "run.json").read_text("utf-8"))
    assert [entry["status"] for entry in summary["pictures"]] == ["done", "done"]


def test_one_picture_s_failure_is_its_own(soart: Command, out: Path, tmp_path: Path) -> None:
    Image.new("RGB", (240, 200)).save(tmp_path / "small.png")
    Image.effect_noise((240, 240), 80).convert("RGB").save(tmp_path / "other.png")
    done = soart(
        "map", "--standard", STANDARD, tmp_path / "small.png", LOT / "good/01.jpg",
        tmp_path / "other.png", tmp_path / "no.png",
    )  # fmt: skip
    assert done.code == 3
    assert "240 × 200 px, but the standard has 240 × 240 px" in done.err[0]
    assert "cannot be aligned with the standard" in done.err[1]
    assert done.err[-1].endswith("3 of 4 inputs failed.")
    assert left_in(out) == {"01", "run.json"}
    aside = soart("map", "--standard", STANDARD, tmp_path / "other.png", "--align", "off")
    assert aside.code == 0


def test_maps_that_cannot_be(soart: Command, out: Path) -> None:
    picture = LOT / "good/01.jpg"
    for options, said in [
        ([], "No picture was given"),
        ([picture, "--align", "yes"], "Align 'yes' is not known"),
        ([picture, "--step", "a"], "Step 'a' is not of the form 4,4"),
        ([picture, "--step", "4", "--patches", "9x9"], "exclude each other"),
        ([picture, "--weights", "1,2"], "Weights '1,2' is not of the form 1,2,3"),
        ([picture, "--weights", "nan,1,1"], "Weights 'nan,1,1' is not of the form 1,2,3"),
        ([picture, "--weights", "inf,1,1"], "Weights 'inf,1,1' is not of the form 1,2,3"),
        ([picture, "--threshold", "nan"], "Threshold nan asked for"),
        ([picture, "--step", "9" * 5000], "is not of the form 4,4"),
        ([picture, "--threshold", "0"], "share of the hottest patch"),
        ([picture, "--scale", "good"], "Scale good asked for, but the standard is 1 picture(s)"),
        ([picture, "--scale", "cell"], "Scale 'cell' is not known"),
        ([picture, "--colormap", "virids"], "did you mean 'viridis'"),
        ([picture, "--patches", "300x300"], "take a smaller step"),
    ]:
        done = soart("map", "--standard", STANDARD, *options)
        assert (done.code, len(done.err)) == (2, 1)
        assert said in done.err[0]
        assert left_in(out) == set()


# the commands themselves


def test_the_commands_are_listed_and_unknown_ones_answered(soart: Command) -> None:
    said = soart("--help")
    assert said.code == 0
    assert all(any(name in line for line in said.out) for name in ("metrics", "verdict", "map"))
    assert "did you mean 'attend'" in soart("atend").err[0]


@pytest.mark.parametrize("missing", ["openpyxl", "sklearn"])
def test_a_missing_library_is_named_before_any_work(missing: str, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from vitmap.commands import main
sys.exit(main(["soart", "verdict", "--standard", {str(STANDARD)!r}, "--images", {str(LOT)!r},
               *sys.argv[1:]]))
"""
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "which is not installed: pip install 'vitmap[soart]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
    without = {"openpyxl": ["--no-excel"], "sklearn": ["--classifiers", "none"]}[missing]
    done = subprocess.run(
        [*run, *without], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_of_it_works_without_torch(tmp_path: Path) -> None:
    standard, lot = str(STANDARD), str(LOT)
    done = without_torch(
        f"""
from vitmap.commands import main
assert main(["soart", "verdict", "--standard", {standard!r}, "--images", {lot!r}]) == 0
assert main(["soart", "map", "--standard", {standard!r}, {lot!r} + "/missing-disc/01.jpg"]) == 0
assert "torch" not in sys.modules
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs/01/map.png").is_file()
