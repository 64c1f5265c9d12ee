"""Every code block of examples/ runs, and prints what its page says it prints."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from documents import ROOT, blocks_of, masked, run_line, workplace

__all__ = ["workplace"]  # the fixture

PAGE = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")


def test_every_block_runs(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ""
    for kind, block in blocks_of(PAGE):
        if kind == "text":
            assert masked(block) == masked(said)
        else:
            assert kind == "sh"
            said = "".join(run_line(line, capsys) for line in block.splitlines())
    pages = sorted(path.parent.name for path in workplace.glob("outputs/explore/*/explore.html"))
    assert pages == ["scene-car", "scene-car-scene-mug"]


def test_the_wheels_are_found_where_the_page_says(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = next(
        line for _, block in blocks_of(PAGE) for line in block.splitlines() if "--parts" in line
    )
    said = run_line(line, capsys)
    assert re.search(r"^ +wheel: L5 H5 ", said, flags=re.MULTILINE)
    (table,) = workplace.glob("outputs/compare/*/parts.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert {row["part"] for row in rows} == {"wheel", "window", "handle", "rim"}


def test_every_picture_is_there_and_none_is_left_over() -> None:
    shown = set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", PAGE))
    assert shown == {path.name for path in (ROOT / "examples").glob("*.png")}
