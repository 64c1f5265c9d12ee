"""Job and Outcome: a picture that is to be looked at, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitmap.errors import (
    InputError,
    ModelError,
    OutputError,
    PictureError,
    UsageError,
    VitmapError,
)
from vitmap.maps.maps import Prediction


@dataclass(frozen=True)
class Job:
    """One picture, the name of its folder, and the digest it must have in a replay."""

    path: Path
    name: str
    sha256: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one picture: `record` is its entry in run.json, `run` what was around it."""

    path: Path
    record: dict[str, Any]
    folder: Path | None = None
    prediction: Prediction | None = None
    error: VitmapError | None = None
    run: dict[str, Any] = field(default_factory=dict)


def failure_of(path: Path, error: Exception) -> VitmapError:
    """A picture's failure in the project's own words; the other pictures of a run go on."""
    if isinstance(error, InputError | ModelError):
        return error
    if isinstance(error, UsageError):  # a point outside this photo, say: inside another
        return PictureError(f"{path}: {error}")
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return OutputError(f"{path}: files not written ({reason}).")
    if isinstance(error, MemoryError):
        return PictureError(
            f"{path}: needs more memory than there is: a smaller --size or --upsample, or a "
            "smaller picture needs less."
        )
    reason = (str(error).strip().splitlines() or ["no reason given"])[0][:300]
    stopped = PictureError(f"{path}: {type(error).__name__}: {reason} (see --debug).")
    stopped.__cause__ = error
    return stopped


def failed(
    path: Path, error: VitmapError, name: str | None = None, sha256: str | None = None
) -> Outcome:
    """The outcome of a picture that failed, or, without a name, of an input that named none."""
    place = str(path.absolute())
    said = str(error).replace(str(path), place, 1)  # the same from whichever folder it is replayed
    record = {"path": place, "name": name, "sha256": sha256, "status": "failed", "error": said}
    return Outcome(path, record, error=error)
