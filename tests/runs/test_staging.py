"""What a command puts in its place, what it takes away there, and what it never touches."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from assets import ASSETS
from command import Command, command, contents
from parts import mvtec
from vitmap.errors import FolderInUse, OutputError, UnsafeName
from vitmap.files.checked import seal, unseal
from vitmap.files.lock import patience, short
from vitmap.runs.keeping import keep_folder, keep_result, rehearse
from vitmap.runs.staging import Stages, own_files, staged, write_json, write_record

OWN = ("heads.png", "rank.csv", "L02-H01-mask.png", "run.json")


def folder_with(out: Path, record: object, *files: str) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    for name in files:
        (out / name).write_text(name)
    (out / "run.json").write_text(record if isinstance(record, str) else json.dumps(record))
    return out


NEW = {"format": 2, "files": list(OWN)}
RECORDS: dict[str, tuple[object, set[str]]] = {
    "sealed": (seal(NEW), set(OWN)),
    "of one picture": (seal({"format": 2, "pictures": [{"files": list(OWN)}]}), set(OWN)),
    "of an earlier version": ({"files": list(OWN)}, set(OWN)),
    "other files": (seal({"files": ["my notes.txt", "photo.jpg", ".vitmap.lock"]}), set()),
    "other folders": (
        seal({"files": ["../rank.csv", "/etc/rank.csv", "sub/rank.csv", ".."]}),
        set(),
    ),
    "one letter changed": (json.dumps(seal(NEW)).replace("heads", "rank."), set()),
    "its digest's name changed": (json.dumps(seal(NEW)).replace('"digest"', '"digesu"'), set()),
    "its format's name changed": (json.dumps(seal(NEW)).replace('"format"', '"formau"'), set()),
    "no digest": (NEW, set()),
    "no list": (seal({"files": {"rank.csv": 1}}), set()),
    "no names": (seal({"files": ["rank.csv", 7]}), set()),
    "no pictures": (seal({"pictures": []}), set()),
    "a picture of null": (seal({"pictures": [None]}), set()),
    "null": ("null", set()),
    "a list": ("[1]", set()),
    "deep": ("[" * 5000, set()),
    "no JSON": ("buy milk", set()),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_only_vitmap_s_own_files_are_taken_away(kind: str, tmp_path: Path) -> None:
    record, own = RECORDS[kind]
    out = folder_with(tmp_path / "out", record, *OWN, "my notes.txt", "photo.jpg")
    (tmp_path / "rank.csv").write_text("outside")
    (out / "sub").mkdir()
    (out / "sub" / "rank.csv").write_text("below")
    before = contents(tmp_path)
    assert own_files(out) == own
    with staged(out) as stage:
        (stage.folder / "compare.csv").write_text("new")
        stage.write_record({"files": stage.files()})
    gone = {f"out/{name}" for name in own - {"run.json"}}
    assert set(contents(tmp_path)) == (set(before) - gone) | {"out/compare.csv"}
    kept = set(before) - gone - {"out/run.json"}
    assert {name: before[name] for name in kept} == {
        name: content for name, content in contents(tmp_path).items() if name in kept
    }


def test_links_and_folders_of_others_stay(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    out = folder_with(tmp_path / "out", seal(NEW))
    (out / "rank.csv").symlink_to(victim)
    (out / "heads.png").mkdir()
    assert own_files(out) == {"run.json"}
    with staged(out) as stage:
        stage.write_record({})
    assert victim.read_text() == "kept"
    assert (out / "rank.csv").is_symlink()
    assert (out / "heads.png").is_dir()


def test_a_record_that_is_a_pipe_or_a_link_to_a_device(tmp_path: Path) -> None:
    out = folder_with(tmp_path / "out", seal(NEW), *OWN)
    for plant in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (out / "run.json").unlink()
        plant(out / "run.json")
        assert own_files(out) == set()


def test_a_picture_s_folder_that_is_a_link_is_refused(
    draw: Callable[..., Path], out: Path, vitmap: Command, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    out.mkdir()
    (out / "a").symlink_to(tmp_path / "elsewhere")
    code, _, lines = vitmap(draw("a.png"), draw("b.png"), "--head", 2)
    assert code == 3
    assert lines[0] == (
        f"vitmap: {out / 'a'}: is a link, and 'a' leads through it: expected a file or folder of "
        f"{out} itself. Remove the link."
    )
    assert lines[1:] == ["vitmap: 1 of 2 inputs failed."]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert sorted(path.name for path in out.iterdir()) == ["a", "b", "run.json"]


def test_a_link_that_comes_while_a_picture_is_drawn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Stages(tmp_path / "out").opened() as stages:
        stage = stages.of("a")
        with stage.opened():
            stage.write_record({})
        (tmp_path / "out" / "a").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UnsafeName, match="is a link"):
            stage.commit()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_an_out_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged(tmp_path / "link") as stage:
        stage.write_record({})
    assert (tmp_path / "real" / "run.json").is_file()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for keep in (keep_folder, keep_result):
        with pytest.raises(OutputError, match="loop: cannot be written"), keep(tmp_path / "loop"):
            pass


def test_two_stages_of_one_folder_never_share_a_name(tmp_path: Path) -> None:
    first, second = Stages(tmp_path), Stages(tmp_path)
    assert first.room != second.room
    names = set()
    for _ in range(2):
        with staged(tmp_path / "out") as stage:
            names.add(stage.folder.name)
    assert len(names) == 2
    assert all(f"{os.getpid()}-" in name for name in names)


@pytest.mark.parametrize("name", ["x" * 255, "検" * 85, "a b", "%s", "[a]*", "-rf"])
def test_any_name_of_a_folder(name: str, tmp_path: Path) -> None:
    assert len(os.fsencode(f".{short(name)}.4294967295-12345678.partial")) <= 255
    for _ in range(2):
        with staged(tmp_path / name) as stage:
            stage.write_record({"files": stage.files()})
    assert set(contents(tmp_path)) == {f"{name}/run.json"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_dead_runs_left_is_cleared_and_nothing_that_looks_alike(tmp_path: Path) -> None:
    out = tmp_path / "out"
    dead = [tmp_path / ".out.12-0123abcd.partial", out / ".partial.12-0123abcd"]
    alike = [
        *(tmp_path / ".out.partial", tmp_path / ".out.12-0123abcd.partial.d"),
        *(tmp_path / ".other.12-0123abcd.partial", tmp_path / "out.12-0123abcd.partial"),
        *(out / ".partial.12", out / ".partial.mine"),
    ]
    for folder in [*dead, *alike]:
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("x")
    (tmp_path / ".out.13-0123abcd.partial").symlink_to(tmp_path / "elsewhere")
    for keep in (keep_result, keep_folder):
        with keep(out):
            pass
    assert not [folder for folder in dead if folder.exists()]
    for folder in [*alike, tmp_path / "elsewhere", tmp_path / ".out.13-0123abcd.partial"]:
        assert (folder / "file").read_text() == "x"


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match=r"folder\.json: cannot be written \(Is a directory\)"):
        write_json(tmp_path / "folder.json", {})
    assert json.loads(path.read_text()) == {"a": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.json", "run.json"]


@pytest.mark.parametrize(
    "name", ["a.png", "検査/傷.png", "a\udcff.png", "\ud83d\ude00", "\x1b[31m"]
)
def test_a_record_is_sealed_whatever_it_names(name: str, tmp_path: Path) -> None:
    record = {"format": 2, "pictures": [name], "numbers": [1e-7, 0.1, -0.0, 1e22], "tuple": (1, 2)}
    write_record(tmp_path / "run.json", record)
    found = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert list(found)[-1] == "digest"
    assert unseal(found, "run.json", "a record")["format"] == 2


def test_one_thread_may_keep_a_folder_twice_and_another_may_not(tmp_path: Path) -> None:
    said: list[str] = []

    def other() -> None:
        try:
            with patience(0), keep_folder(tmp_path / "out"):
                said.append("kept")
        except FolderInUse as error:
            said.append(str(error))

    with keep_folder(tmp_path / "out"), keep_folder(tmp_path / "out"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    other()
    assert len(said) == 2
    assert f"process {os.getpid()}) writes there" in said[0]
    assert said[1] == "kept"


def test_two_rehearsals_at_once_never_fail(tmp_path: Path) -> None:
    """Each makes the folders that the other one takes away."""
    failed: list[Exception] = []

    def rehearsing(number: int) -> None:
        for _ in range(50):
            try:
                with keep_result(tmp_path / "new" / f"out{number % 2}"):
                    rehearse(tmp_path / "new" / "shared")
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=rehearsing, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


COMMANDS: dict[str, tuple[str, ...]] = {
    "map": ("{a}", "--head", "all", "--layer", "0,2", "--reduce", "heads"),
    "map as the original program": ("{a}", "--at", "model", "--layer", "0,2"),
    "map of the mean over patches": ("{a}", "--query", "mean"),
    "compare": ("compare", "{a}", "{b}", "--no-classify"),
    "explore": ("explore", "{a}"),
    "portrait": ("rank", "{folder}"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_file_of_a_command_is_known_as_vitmap_s(
    name: str,
    draw: Callable[..., Path],
    out: Path,
    tiny_classifier: Path,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    places = {"a": draw("set/a.png"), "b": draw("set/b.png", seed=1), "folder": tmp_path / "set"}
    words = [word.format(**places) for word in COMMANDS[name]]
    given = ["--model", tiny_classifier, "--size", 16, "--out", out]
    done = command(capfd)(*words, *given)
    assert done.code == 0, done.err
    folder = out / "a" if name.startswith("map") else out
    assert own_files(folder) == set(contents(folder))


def test_every_file_of_the_path_without_a_model_is_known_too(
    out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call = command(capfd)
    lot, standard = ASSETS / "lot", ASSETS / "lot-standard.png"
    for role in ("learn", "valid"):
        given = ["--standard", standard, "--images", lot, "--as", role, "--out", out / role]
        assert call("soart", "metrics", *given).code == 0
        assert own_files(out / role, f"{role}_settings.json") == set(contents(out / role))
    given = ["--learn", out / "learn", "--valid", out / "valid", "--out", out / "attend"]
    assert call("soart", "attend", *given).code == 0
    given = ["--standard", standard, "--images", lot, "--classifiers", "none", "--normal", "good"]
    assert call("soart", "verdict", *given, "--out", out / "verdict").code == 0
    given = ["--standard", standard, next(lot.rglob("*.jpg")), "--out", out / "map"]
    assert call("soart", "map", *given).code == 0
    [place] = [path for path in (out / "map").iterdir() if path.is_dir()]
    for folder in (out / "attend", out / "verdict", place):
        assert own_files(folder) == set(contents(folder))


def test_every_file_of_a_ranking_and_of_its_recipe_is_known_too(
    rank: Command, out: Path, planted: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = mvtec(tmp_path / "set", bad=3, good=2, train=4)
    done = rank(root, "--size", 16)
    assert done.code == 0, done.err
    assert own_files(out) == set(contents(out)) > {"recipe.safetensors"}
    given = ["--recipe", out, "--model", planted, "--out", tmp_path / "maps"]
    done = command(capfd)(root / "test/spot/00.png", *given)
    assert done.code == 0, done.err
    assert own_files(tmp_path / "maps/00") == set(contents(tmp_path / "maps/00"))
