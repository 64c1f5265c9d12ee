"""vitmap review: what it writes, what it does again, and what it leaves alone."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import vitmap
from command import Command, Said, command, contents
from vitmap.commands.review import run as review_module
from vitmap.formats.raw16 import read_raw16
from vitmap.maps.regions import Cut, find_regions, mask_of
from vitmap.photo.view import View

Draw = Callable[..., Path]
NAMES = ["a.png", "b.png", "c.jpg", "d.png", "e.png", "検査.png"]


@pytest.fixture
def lot(draw: Draw, tmp_path: Path) -> Path:
    """Six pictures of several sizes."""
    for seed, name in enumerate(NAMES):
        draw(f"lot/{name}", height=40 + 7 * seed, width=60 - 3 * seed, seed=seed)
    return tmp_path / "lot"


@pytest.fixture
def review(
    tiny_classifier: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """`vitmap review` with a tiny model."""
    call: Command = command(capfd)

    def reviewing(*arguments: object, into: Path = out) -> Said:
        fixed = ["review", "--model", tiny_classifier, "--size", 32, "--out", into]
        return call(*fixed, *arguments)

    return reviewing


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def heat_of(model: Path, picture: Path) -> tuple[np.ndarray, View]:
    """The mean of the last layer's heads in multiples of uniform attention, by another way."""
    maps = vitmap.attend(vitmap.load(model), picture, -1, size=32)
    return maps.mean(-1, "all").uniform, maps.view


def test_every_file_says_the_same_and_what_the_model_says(
    review: Callable[..., Said], lot: Path, out: Path, tiny_classifier: Path
) -> None:
    said = review(lot, "--export", "all", "--threshold", "1.2x", "--min-area", 4)
    assert said.code == 0, said.err
    assert "6 of 6 pictures done" in said.out[0]
    pictures = lines_of(out / "pictures.csv")
    assert [line["picture"] for line in pictures] == sorted(NAMES)
    assert {line["verdict"] for line in pictures} == {"not judged"}
    regions = lines_of(out / "regions.csv")
    for line in pictures:
        stem = Path(line["picture"]).stem
        heat, view = heat_of(tiny_classifier, lot / line["picture"])
        found = find_regions(heat, Cut("level", 1.2).mask(heat), view, min_area=4)
        assert float(line["score"]) == pytest.approx(float(heat.max()), rel=1e-5)
        own = [r for r in regions if r["picture"] == line["picture"]]
        boxes = [tuple(int(r[k]) for k in ("x0", "y0", "x1", "y1")) for r in own]
        assert boxes == [region.box for region in found]
        with Image.open(out / f"masks/{stem}.png") as image:
            assert (np.asarray(image) == mask_of(found, view.source)).all()
        assert (np.asarray(Image.open(out / f"overlays/{stem}.png")).shape[:2]) == view.source
        raw = read_raw16(out / f"raw16/{stem}.png")
        assert np.abs(raw - view.to_pixels(heat)).max() <= 0.0051
        maps = vitmap.read_maps(out / f"tensors/{stem}.safetensors")
        assert (maps.mean(-1, "all").uniform == heat).all()
        assert len(json.loads((out / f"labelme/{stem}.json").read_text("utf-8"))["shapes"]) == len(
            found
        )


def test_one_scale_for_the_lot_and_a_dim_picture_stays_dim(
    review: Callable[..., Said], lot: Path, out: Path
) -> None:
    review(lot, "--export", "heatmap")
    upper = json.loads((out / "run.json").read_text("utf-8"))["scale"]["upper"]
    hottest = {}
    for line in json.loads((out / "run.json").read_text("utf-8"))["pictures"]:
        with Image.open(out / f"heatmaps/{line['name']}.png") as image:
            hottest[line["name"]] = int(np.asarray(image).max())
        expected = 255 if line["score"] > upper else int(line["score"] * 255 / upper)
        assert abs(hottest[line["name"]] - expected) <= 1
    assert min(hottest.values()) < max(hottest.values())


