"""Code blocks of a page, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vitmap.commands import main

ROOT = Path(__file__).parents[2]


CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


LIGHT = (ROOT / "scripts" / "test-light").read_text(encoding="utf-8")


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page: what kind each is of, and its text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's pictures, as a reader has it after cloning."""
    for folder in ("assets", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def masked(text: str) -> list[str]:
    """Lines without their numbers and column widths, which differ by machine and model."""
    lines = [
        re.sub(r"\s+", " ", re.sub(r"[\d.]+", "0", line)).strip() for line in text.splitlines()
    ]
    return [line for line in lines if line]


def run_line(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A command that installs is run by CI, in the words of the README; the others here."""
    program, *arguments = command.split()
    if program != "vitmap":
        assert command in CI or command in LIGHT, f"{command!r} is run by nobody"
        return ""
    assert main(arguments) == 0, command
    return capsys.readouterr().out
