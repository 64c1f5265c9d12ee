"""Odd files as pictures: no hang, no traceback, one line each, and the good pictures are done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import odd
from command import Command, Said, assert_finished, command
from parts import mvtec
from pictures import bytes_of
from vitmap.commands.terminal.console import shown
from vitmap.photo import find as folders
from vitmap.photo.find import find_pictures
from vitmap.photo.read import MOST_FRAMES, read_photo

SECONDS = 60  # far beyond what any needs, on a busy machine too


def assert_one_line(said: Said, path: Path, code: int = 3) -> None:
    assert said.code == code
    [line] = said.err
    assert line.startswith(f"vitmap: {shown(str(path), 'utf-8')}: ")
    assert line.endswith(".")
    assert "unexpected" not in line
    assert len(line) < 400 + len(str(path))


def everywhere(tmp_path: Path, kinds: Iterable[str]) -> dict[str, Path]:
    """A folder a kind, each with a good picture; those that this machine cannot make are left."""
    made = {}
    for number, kind in enumerate(kinds):
        try:
            made[kind] = odd.put(kind, tmp_path / f"{number:02}")
        except pytest.skip.Exception:
            continue
    return made


@pytest.mark.parametrize("kind", odd.FAILS)
def test_an_odd_file_alone_fails_in_one_line(kind: str, tmp_path: Path, vitmap: Command) -> None:
    path = odd.put(kind, tmp_path / "lot")
    with odd.within(SECONDS):
        assert_one_line(vitmap(path), path)


@pytest.mark.skipif(not odd.POSIX, reason="links need rights on Windows")
def test_odd_places_within_folders_fail_alone(tmp_path: Path, out: Path, vitmap: Command) -> None:
    made = everywhere(tmp_path, odd.PLACES)
    assert len(made) >= 12
    folders = [path.parent for path in made.values()]
    with odd.within(4 * SECONDS):
        said = vitmap(*folders, "--head", 2, "--quiet")
    assert said.code == 3
    assert said.err.pop() == f"vitmap: {len(made)} of {2 * len(made)} inputs failed."
    for path, line in zip(made.values(), said.err, strict=True):
        assert line.startswith(f"vitmap: {path}: ")
    done = {"good", *(f"good-{number}" for number in range(2, len(made) + 1))}
    assert {path.name for path in out.iterdir() if path.is_dir()} == done


def test_odd_files_that_are_pictures_are_done(tmp_path: Path, out: Path, vitmap: Command) -> None:
    made = everywhere(tmp_path, odd.WORKS)
    with odd.within(SECONDS):
        said = vitmap(*made.values(), "--head", 2)
    assert (said.code, [line for line in said.err if "no installed font" not in line]) == (0, [])
    assert len([path for path in out.iterdir() if path.is_dir()]) == len(made)


def test_a_folder_of_odd_files_with_a_good_one(tmp_path: Path, out: Path, vitmap: Command) -> None:
    lot = tmp_path / "lot"
    for number, (name, make) in enumerate(odd.FILES.values()):
        lot.mkdir(exist_ok=True)
        make(lot / f"{number:02}-{name}")
    good = odd.put("a JPEG named .png", lot).with_name("good.png")
    (lot / "folder.png").mkdir()
    with odd.within(2 * SECONDS):
        said = vitmap(lot, "--head", 2, "--quiet")
    assert said.code == 3
    assert said.err.pop() == f"vitmap: {len(odd.FILES)} of {len(odd.FILES) + 2} inputs failed."
    for number, ((name, _), line) in enumerate(zip(odd.FILES.values(), said.err, strict=True)):
        assert line.startswith(f"vitmap: {lot / f'{number:02}-{name}'}: ")
        assert "(see --debug)" not in line
    assert_finished(out / good.stem)


SOME = ["a PNG cut off", "text"]
SOME += ["8 GiB of nothing", "a named pipe", "a link to itself"] if odd.POSIX else []

# command → what stands before and after the odd file, alone; `{good}` is a picture
COMMANDS = {
    "compare": ("compare --size 32 --model {model} --no-classify {good}", ""),
    "explore": ("explore --size 16 --model {model}", ""),
    "review": ("review --size 16 --model {model} --layer -1 --head 2", ""),
    "soart metrics": ("soart metrics --standard {good} --images", ""),
    "soart standard": ("soart metrics --images {good} --standard", ""),
    "soart map": ("soart map --standard {good}", "--align off"),
    "soart map's standard": ("soart map {good} --standard", ""),
}


@pytest.mark.parametrize("kind", SOME)
@pytest.mark.parametrize("name", COMMANDS)
def test_an_odd_file_alone_ends_each_command_in_one_line(
    name: str, kind: str, tmp_path: Path, planted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    odd_one = odd.put(kind, tmp_path / "lot")
    good = tmp_path / "lot" / "good.png"
    before, after = (part.format(good=good, model=planted).split() for part in COMMANDS[name])
    with odd.within(SECONDS):
        code, _, lines = command(capfd)(*before, odd_one, *after, "--out", tmp_path / "out")
    assert code == 3
    assert any(str(odd_one) in line for line in lines)
    assert not [line for line in lines if "unexpected" in line or "Traceback" in line]


RECORDS = {"soart metrics": "learn_rows.csv"}
FOLDERS = {
    name: COMMANDS[name] for name in ("compare", "explore", "review", "soart metrics", "soart map")
}


@pytest.mark.parametrize("kind", SOME)
@pytest.mark.parametrize("name", FOLDERS)
def test_an_odd_file_in_a_folder_fails_alone_in_each_command(
    name: str, kind: str, tmp_path: Path, planted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    odd_one, out = odd.put(kind, tmp_path / "lot"), tmp_path / "out"
    good = tmp_path / "standard.png"
    good.write_bytes((tmp_path / "lot" / "good.png").read_bytes())
    before, after = (part.format(good=good, model=planted).split() for part in FOLDERS[name])
    with odd.within(SECONDS):
        code, _, lines = command(capfd)(*before, tmp_path / "lot", *after, "--out", out)
    assert code == 3
    assert len([line for line in lines if str(odd_one) in line]) == 1
    assert not [line for line in lines if "unexpected" in line or "Traceback" in line]
    assert "good.png" in (out / RECORDS.get(name, "run.json")).read_text("utf-8-sig")


@pytest.mark.parametrize("kind", SOME)
def test_an_odd_file_in_a_dataset_fails_alone(
    kind: str, tmp_path: Path, out: Path, rank: Command
) -> None:
    root = mvtec(tmp_path / "set", bad=3, good=4)
    name, make = odd.FAILS[kind]
    make(root / "test" / "good" / name)
    with odd.within(SECONDS):
        code, _, lines = rank(root)
    assert code == 3
    assert len([line for line in lines if name in line]) == 1
    assert (out / "recipe.json").is_file()


def test_what_vanishes_fails_alone(
    draw: Callable[..., Path], out: Path, vitmap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, good = draw("lot/a.png"), draw("lot/b.png")
    found = find_pictures([good.parent])

    def and_then(_: object) -> object:
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(folders, "find_pictures", and_then)
    code, _, lines = vitmap(good.parent, "--head", 2)
    assert (code, lines) == (
        3,
        [f"vitmap: {gone}: no such file.", "vitmap: 1 of 2 inputs failed."],
    )
    assert_finished(out / "b")


# What is no picture: labels, models, fonts and records that a pipe or a device stands for.
OPTIONS = {
    "--model": 4,
    "--classifier": 4,
    "--recipe": 3,
    "--replay": 3,
    "--font": 2,
    "compare --parts": 3,
    "rank --boxes": 3,
    "rank --masks": 3,
    "review --list": 3,
    "review --recipe": 3,
    "soart metrics --standard": 3,
    "soart attend --learn": 3,
}
PLACES = ["a named pipe", "a link to /dev/zero", "a link to itself"]


@pytest.mark.skipif(not odd.POSIX, reason="Windows has no pipes with a place in a folder")
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("option", OPTIONS)
def test_an_odd_file_as_an_option_is_one_line(
    option: str, kind: str, tmp_path: Path, planted: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ending = {"--font": ".ttf", "rank --boxes": ".json", "compare --parts": ".csv"}.get(option, "")
    place = odd.put(kind, tmp_path / "lot")
    place = place.rename(place.with_name(f"odd{ending}")) if kind != "a link to itself" else place
    if kind == "a link to itself":
        place = place.with_name(f"odd{ending}")
        place.symlink_to(place.name)
    good, root = tmp_path / "lot" / "good.png", mvtec(tmp_path / "set", bad=3, good=4)
    given = {
        "--replay": "",
        "--font": f"{good} --model {planted}",
        "--recipe": f"{good} --model {planted}",
        "--model": f"{good}",
        "--classifier": f"{good} --model {planted}",
        "compare --parts": f"{good} {root}/test/good/00.png --model {planted}",
        "rank --boxes": f"--images {root}/test/good --model {planted}",
        "rank --masks": f"--images {root}/test/good --model {planted}",
        "review --list": f"--model {planted} --layer -1 --head 0",
        "review --recipe": f"{good}",
        "soart metrics --standard": f"--images {good}",
        "soart attend --learn": f"--valid {root}",
    }[option].split()
    *name, flag = option.split()
    with odd.within(SECONDS):
        code, _, lines = command(capfd)(*name, *given, flag, place, "--out", tmp_path / "out")
    assert code == OPTIONS[option]
    [line] = lines
    assert line.startswith("vitmap: ")
    assert str(place) in line or os.path.realpath(place) in line
    assert "unexpected" not in line


@pytest.mark.skipif(not odd.POSIX, reason="Windows has no pipes with a place in a folder")
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_an_odd_file_in_a_model_s_folder_is_one_line(
    file: str, kind: str, tmp_path: Path, tiny_classifier: Path, vitmap: Command
) -> None:
    good = odd.put(kind, tmp_path / "lot").with_name("good.png")
    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "model"))
    (folder / file).unlink()
    if kind == "a link to itself":
        (folder / file).symlink_to(file)
    else:
        (tmp_path / "lot" / "x.png").rename(folder / file)
    with odd.within(SECONDS):
        code, _, [line] = vitmap(good, "--model", folder)
    assert code == 4
    assert line.startswith(f"vitmap: {folder}: {file} ")
    assert line.endswith("config.json, preprocessor_config.json, model.safetensors.")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("../other/model.safetensors", "names '../other/model.safetensors', which leads elsewhere"),
        ("/dev/zero", "names '/dev/zero', which leads elsewhere"),
        ("inner", "names 'inner', which is no regular file"),
    ],
)
def test_an_index_of_weights_names_files_of_its_folder(
    named: str, said: str, tmp_path: Path, tiny_classifier: Path, draw: object, vitmap: Command
) -> None:
    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "model"))
    (folder / "inner").mkdir()
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": named}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    code, _, [line] = vitmap(draw(), "--model", folder)
    assert code == 4
    assert line.startswith(f"vitmap: {folder}: model.safetensors.index.json {said}. ")


def test_settings_of_gigabytes_are_not_read(
    tmp_path: Path, tiny_classifier: Path, draw: object, vitmap: Command
) -> None:
    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "model"))
    os.truncate(folder / "config.json", 3 << 30)
    code, _, [line] = vitmap(draw(), "--model", folder)
    assert code == 4
    assert "config.json has 3,221,225,472 bytes: expected at most 16,777,216." in line
    (folder / "config.json").write_text("[" * 100_000)
    code, _, [line] = vitmap(draw(), "--model", folder)
    assert code == 4
    assert line.startswith(f"vitmap: {folder}: config.json cannot be read (")


@pytest.mark.skipif(not odd.POSIX, reason="links need rights on Windows")
def test_two_stars_meet_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("lot/a.png", "lot/deep/b.png", "lot/deep/er/c.png", "lot/.hidden/d.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in ("lot/up", "lot/deep/up", "lot/deep/er/up", "lot/deep/er/again"):
        Path(name).symlink_to(tmp_path / "lot")  # without a rule, 4 ways at each of 40 steps
    Path("lot/loop").symlink_to("loop")
    expected = ["lot/a.png", "lot/deep/b.png", "lot/deep/er/c.png"]
    with odd.within(SECONDS):
        for pattern in ("lot/**/*.png", "**/*.png", "**/**/*.png", f"{tmp_path}/*/**/*.png"):
            found, errors = find_pictures([pattern])
            assert [os.path.relpath(path) for path in found] == expected
            assert errors == {}
        assert {path.name for path in find_pictures(["lot/**"])[0]} >= {"a.png", "b.png", "c.png"}


def test_as_many_pages_as_are_counted(tmp_path: Path) -> None:
    for pages, said in {
        2: "first of 2 frames",
        MOST_FRAMES: "first of 1000 frames",
        MOST_FRAMES + 1: "first of more than 1,000 frames",
    }.items():
        for name, content in {
            "x.tif": odd.tiff_pages(pages),
            "x.gif": odd.gif_frames(pages),
        }.items():
            (tmp_path / name).write_bytes(content)
            photo = read_photo(tmp_path / name)
            assert photo.notes == (said,)
            assert photo.pixels.tolist() == [[[{"x.tif": 128, "x.gif": 0}[name]] * 3]]


def test_a_jpeg_of_many_scans_is_read_where_it_is_small(tmp_path: Path) -> None:
    content = bytes_of("JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    (tmp_path / "a.jpg").write_bytes(content[:-2] + 100 * last + content[-2:])
    assert read_photo(tmp_path / "a.jpg").size == (64, 64)


@pytest.mark.skipif(not odd.POSIX, reason="Windows has no pipes with a place in a folder")
def test_the_catalog_leaves_out_what_cannot_be_read(
    tmp_path: Path,
    planted: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("good", "weights", "refs", "config", "empty"):
        home = tmp_path / "hub" / f"models--me--{name}"
        shutil.copytree(planted, home / "snapshots" / ("0" * 40))
        (home / "refs").mkdir()
    hub = tmp_path / "hub"
    for place in ("weights/{0}/model.safetensors", "config/{0}/config.json", "refs/main"):
        name, rest = place.split("/", 1)
        inner = "refs/main" if name == "refs" else f"snapshots/{rest.format('0' * 40)}"
        path = hub / f"models--me--{name}" / inner
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    shutil.rmtree(hub / "models--me--empty" / "snapshots")
    (hub / "models--me--empty" / "snapshots").symlink_to("snapshots")
    (hub / "models--a-file").touch()
    with odd.within(SECONDS):
        code, lines, errors = command(capfd)("models", "--json")
    assert (code, errors) == (0, [])
    listed = {entry["name"]: entry["trouble"] for entry in json.loads("".join(lines))["models"]}
    assert {name for name in listed if name.startswith("me/")} == {
        "me/good",
        "me/weights",
        "me/refs",
    }
    assert listed["me/good"] is listed["me/refs"] is None
    assert listed["me/weights"].startswith("model.safetensors is a named pipe")
