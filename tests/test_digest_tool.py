"""scripts/digest-outputs: equal runs give equal digests, and a difference is named."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts" / "digest-outputs"))

from cases import CASES  # noqa: E402 (it lies beside the script)
from comparison import differences, equal_files  # noqa: E402
from digest import chosen, main  # noqa: E402
from explanation import explain  # noqa: E402
from hashing import digests_of, make_alike  # noqa: E402


def recorded(**cases: dict) -> dict:
    """A digest file's content: a case has one command that ended well, unless it says otherwise."""
    plain = {"commands": ["vitmap"], "exits": [0], "files": {}}
    return {"format": 1, "versions": {}, "cases": {name: plain | cases[name] for name in cases}}


def tree(folder: Path, **files: str) -> Path:
    """A folder of text files; `a__txt` becomes `a.txt`."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"files": {"a": "1"}}, {"files": {"a": "1"}}, []),
        ({"files": {"a": "1"}}, {"files": {"a": "2"}}, ["map: changed: a"]),
        ({"files": {"a": "1"}}, {"files": {"b": "1"}}, ["map: removed: a", "map: added: b"]),
        ({}, {"exits": [3]}, ["map: exit code: command 1 ended with 0, now with 3"]),
        (
            {},
            {"commands": ["vitmap cat.png"]},
            ["map: other commands: the two files are of different lists of cases"],
        ),
    ],
)
def test_what_differs_in_a_case_is_named(old: dict, new: dict, said: list[str]) -> None:
    found = differences(recorded(map=old), recorded(map=new))
    assert [str(difference) for difference in found] == said


def test_a_case_that_one_file_lacks_is_a_difference_unless_others_are_asked_for() -> None:
    one, two = recorded(map={"files": {"a": "1"}}, rank={}), recorded(map={"files": {"a": "1"}})
    assert [str(found) for found in differences(one, two)] == [
        "rank: not run: the new file lacks this case"
    ]
    assert [str(found) for found in differences(two, one)] == [
        "rank: not run: the old file lacks this case"
    ]
    assert differences(one, two, only=["map"]) == []
    assert (equal_files(one, two), equal_files(one, two, only=["rank"])) == (1, 0)


def test_every_file_has_a_digest_hidden_ones_and_empty_folders_too(tmp_path: Path) -> None:
    folder = tree(tmp_path / "out", a__txt="", __lock="7")
    (folder / "partial").mkdir()
    assert digests_of(folder) == {
        ".lock": "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451",
        "a.txt": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "partial/": "empty folder",
    }


def test_the_place_and_a_workbooks_time_are_made_alike(tmp_path: Path) -> None:
    trees = []
    for year in (2024, 2025):
        root = tmp_path / str(year)
        folder = tree(root / "out", run__json=f'{{"path": "{root}/cat.png"}}', code__bin=str(root))
        with zipfile.ZipFile(folder / "book.xlsx", "w") as book:
            member = zipfile.ZipInfo("docProps/core.xml", (year, 1, 1, 0, 0, 0))
            book.writestr(member, f"<dcterms:created a='b'>{year}-01-01</dcterms:created>")
            book.writestr("xl/sheet.xml", "<v>1</v>")
        make_alike(folder, root)
        trees.append(digests_of(folder))
    assert [name for name in trees[0] if trees[0][name] != trees[1][name]] == ["code.bin"]
    with zipfile.ZipFile(tmp_path / "2024" / "out" / "book.xlsx") as book:
        assert book.read("xl/sheet.xml") == b"<v>1</v>"


def test_an_explanation_shows_lines_pixels_and_numbers(tmp_path: Path) -> None:
    rows = [f"{i},0.5" for i in range(100)]
    old = tree(tmp_path / "old", a__csv="\n".join(rows), b__json='{"x": [1, 2], "y": 3}')
    new = tree(
        tmp_path / "new",
        a__csv="\n".join([*rows[:50], "50,0.6", *rows[51:]]),
        b__json='{"x": [1, 2], "y": 4}',
    )
    for level, folder in enumerate((old, new)):
        pixels = np.zeros((4, 5, 3), dtype=np.uint8)
        pixels[1, 2] = level * 9
        Image.fromarray(pixels).save(folder / "c.png")
        Image.fromarray(0 * pixels).save(folder / "d.png", compress_level=1 + level)
        save_file({"t": np.float32([0, level / 4])}, folder / "e.safetensors")
    said = {path.name: explain(path, new / path.name) for path in sorted(old.iterdir())}
    assert said == {
        "a.csv": ["@@ from line 51", "-50,0.5", "+50,0.6"],
        "b.json": ["@@ from line 6", '- "y": 3', '+ "y": 4'],
        "c.png": ["1 of 20 pixels, by at most 9 levels"],
        "d.png": [
            "the same pixels: only how they are packed, or what is said of them, has changed"
        ],
        "e.safetensors": ["t: differs by at most 0.25"],
    }


def test_a_comparison_prints_what_differs_and_says_so_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("old", "one\ntwo"), ("new", "one\n2")):
        folder = tree(tmp_path / name / "map", said__txt=text, same__txt="")
        content = recorded(map={"files": digests_of(folder)})
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    old, new = (str(tmp_path / name) for name in ("old", "new"))
    assert main(["--compare", f"{old}.json", f"{new}.json", "--explain", old, new]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "map: changed: said.txt",
        "    @@ from line 2",
        "    -two",
        "    +2",
        "1 files equal, 1 differences",
    ]
    assert main(["--compare", f"{old}.json", f"{old}.json"]) == 0


def test_what_a_case_needs_stands_before_it() -> None:
    names = [case.name for case in CASES]
    assert len({*names}) == len(names)
    for place, case in enumerate(CASES):
        assert {*case.needs} <= {*names[:place]}
    assert [case.name for case in chosen(["recipe", "models"])] == ["models", "rank", "recipe"]


def test_two_runs_of_a_command_give_the_same_file_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    options = ["--place", str(place), "--only", "soart-map"]
    for name in ("one", "two"):
        out, keep = tmp_path / f"{name}.json", tmp_path / name
        assert main([*options, "--out", str(out), "--keep", str(keep)]) == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    [case] = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))["cases"].values()
    assert case["exits"] == [0]
    assert {"1-stdout.txt", "1-stderr.txt", "out/01/map.png"} < {*case["files"]}
    assert case["files"] == digests_of(tmp_path / "one" / "soart-map")
    assert not place.exists()

    place.mkdir()  # another run's
    capsys.readouterr()
    assert main([*options, "--out", str(tmp_path / "three.json")]) == 2
    assert "exists: another run" in capsys.readouterr().err
