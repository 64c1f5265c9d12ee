"""What an earlier run left in a review's folder, and how it differs from the one that begins."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vitmap.run.review_settings import EXPORTS, ReviewSettings

JOURNAL = "journal"
PLAN = "plan.json"
PAGE = "index.html"
_LOT_FILES = {PAGE, *(f for fs in EXPORTS.values() for f in fs if "{}" not in f)}
_UNREADABLE = (OSError, ValueError, LookupError, TypeError)


def folders(out: Path) -> set[Path]:
    """The folders that hold a file a picture."""
    return {(out / place).parent for place in _places("name")}


def remove_files(out: Path, name: str, kept: set[str] | frozenset[str] = frozenset()) -> None:
    """Whatever a review may have written of one picture, apart from what is to be kept."""
    for place in _places(name) - kept:
        (out / place).unlink(missing_ok=True)


def remove_partials(out: Path, state: Path) -> None:
    """What a killed run left half-written, wherever a review writes."""
    for folder in {out, out / JOURNAL, state, *folders(out)}:
        for partial in folder.glob(".*.partial*"):
            if partial.is_file():
                partial.unlink()


def _places(name: str) -> set[str]:
    return {place.format(name) for places in EXPORTS.values() for place in places if "{}" in place}


def lot_files_of(out: Path) -> set[str]:
    """The files about the whole lot that an earlier run wrote, as its record has them."""
    with suppress(*_UNREADABLE):
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        return {name for name in record["files"] if name in _LOT_FILES}
    return set()


def remarks_on(out: Path, about: dict[str, Any], settings: ReviewSettings) -> list[str]:
    """What is asked for otherwise than in the run that lies here, if one does."""
    try:
        plan = json.loads((out / JOURNAL / PLAN).read_text(encoding="utf-8"))
        before = plan["about"], plan["settings"]
    except _UNREADABLE:
        return []
    parts = (
        (about, "all maps are made again"),
        (asdict(settings), "its maps are kept, the files are made again"),
    )
    for then, (now, what) in zip(before, parts, strict=True):
        written = json.loads(json.dumps(now))  # as the plan has it
        other = [name for name in written if then.get(name) != written[name]]
        if other:
            return [
                f"{out}: an earlier run lies here with other settings ({', '.join(other)}): {what}."
            ]
    return []
