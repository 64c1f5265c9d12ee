"""Commands at once on the same folders: whole files, or one line; what a dead one leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import Command, contents
from parts import mvtec
from processes import Child, at_once, until
from vitmap.commands import main
from vitmap.runs.keeping import keep_folder, keep_result

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
HIDDEN = re.compile(r"\..*lock|.*partial.*|.*probe.*")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A forked process has none of its parent's threads, for which torch would wait."""
    import torch

    import vitmap.commands.explore.run
    import vitmap.commands.map.run
    import vitmap.commands.rank.report  # noqa: F401 (each child has them loaded)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where all lies, with three pictures, a standard and a labelled set."""
    random = np.random.default_rng(0)
    for name in ("a", "b", "c", "standard"):
        noise = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
    mvtec(tmp_path / "set", bad=3, good=2)
    return tmp_path


@pytest.fixture
def commands(root: Path, planted: Path) -> Callable[[str], list[object]]:
    """A command by its name: with `OUT` for the folder that it writes to."""
    model = ["--model", planted, "--size", 16]
    known: dict[str, list[object]] = {
        "map a": ["map", root / "a.png", "--no-classify", *model],
        "map b c": ["map", root / "b.png", root / "c.png", "--no-classify", *model],
        "compare": ["compare", root / "a.png", root / "b.png", "--no-classify", *model],
        "explore": ["explore", root / "a.png", *model],
        "rank": ["rank", root / "set", *model],
        "portrait": ["rank", root / "set/test/spot", *model],
        "soart map": ["soart", "map", "--standard", root / "standard.png", root / "a.png"],
        "soart metrics": [
            *("soart", "metrics", "--standard", root / "standard.png"),
            *("--images", root / "a.png", root / "b.png"),
        ],
    }
    return lambda name: known[name]


def strays(folder: Path) -> list[str]:
    """Locks and half-written files, which no run may leave."""
    return [str(path) for path in folder.rglob("*") if HIDDEN.fullmatch(path.name)]


def files_of(out: Path) -> dict[str, bytes]:
    """Every file but locks."""
    return {name: content for name, content in contents(out).items() if not HIDDEN.search(name)}


def listed(out: Path, name: str = "run.json") -> set[str]:
    """The files that the record names."""
    record = json.loads((out / name).read_text())
    return set(record["files"] if "files" in record else record["pictures"][0]["files"])


