"""A replay gives the same files, or says what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command import contents, record_of
from vitmap.commands import main
from vitmap.files.checked import seal

Draw = Callable[..., Path]


def resealed(record: dict) -> str:
    """A record that was changed by somebody who knows the digest."""
    return json.dumps(seal({key: value for key, value in record.items() if key != "digest"}))


def test_a_replay_gives_the_same_files(go: Callable[..., Path], draw: Draw) -> None:
    picture = draw("cat.png")
    out = go(
        picture, "--layer", "1", "--threshold", "0.4", "--scale", "cell", "--colormap", "magma"
    )
    first = contents(out)
    for path in out.rglob("*.png"):
        path.unlink()
    assert main(["--replay", str(out / "cat" / "run.json")]) == 0
    assert contents(out) == first
    assert main(["--replay", str(out / "cat" / "run.json"), "--out", str(out / "again")]) == 0
    assert contents(out / "again") == first


def test_a_replay_of_one_picture_keeps_the_scale_of_its_run(
    go: Callable[..., Path], draw: Draw
) -> None:
    pictures = [draw(f"{name}.png", seed=seed) for seed, name in enumerate("abc")]
    out = go(*pictures)
    first = contents(out)
    uppers = {record_of(out / name)["scale"]["upper"] for name in "abc"}
    assert len(uppers) == 1
    assert record_of(out)["scale"] == record_of(out / "a")["scale"]
    assert main(["--replay", str(out / "b" / "run.json"), "--out", str(out.parent / "one")]) == 0
    assert contents(out.parent / "one" / "b") == contents(out / "b")
    assert main(["--replay", str(out / "run.json"), "--out", str(out.parent / "all")]) == 0
    assert contents(out.parent / "all") == first


def test_a_replay_refuses_another_picture_or_other_weights(
    go: Callable[..., Path], draw: Draw, capsys: pytest.CaptureFixture[str]
) -> None:
    record = go(draw("cat.png")) / "cat" / "run.json"
    before = record.read_bytes()
    draw("cat.png", seed=1)
    assert main(["--replay", str(record)]) == 3
    assert "not the picture of the recorded run (its sha256 is another)" in capsys.readouterr().err
    draw("cat.png")
    changed = json.loads(before)
    changed["model"]["digest"] = "0" * 64
    record.write_text(resealed(changed), encoding="utf-8")
    assert main(["--replay", str(record)]) == 4
    assert "not the weights of the recorded run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "named"),
    [(["--threshold", "0.9"], "--threshold"), (["--layer=0"], "--layer"), (["x.png"], "pictures")],
)
def test_a_replay_takes_no_other_settings(
    extra: list[str],
    named: str,
    go: Callable[..., Path],
    draw: Draw,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = go(draw("cat.png")) / "cat" / "run.json"
    assert main(["--replay", str(record), *extra]) == 2
    assert f"leave out {named}, or run it anew" in capsys.readouterr().err


def test_a_record_that_was_moved_or_edited_writes_nowhere_unasked(
    go: Callable[..., Path],
    draw: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = go(draw("cat.png")) / "cat" / "run.json"
    moved = tmp_path / "elsewhere" / "one.json"
    moved.parent.mkdir()
    moved.write_bytes(record.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["--replay", str(moved)]) == 0
    assert contents(tmp_path / "outputs" / "cat") == contents(record.parent)
    for change in ({"name": "../../escape"}, {"settings": {"threshold": "0.6"}}):
        edited = json.loads(record.read_text("utf-8"))
        if "name" in change:
            edited["pictures"][0] |= change
        else:
            edited["settings"] |= change["settings"]
        moved.write_text(resealed(edited), encoding="utf-8")
        assert main(["--replay", str(moved)]) == 3
        assert "not a run.json that vitmap wrote" in capsys.readouterr().err


def test_a_run_with_missing_inputs_records_them_and_replays_alike(
    go: Callable[..., Path], draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("cat.png")
    (tmp_path / "text.jpg").write_text("not a picture", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    out = go("cat.png", "text.jpg", "nothing.png", code=3)
    entries = record_of(out)["pictures"]
    assert [entry["status"] for entry in entries] == ["done", "failed", "failed"]
    assert entries[2]["error"] == f"{tmp_path}/nothing.png: no such file."
    first = contents(out)
    monkeypatch.chdir(tmp_path.parent)
    assert main(["--replay", str(out / "run.json")]) == 3
    assert contents(out) == first
