"""A tenth of the fault campaigns (see bench/README.md), with one seed: nothing goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TRIALS = {"tamper": 50, "pairs": 6, "kills": 6, "odd-files": 33}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="commands are forks here")


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the case says of itself."""
    folder = tmp_path_factory.mktemp("faults")
    file = folder / "faults.json"
    words = ["faults", "--seed", "14", "--share", "0.1", "--work", folder / "work", "--json", file]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert file.is_file(), done.stderr
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert done.returncode == (1 if found["failures"] else 0)
    return found


@pytest.mark.parametrize("campaign", TRIALS)
def test_nothing_goes_wrong(answer: dict[str, Any], campaign: str) -> None:
    [row] = [row for row in answer["table"] if row["campaign"] == campaign]
    assert row["trials"] == TRIALS[campaign]
    assert [one for one in answer["failures"] if one["trial"].startswith(campaign)] == []