def counting(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that go through the model from here on."""
    seen: list[str] = []
    real = review_module.look

    def counted(model, shown, *rest, **more):  # type: ignore[no-untyped-def]
        seen.extend(photo.path.name for photo, _ in shown)
        return real(model, shown, *rest, **more)

    monkeypatch.setattr(review_module, "look", counted)
    return seen


def test_a_finished_run_is_not_repeated(
    review: Callable[..., Said], lot: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(lot, "--export", "all")
    first, times = contents(out), {p: p.stat().st_mtime_ns for p in out.glob("overlays/*")}
    seen = counting(monkeypatch)
    said = review(lot, "--export", "all")
    assert (said.code, seen) == (0, [])
    assert "6 of them by an earlier run" in said.out[0]
    assert contents(out) == first
    assert {p: p.stat().st_mtime_ns for p in out.glob("overlays/*")} == times


def test_other_files_are_asked_for_and_the_model_is_not(
    review: Callable[..., Said], lot: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(lot, "--export", "csv,png,labelme,coco")
    seen = counting(monkeypatch)
    said = review(lot, "--export", "csv,mask", "--threshold", "2x")
    assert seen == []
    assert "other settings (threshold, exports): its maps are kept" in said.err[0]
    names = {path.name for path in out.iterdir()}
    assert names == {"index.html", "journal", "masks", "pictures.csv", "regions.csv", "run.json"}
    fresh = out.parent / "fresh"
    review(lot, "--export", "csv,mask", "--threshold", "2x", into=fresh)
    assert differing(out, fresh) == {"run.json"}


def differing(one: Path, other: Path) -> set[str]:
    """Files that are not the same; run.json holds the command, and with it the folder."""
    first, second = contents(one), contents(other)
    return {
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    } | {"run.json"}


def test_a_changed_and_a_missing_picture_are_noticed(
    review: Callable[..., Said], lot: Path, out: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(lot)
    draw("lot/b.png", seed=99)
    (lot / "e.png").unlink()
    seen = counting(monkeypatch)
    said = review(lot)
    assert seen == ["b.png"]
    assert any(
        "1 picture(s) changed since the earlier run, done again: b.png" in e for e in said.err
    )
    assert any("1 picture(s) of the earlier run are gone" in e for e in said.err)
    fresh = out.parent / "fresh"
    review(lot, into=fresh)
    assert differing(out, fresh) == {"run.json"}


def test_another_layer_makes_all_maps_again(
    review: Callable[..., Said], lot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(lot)
    seen = counting(monkeypatch)
    said = review(lot, "--layer", 0)
    assert len(seen) == 6
    assert "other settings (reading): all maps are made again" in said.err[0]


@pytest.mark.parametrize("harm", ["cut off", "deleted", "state lost", "state cut", "torn line"])
def test_what_was_lost_is_made_again_and_nothing_else(
    harm: str, review: Callable[..., Said], lot: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review(lot, "--export", "all")
    first = contents(out)
    state, journal = out / "journal/maps/b.safetensors", out / "journal/journal.jsonl"
    harms = {
        "cut off": lambda: os.truncate(out / "overlays/b.png", 100),
        "deleted": lambda: (out / "overlays/b.png").unlink(),
        "state lost": state.unlink,
        "state cut": lambda: os.truncate(state, 200),
        "torn line": lambda: os.truncate(journal, journal.stat().st_size // 2),
    }
    harms[harm]()
    seen = counting(monkeypatch)
    assert review(lot, "--export", "all").code == 0
    lost = {"state lost": ["b.png"], "state cut": ["b.png"]}
    assert len(seen) < 6 if harm == "torn line" else seen == lost.get(harm, [])
    assert contents(out) == first


def test_unreadable_pictures_fail_alone(
    review: Callable[..., Said], lot: Path, out: Path, draw: Draw
) -> None:
    (lot / "b.png").write_bytes(b"no picture")
    (lot / "c.jpg").write_bytes(b"")
    said = review(lot, "--export", "all")
    assert said.code == 3
    assert said.err[-1] == "vitmap: 2 of 6 inputs failed."
    assert sum("b.png: not a picture" in line for line in said.err) == 1
    statuses = {line["picture"]: line["status"] for line in lines_of(out / "pictures.csv")}
    assert [statuses[name] for name in sorted(NAMES)] == ["done", "failed", "failed"] + ["done"] * 3
    assert len(json.loads((out / "coco.json").read_text("utf-8"))["images"]) == 4
    assert not (out / "overlays/b.png").exists()
    draw("lot/b.png", seed=1, height=47, width=57)
    draw("lot/c.jpg", seed=2, height=54, width=54)
    assert review(lot, "--export", "all").code == 0
    fresh = out.parent / "fresh"
    review(lot, "--export", "all", into=fresh)
    assert differing(out, fresh) == {"run.json"}


def test_a_picture_that_became_unreadable_leaves_nothing_behind(
    review: Callable[..., Said], lot: Path, out: Path
) -> None:
    review(lot, "--export", "all")
    (lot / "b.png").write_bytes(b"no picture")
    assert review(lot, "--export", "all").code == 3
    assert not list(out.rglob("b.*"))
    fresh = out.parent / "fresh"
    review(lot, "--export", "all", into=fresh)
    assert differing(out, fresh) == {"run.json"}


def test_a_full_disk_is_that_picture_s_failure_and_made_good_later(
    review: Callable[..., Said], lot: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitmap.commands.review import files as review_files

    real = review_files.write_picture

    def full(path: Path, pixels: np.ndarray) -> None:
        if pixels.shape[0] == 47:  # b.png
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real(path, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(review_files, "write_picture", full)
        said = review(lot)
    assert said.code == 3
    assert any("b.png: files not written (No space left on device)" in line for line in said.err)
    assert not list(out.rglob("*partial*"))
    assert not (out / "heatmaps/b.png").exists()
    seen = counting(monkeypatch)
    assert review(lot).code == 0
    assert seen == [], "its map was known"
    fresh = out.parent / "fresh"
    review(lot, into=fresh)
    assert differing(out, fresh) == {"run.json"}


def as_it_is(_kind: str, _name: str, value: dict, _where: str) -> dict:
    """A reader of facts that believes whatever the journal's line has."""
    return value


def test_a_full_disk_does_not_tear_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitmap.runs import journal as module

    journal = module.Journal(tmp_path, as_it_is)
    journal.put("seen", "a", {"n": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.put("seen", "b", {"n": 2})
    journal.put("seen", "c", {"n": 3})
    assert [journal.get("seen", name) for name in "abc"] == [{"n": 1}, None, {"n": 3}]
    journal.close()
    again = module.Journal(tmp_path, as_it_is)
    assert [again.get("seen", name) for name in "abc"] == [{"n": 1}, None, {"n": 3}]
    again.close()


def test_two_runs_do_not_share_a_folder(review: Callable[..., Said], lot: Path, out: Path) -> None:
    out.mkdir()
    lock = FileLock(out / ".vitmap.lock")
    with lock:
        lock_file = Path(lock.lock_file)
        lock_file.write_text(f"{os.getpid()}\n", encoding="ascii")
        said = review(lot, "--wait", 0)
    assert said.code == 3
    assert said.err == [
        f"vitmap: {out}: another vitmap (process {os.getpid()}) writes there, and did not end "
        "within 0 s: wait until it is done, or choose another folder with --out."
    ]
    assert review(lot).code == 0


def test_same_names_and_same_pictures_are_told_apart(
    review: Callable[..., Said], draw: Draw, out: Path, tmp_path: Path
) -> None:
    draw("lot/x/part.png", seed=1)
    draw("lot/y/PART.png", seed=2)
    draw("lot/y/copy.png", seed=2)
    assert review(tmp_path / "lot/**/*.png", "--export", "csv,mask").code == 0
    lines = lines_of(out / "pictures.csv")
    assert [line["picture"] for line in lines] == ["x/part.png", "y/PART.png", "y/copy.png"]
    assert lines[1]["sha256"] == lines[2]["sha256"]
    assert {p.name for p in (out / "masks").iterdir()} == {"part.png", "PART-2.png", "copy.png"}


def test_lists_and_patterns_name_the_lot(
    review: Callable[..., Said], lot: Path, out: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("lot/検査.png\r\n\r\nlot/a.png\nlot/none.png\n", encoding="utf-8-sig")
    said = review("--list", listed, lot / "[bd].png")
    assert said.code == 3
    assert [line["picture"] for line in lines_of(out / "pictures.csv")] == [
        *["b.png", "d.png", "検査.png", "a.png"],
        str(tmp_path / "lot/none.png"),
    ]


def test_what_the_run_writes_is_no_input_of_the_next(
    review: Callable[..., Said], lot: Path
) -> None:
    assert review(lot, into=lot / "out").code == 0
    said = review(lot / "**/*.png", into=lot / "out")
    assert "5 of 5 pictures" in said.out[0]  # the .jpg apart


def test_shards_merge_into_the_files_of_one_run(
    review: Callable[..., Said], lot: Path, out: Path, tmp_path: Path, capfd: object
) -> None:
    (lot / "broken.png").write_bytes(b"no picture")
    whole = tmp_path / "whole"
    review(lot, "--export", "all", into=whole)
    for number in (2, 1, 3):
        review(lot, "--export", "all", "--shard", f"{number}/3")
    said = command(capfd)("merge", out, "--out", tmp_path / "merged")
    assert said.code == 3, "one picture failed"
    assert differing(tmp_path / "merged", whole) == {"run.json"}
    shutil.rmtree(tmp_path / "merged")
    assert command(capfd)("merge", *out.glob("shard-*"), "--out", tmp_path / "merged").code == 3
    assert differing(tmp_path / "merged", whole) == {"run.json"}


def test_a_merge_that_was_stopped_goes_on_and_follows_its_shards(
    review: Callable[..., Said],
    lot: Path,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole, merge = tmp_path / "whole", command(capfd)
    review(lot, into=whole)
    for number in (1, 2):
        review(lot, "--shard", f"{number}/2")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vitmap.commands.review.lot_files.write_lot", stopped)
        assert merge("merge", out).code != 0
    assert (out / "journal/plan.json").exists(), "it had begun"
    assert merge("merge", out).code == 0
    for number in (1, 2):
        review(lot, "--shard", f"{number}/2", "--threshold", "2x")
    review(lot, "--threshold", "2x", into=whole)
    assert merge("merge", out).code == 0
    for number in (1, 2):
        shutil.rmtree(out / f"shard-{number}-of-2")
    assert differing(out, whole) == {"run.json"}


def test_shards_that_do_not_fit_are_refused(
    review: Callable[..., Said], lot: Path, out: Path, tmp_path: Path, capfd: object
) -> None:
    merge = command(capfd)
    assert "no shards here" in merge("merge", tmp_path).err[0]
    review(lot, "--shard", "1/2")
    assert "Shard 2 of 2 is missing" in merge("merge", out).err[0]
    review(lot, "--shard", "2/2", "--threshold", "2x")
    assert "not the same settings" in merge("merge", out).err[0]
    (lot / "a.png").unlink()
    review(lot, "--shard", "2/2")
    assert "not the same pictures" in merge("merge", out).err[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "No picture was given"),
        (["--threshold", "60"], 2, "expected a share of the mass above 0 and at most 1"),
        (["--threshold", "x"], 2, "or a level in the map's own unit, such as 4x"),
        (["--export", "csv,cocoo"], 2, "did you mean 'coco'?"),
        (["--shard", "3/2"], 2, "expected i/n such as 2/3"),
        (["--scale", "good"], 2, "nothing says what good pictures reach"),
        (["--min-area", "-1"], 2, "0 or more"),
        (["--label", " "], 2, "--label is empty"),
        (["--layer", "7"], 2, "Layer 7 asked for"),
        (["--list", "nowhere.txt"], 3, "nowhere.txt: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: list[str], code: int, said: str, review: Callable[..., Said], lot: Path, out: Path
) -> None:
    answer = review(*([lot] if arguments else []), *arguments)
    assert (answer.code, len(answer.err)) == (code, 1)
    assert said in answer.err[0]
    assert not (out / "journal").exists()


def test_an_empty_folder_is_no_lot(review: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "lot").mkdir()
    answer = review(tmp_path / "lot")
    assert answer.code == 3
    assert "no pictures in this folder" in answer.err[0]
