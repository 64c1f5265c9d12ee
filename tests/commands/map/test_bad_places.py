"""Places that cannot be written, records that are none: one line, and nothing half-written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import vitmap.commands.map.run as vitmap_local
from command import Command, assert_finished, left_in
from vitmap.files.checked import seal

# Tests run as root in many places, whom no permission stops: a file is in the way instead.
OUTS = {
    "{file}": "File exists",
    "{file}/below": "Not a directory",
    "{file}/far/below": "Not a directory",
    "{file}/" + "x" * 300: "Not a directory|File name too long",
    "/" + "x" * 300: "File name too long",
}
if sys.platform == "linux":
    OUTS |= {"/proc/vitmap": "No such file or directory", "/proc": "No such file or directory"}


@pytest.mark.parametrize("place", OUTS)
def test_an_output_folder_that_cannot_be_written(
    place: str, draw: Callable[..., Path], tmp_path: Path, vitmap: Command
) -> None:
    (tmp_path / "file").write_text("mine")
    out = place.format(file=tmp_path / "file")
    answer = vitmap(draw(), "--out", out)
    assert answer in [
        (3, [], [f"vitmap: {out}: cannot be written ({reason}): choose another folder with --out."])
        for reason in OUTS[place].split("|")
    ]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_where_a_picture_s_folder_should_be(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    out.mkdir()
    (out / "bad").write_text("mine")
    code, _, lines = vitmap(draw("bad.png"), draw("good.png"), "--head", 2)
    assert code == 3
    assert lines == [
        f"vitmap: {out / 'bad'}: cannot be written (Not a directory).",
        "vitmap: 1 of 2 inputs failed.",
    ]
    assert (out / "bad").read_text() == "mine"
    assert_finished(out / "good")
    assert left_in(out) == {"bad", "good", "run.json"}


def test_a_picture_in_the_way_of_its_own_folder_is_not_lost(
    draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    out.mkdir()
    picture = draw().rename(out / "photo")
    content = picture.read_bytes()
    code, _, [line] = vitmap(picture)
    assert (code, line) == (3, f"vitmap: {picture}: cannot be written (Not a directory).")
    assert picture.read_bytes() == content
    assert left_in(out) == {"photo"}


def test_files_of_others_stay(draw: Callable[..., Path], out: Path, vitmap: Command) -> None:
    picture = draw("photo.png")
    assert vitmap(picture, "--layer", "all").code == 0
    (out / "photo" / "my notes.txt").write_text("mine")
    assert vitmap(picture, "--layer", -1, "--head", 2).code == 0
    assert (out / "photo" / "my notes.txt").read_text() == "mine"
    (out / "photo" / "my notes.txt").unlink()
    assert_finished(out / "photo")


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as on a disk that fills up."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited there")
@pytest.mark.parametrize("size", [500, 9_000, 45_000], ids="{} bytes".format)
@pytest.mark.parametrize("scale", ["image", "run"])
def test_a_disk_that_fills_up(
    size: int, scale: str, draw: Callable[..., Path], out: Path, vitmap: Command
) -> None:
    picture = draw("photo.png", 200, 200)
    with full_disk(size):
        code, _, [line] = vitmap(picture, "--head", 2, "--scale", scale)
    assert code == 3
    assert line in (
        f"vitmap: {picture}: files not written (File too large).",
        f"vitmap: {out / 'photo'}: cannot be written (File too large).",
        f"vitmap: {out / '.photo.partial' / 'run.json'}: cannot be written (File too large).",
    )
    assert left_in(out) == set()


@pytest.mark.parametrize("scale", ["image", "run"])
@pytest.mark.parametrize("step", ["write_maps", "write_files"])
def test_ctrl_c_leaves_nothing_half_written(
    step: str,
    scale: str,
    draw: Callable[..., Path],
    out: Path,
    vitmap: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = getattr(vitmap_local, step)

    def interrupted(place: Path, *arguments: object) -> None:
        whole(place, *arguments)
        if "second" in str(place):
            raise KeyboardInterrupt

    monkeypatch.setattr(vitmap_local, step, interrupted)
    code, _, lines = vitmap(draw("first.png"), draw("second.png"), "--head", 2, "--scale", scale)
    assert code == 130
    assert lines == [
        "vitmap: Stopped. What was finished is kept, what was under way left nothing behind."
    ]
    assert left_in(out) <= {"first"}
    if scale == "image" or step == "write_files":
        assert_finished(out / "first")


RECORDS: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "no such file: give the run.json of an earlier run."),
    "empty": (b"", "no JSON ("),
    "text": (b"buy milk", "no JSON ("),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 99, "no JSON ("),
    "other JSON": (b'{"name": "something else"}', "object missing required field vitmap: not a"),
    "a list": (b"[1, 2]", "expected an object, seen [1, 2]: not a run.json that vitmap wrote ("),
    "no pictures": (b'{"settings": {}, "pictures": []}', "field settings: object missing required"),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_replay_of_no_record(kind: str, tmp_path: Path, out: Path, vitmap: Command) -> None:
    content, message = RECORDS[kind]
    record = tmp_path / "record.json"
    if content is not None:
        record.write_bytes(content)
    code, said, [line] = vitmap("--replay", record)
    assert (code, said) == (3, [])
    assert line.startswith(f"vitmap: {record}: {message}")
    assert len(line) < 400
    assert left_in(out) == set()


def test_a_replay_says_what_has_changed(
    draw: Callable[..., Path], out: Path, vitmap: Command, tiny_backbone: Path
) -> None:
    picture = draw("photo.png")
    assert vitmap(picture, "--head", 2).code == 0
    record = out / "photo" / "run.json"
    draw("photo.png", seed=1)
    said = f"vitmap: {picture}: not the picture of the recorded run (its sha256 is another): "
    assert vitmap("--replay", record) == (3, [], [f"{said}run it anew without --replay."])
    assert_finished(out / "photo")

    changed = json.loads(record.read_text())
    changed["model"]["model"] = str(tiny_backbone)
    del changed["digest"]
    (out / "photo" / "other.json").write_text(json.dumps(seal(changed)))
    said = f"vitmap: {tiny_backbone}: not the weights of the recorded run (their sha256 is another)"
    code, _, [line] = vitmap("--replay", out / "photo" / "other.json")
    assert (code, line) == (4, f"{said}: run it anew without --replay.")
