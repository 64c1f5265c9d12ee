"""Every code block of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from documents import ROOT, blocks_of, masked, run_line, workplace

__all__ = ["workplace"]  # the fixture
README = (ROOT / "README.md").read_text(encoding="utf-8")


BLOCKS = blocks_of(README)


def commands(block: str) -> list[str]:
    joined = block.replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in joined.splitlines() if line.strip()]


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


def test_every_picture_of_the_page_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures, "a picture comes first"
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture
