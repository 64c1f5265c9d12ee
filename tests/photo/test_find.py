"""Which pictures an input names, and what their output folders are called."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vitmap.photo.find import find_pictures
from vitmap.photo.read import SUFFIXES
from vitmap.runs.names import folder_names

TREE = [
    "lot/b.png",
    "lot/a.JPG",
    "lot/c.Tiff",
    "lot/notes.txt",
    "lot/._a.JPG",
    "lot/deep/z.webp",
    "lot/crops.png/inside.bmp",
    "odd/cat[1].jpg",
    "odd/写真 一.png",
    "odd/50%-$HOME-🙂.gif",
    "deeper/one/a.png",
    "deeper/two/b.png",
    "lonely/one/a.png",
    "text/readme.md",
]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with pictures and other things; we stand above them."""
    for name in TREE:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not looked at")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FOUND: dict[str, tuple[list[str], list[str]]] = {
    "a file": (["lot/b.png"], ["lot/b.png"]),
    "a file of any kind": (["text/readme.md"], ["text/readme.md"]),
    "a folder, sorted, its pictures alone": (["lot"], ["lot/a.JPG", "lot/b.png", "lot/c.Tiff"]),
    "a folder named like a picture": (["lot/crops.png"], ["lot/crops.png/inside.bmp"]),
    "a pattern": (["lot/*.[pJ]*"], ["lot/a.JPG", "lot/b.png", "lot/crops.png/inside.bmp"]),
    "a pattern of folders": (["deeper/*"], ["deeper/one/a.png", "deeper/two/b.png"]),
    "a file named like a pattern": (["odd/cat[1].jpg"], ["odd/cat[1].jpg"]),
    "a hidden file that is named": (["lot/._a.JPG"], ["lot/._a.JPG"]),
    "signs of a shell, Japanese, emoji": (
        ["odd"],
        ["odd/50%-$HOME-🙂.gif", "odd/cat[1].jpg", "odd/写真 一.png"],
    ),
    "in the order given": (
        ["lot/c.Tiff", "deeper/two", "lot/a.JPG"],
        ["lot/c.Tiff", "deeper/two/b.png", "lot/a.JPG"],
    ),
    "once, where it was named first": (
        ["lot/b.png", "lot", "./lot/../lot/b.png", "lot/b*"],
        ["lot/b.png", "lot/a.JPG", "lot/c.Tiff"],
    ),
}


@pytest.mark.parametrize("case", FOUND)
@pytest.mark.usefixtures("tree")
def test_inputs_name_pictures(case: str) -> None:
    inputs, expected = FOUND[case]
    assert find_pictures(inputs) == ([Path(name) for name in expected], {})
    assert find_pictures([Path(name) for name in inputs])[0] == [Path(name) for name in expected]


EMPTY = "no pictures in this folder (.jpg, .png, .tif, .bmp …)"
NOTHING = {
    "nowhere.png": "nowhere.png: no such file.",
    "lot/*.webp": "lot/*.webp: no such file.",
    "lot/b.png/b.png": "lot/b.png/b.png: no such file.",
    "text": f"text: {EMPTY}.",
    "lonely": f"lonely: {EMPTY}; it has 1 folder: name one of them.",
    "deeper": f"deeper: {EMPTY}; it has 2 folders: name one of them.",
    "": "An empty name was given: expected a picture or a folder of pictures.",
}


@pytest.mark.parametrize("given", NOTHING)
@pytest.mark.usefixtures("tree")
def test_an_input_that_names_none_is_that_input_s_error(given: str) -> None:
    found, errors = find_pictures(["lot/b.png", given, "lot/a.JPG"])
    assert found == [Path("lot/b.png"), Path("lot/a.JPG")]
    assert {name: str(error) for name, error in errors.items()} == {given: NOTHING[given]}


def test_a_name_that_is_too_long_is_an_error() -> None:
    name = "x" * 300 + ".png"
    [error] = find_pictures([name])[1].values()
    assert re.fullmatch(
        rf"{name}: (cannot be read \(File name too long\)|no such file)\.", str(error)
    )


