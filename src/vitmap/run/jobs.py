"""Job and Outcome: a picture that is to be looked at, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitmap.errors import VitmapError
from vitmap.maps import Prediction


@dataclass(frozen=True)
class Job:
    """One picture, the name of its folder, and the digest it must have in a replay."""

    path: Path
    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one picture; `record` is its entry in run.json."""

    path: Path
    record: dict[str, Any]
    folder: Path | None = None
    prediction: Prediction | None = None
    error: VitmapError | None = None