PAIRS = {
    "the same picture": ("map a", "map a"),
    "two runs into one folder": ("map a", "map b c"),
    "two rankings": ("rank", "rank"),
    "two defect maps": ("soart map", "soart map"),
    "two tables": ("soart metrics", "soart metrics"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_both_finish_with_the_files_of_each_alone(
    pair: str, root: Path, commands: Callable[[str], list[object]]
) -> None:
    alone: dict[str, bytes] = {}
    for name in dict.fromkeys(PAIRS[pair]):
        [done] = at_once(root, [*commands(name), "--out", root / "out", "--wait", 0])
        assert done.code == 0, done.err
        alone |= files_of(root / "out")
        shutil.rmtree(root / "out")
    found = at_once(root, *([*commands(name), "--out", root / "out"] for name in PAIRS[pair]))
    assert [done.code for done in found] == [0, 0], found
    assert files_of(root / "out") == alone
    assert strays(root) == []


def test_another_command_takes_the_folder_over_whole(
    root: Path, commands: Callable[[str], list[object]]
) -> None:
    """Whichever comes last has its own files there, and no others."""
    pair = [[*commands(name), "--out", root / "out"] for name in ("compare", "explore")]
    assert [done.code for done in at_once(root, *pair)] == [0, 0]
    assert set(contents(root / "out")) == listed(root / "out")
    assert strays(root) == []


def test_a_picture_s_folder_that_is_another_command_s_out(
    root: Path, commands: Callable[[str], list[object]]
) -> None:
    for name in ("soart map", "compare"):
        done = at_once(
            root,
            [*commands("map a"), "--out", root / name],
            [*commands(name), "--out", root / name / "a"],
        )
        assert [one.code for one in done] == [0, 0], done
        files = {file for file in contents(root / name / "a") if not file.startswith("a/")}
        assert files == listed(root / name / "a")
    assert strays(root) == []


def test_rankings_that_share_rows_or_name_them_the_other_way_round(
    root: Path, commands: Callable[[str], list[object]]
) -> None:
    rank = commands("rank")
    first = [*rank, "--out", root / "one", "--rows", root / "two"]
    for second in (
        [*rank, "--out", root / "two", "--rows", root / "one"],
        [*rank, "--out", root / "two" / "three", "--rows", root / "two"],
    ):
        begun = time.monotonic()
        done = at_once(root, first, second)
        assert [one.code for one in done] == [0, 0], done
        assert time.monotonic() - begun < 50  # a circle would wait for 60 s
        assert strays(root) == []
        for folder in ("one", "two", "three"):
            shutil.rmtree(root / folder, ignore_errors=True)


REFUSED = ["map a", "compare", "explore", "rank", "portrait", "soart map", "soart metrics"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_in_use_is_refused_in_one_line(
    name: str, root: Path, commands: Callable[[str], list[object]]
) -> None:
    out = root / "out"
    keep = keep_folder if name.endswith("map a") or name == "soart map" else keep_result
    with keep(out):
        before = contents(root)
        [done] = at_once(root, [*commands(name), "--out", out, "--wait", 0])
        assert done.code == 3
        assert done.err == (
            f"vitmap: {out}: another vitmap (process {os.getpid()}) writes there, and did not end "
            "within 0 s: wait until it is done, or choose another folder with --out.\n"
        )
        assert {n: c for n, c in contents(root).items() if not n.startswith("err")} == before
    assert strays(root) == []


def test_rows_in_use_are_refused_in_one_line(
    root: Path, commands: Callable[[str], list[object]]
) -> None:
    with keep_folder(root / "rows"):
        rank = [*commands("rank"), "--out", root / "out", "--rows", root / "rows"]
        [done] = at_once(root, [*rank, "--wait", 0])
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert f"{root / 'rows'}: another vitmap" in done.err
    assert "another folder with --rows." in done.err
    assert not (root / "out").exists()
    assert strays(root) == []


@pytest.mark.parametrize("quiet", [False, True])
def test_a_command_that_waits_says_so_and_goes_on(
    quiet: bool, root: Path, commands: Callable[[str], list[object]]
) -> None:
    out, more = root / "out", ["--quiet"] if quiet else []
    with keep_result(out):
        arguments = [*commands("soart metrics"), "--out", out, "--wait", 30, *more]
        child = Child(lambda: main([str(word) for word in arguments]), root, 0)
        if quiet:
            time.sleep(2)
        else:
            until(child.said)
        assert not (out / "learn_settings.json").exists()
    done = child.ended()
    said = f"vitmap: {out}: another vitmap (process {os.getpid()}) writes there: waiting up to 30 s"
    assert (done.code, done.err) == (0, "" if quiet else f"{said}.\n")
    assert listed(out, "learn_settings.json") == set(contents(out))


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon", "1e999"])
def test_a_time_that_is_none(value: str, vitmap: Command) -> None:
    for words in (["a.png"], ["compare", "a.png"], ["explore", "a.png"], ["rank", "set"]):
        code, _, [line] = vitmap(*words, "--wait", value)
        assert code == 2
        assert line.startswith("vitmap: Argument --wait: ")
        assert repr(value) in line


@pytest.mark.parametrize("name", ["map b c", "rank", "soart map"])
def test_what_a_killed_run_left_is_taken_over(
    name: str, root: Path, commands: Callable[[str], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [str(word) for word in [*commands(name), "--out", root / "out"]]
    assert main([*arguments, "--quiet"]) == 0
    expected = files_of(root / "out")

    def hang(*_: object) -> None:
        (root / "here").touch()
        time.sleep(600)

    for step in ("map.run.write_files", "rank.report.draw_examples", "soart.map.write_files"):
        monkeypatch.setattr(f"vitmap.commands.{step}", hang)
    child = Child(lambda: main(arguments), root, 0)
    until((root / "here").exists)
    child.kill()
    assert child.ended().code == -signal.SIGKILL
    monkeypatch.undo()
    left = strays(root)
    assert any("partial" in path for path in left)
    assert any(path.endswith("lock") for path in left)
    assert files_of(root / "out") == expected
    assert main([*arguments, "--quiet", "--wait", "0"]) == 0
    assert files_of(root / "out") == expected
    assert strays(root) == []


def test_a_failed_or_interrupted_run_leaves_no_lock_and_no_folder(
    root: Path, commands: Callable[[str], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[BaseException] = []

    def stop(*_: object, **__: object) -> None:
        raise errors[-1]

    steps = ("map.run.write_files", "compare.report.draw_compare", "explore.run.write_explorer")
    for step in (*steps, "rank.report.draw_examples", "soart.map.write_files"):
        monkeypatch.setattr(f"vitmap.commands.{step}", stop)
    for name in ("map a", "compare", "explore", "rank", "soart map"):
        for error, code in ((KeyboardInterrupt(), 130), (OSError(28, "No space left"), 3)):
            errors.append(error)
            given = [*commands(name), "--out", root / "new" / "out", "--quiet"]
            assert main([str(word) for word in given]) == code, name
            assert strays(root) == []
            assert not (root / "new").exists()
