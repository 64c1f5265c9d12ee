"""The command line as a user meets it: what it answers, and what it leaves on the disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from vitmap.commands import main


class Said(NamedTuple):
    """A command's exit code, and its lines on standard output and standard error."""

    code: int
    out: list[str]
    err: list[str]


Command = Callable[..., Said]


def command(capfd: pytest.CaptureFixture[str], **defaults: object) -> Command:
    """`vitmap` in this process; `defaults` are options for calls that do not name them."""

    def call(*arguments: object) -> Said:
        given = [str(argument) for argument in arguments]
        for name, value in defaults.items() if "--replay" not in given else ():
            given[:0] = [] if f"--{name}" in given else [f"--{name}", str(value)]
        capfd.readouterr()  # what fixtures print is not ours
        code = main(given)
        out, err = capfd.readouterr()
        return Said(code, out.splitlines(), err.splitlines())

    return call


def assert_finished(folder: Path) -> None:
    """Every file that the record names is there and whole, and no other."""
    [picture] = json.loads((folder / "run.json").read_text(encoding="utf-8"))["pictures"]
    assert picture["status"] == "done"
    assert sorted(path.name for path in folder.iterdir()) == picture["files"]
    assert {"heads.png", "maps.safetensors", "L02-H02-overlay.png"} < set(picture["files"])
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            image.load()


def left_in(out: Path) -> set[str]:
    """What lies in an output folder; nothing half-written does, hidden things included."""
    assert not [path for path in out.rglob("*") if "partial" in path.name]
    return {path.name for path in out.iterdir()} if out.is_dir() else set()


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def record_of(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text("utf-8"))