def test_links_are_followed_and_broken_ones_told(tree: Path) -> None:
    Path("link.png").symlink_to(tree / "lot/b.png")
    Path("broken.png").symlink_to(tree / "gone.png")
    found, errors = find_pictures(["link.png", "lot/b.png", "broken.png"])
    assert found == [Path("link.png")]
    assert [str(error) for error in errors.values()] == ["broken.png: no such file."]


def test_every_suffix_is_found_in_a_folder(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        (tmp_path / f"a{suffix.upper()}").touch()
    assert {path.suffix.lower() for path in find_pictures([tmp_path])[0]} == SUFFIXES


@pytest.mark.skipif(sys.platform != "linux", reason="names are free bytes on Linux alone")
def test_a_name_that_is_no_utf_8_is_found(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    [path] = find_pictures([tmp_path])[0]
    assert folder_names([path]) == ["caf_"]


NAMES: dict[str, tuple[list[str], list[str]]] = {
    "stems": (["a/car.jpg", "cat.tar.gz.png"], ["car", "cat.tar.gz"]),
    "equal stems": (["a/car.jpg", "b/car.jpg", "car.png"], ["car", "car-2", "car-3"]),
    "equal but for case": (["Car.jpg", "car.jpg", "CAR.jpg"], ["Car", "car-2", "CAR-3"]),
    "a number already taken": (["car-2.jpg", "car.jpg", "car.png"], ["car-2", "car", "car-3"]),
    "composed and decomposed": (["caf\u00e9.png", "cafe\u0301.png"], ["caf\u00e9", "caf\u00e9-2"]),
    "Japanese": (["写真/猫の写真.jpg", "猫の写真.png"], ["猫の写真", "猫の写真-2"]),
    "signs that shells read": (["50% $HOME 🙂.gif", "-x.png"], ["50% $HOME 🙂", "-x"]),
    "signs that Windows refuses": (
        ["a:b?c*d|e.png", 'say "x" <y>.png'],
        ["a_b_c_d_e", "say _x_ _y_"],
    ),
    "line breaks": (["a\nb\t.png"], ["a_b_"]),
    "dots and spaces at the ends": ([" . car . .png", "....png"], ["car", "picture"]),
    "devices of Windows": (
        ["con.png", "LPT1.old.png", "console.png"],
        ["_con", "_LPT1.old", "console"],
    ),
    "the run's own record": (["run.json.png", "RUN.JSON.jpg"], ["run.json-2", "RUN.JSON-3"]),
    "250 bytes": (["x" * 246 + ".png", "x" * 245 + ".png"], ["x" * 240, "x" * 240 + "-2"]),
    "249 bytes in 3-byte letters": (["写" * 82 + ".jpg"], ["写" * 80]),
    "a space where it is cut": (["x" * 239 + " tail.png"], ["x" * 239]),
}


@pytest.mark.parametrize("case", NAMES)
def test_folder_names(case: str) -> None:
    pictures, expected = NAMES[case]
    assert folder_names([Path(picture) for picture in pictures]) == expected


letters = st.characters(exclude_characters="/\0", exclude_categories=[])
stems = st.text(letters | st.sampled_from('aA.- <>:"\\|?*\n写é\u0301ß🙂'), min_size=1, max_size=90)
pictures = st.lists(stems.map(lambda stem: Path(f"{stem}.png")), max_size=12)


@given(pictures)
@example([Path("\u212b.png"), Path("\u00c5.png"), Path("A\u030a.png")])
@example([Path("\udce9.png"), Path("_.png")])
def test_laws_of_folder_names(paths: list[Path]) -> None:
    names = folder_names(paths)
    assert names == folder_names(list(paths))
    assert len(names) == len(paths)
    assert len({name.casefold() for name in names} | {"run.json"}) == len(paths) + 1
    for name in names:
        assert name
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
        assert name == name.strip(" .")
        assert name == unicodedata.normalize("NFC", name)
        assert len(f".{name}.partial".encode()) <= 255  # the folder that is written aside


@given(pictures, pictures)
def test_more_pictures_rename_none(first: list[Path], more: list[Path]) -> None:
    assert folder_names(first + more)[: len(first)] == folder_names(first)
