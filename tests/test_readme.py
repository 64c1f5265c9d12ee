"""Every code block of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vitmap.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
LIGHT = (ROOT / "scripts" / "test-light").read_text(encoding="utf-8")


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The code blocks of a page: what kind each is of, and its text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


BLOCKS = blocks_of(README)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's pictures, as a reader has it after cloning."""
    for folder in ("assets", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(block: str) -> list[str]:
    joined = block.replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in joined.splitlines() if line.strip()]


def masked(text: str) -> list[str]:
    """Lines without their numbers and column widths, which differ by machine and model."""
    lines = [
        re.sub(r"\s+", " ", re.sub(r"[\d.]+", "0", line)).strip() for line in text.splitlines()
    ]
    return [line for line in lines if line]


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "text", "python"}


def test_every_block_runs_in_the_order_of_the_page(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    said = ""
    for kind, block in BLOCKS:
        if kind == "text":
            assert masked(block) == masked(said)
        elif kind == "python":
            exec(compile(block, "README.md", "exec"), names)
            said = capsys.readouterr().out
        else:
            said = ""
            for command in commands(block):
                said += run_line(command, capsys)
    assert (workplace / "outputs" / "chelsea" / "heads.png").is_file()


def run_line(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A command that installs is run by CI, in the words of the README; the others here."""
    program, *arguments = command.split()
    if program != "vitmap":
        assert command in CI or command in LIGHT, f"{command!r} is run by nobody"
        return ""
    assert main(arguments) == 0, command
    return capsys.readouterr().out


def test_every_picture_of_the_page_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures, "a picture comes first"
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
