"""run.json: what was done with what, so that it can be done again and give the same files.

It holds no dates and no durations: the same run writes the same record.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap import __version__
from vitmap.errors import UsageError
from vitmap.maps.maps import Source
from vitmap.maps.names import pinned
from vitmap.maps.scale import PERCENTILE, Scale
from vitmap.runs.record_file import Record, Reference, check, read, settings_of
from vitmap.runs.settings import Settings
from vitmap.runs.staging import RECORD_FORMAT

if TYPE_CHECKING:
    from vitmap.runs.loading import Lineup


@dataclass(frozen=True)
class Replay:
    """What a run.json asks to be done again."""

    settings: Settings
    pictures: tuple[tuple[Path, str, str | None], ...]  # path, folder name, sha256
    lost: tuple[dict[str, Any], ...]  # inputs that named no picture then
    out: Path
    loading: Settings  # the models that the run ended up with, by name and revision
    remarks: tuple[str, ...]
    digests: tuple[str | None, str | None]  # of the weights: maps, classifier
    versions: dict[str, str]
    upper: float | None  # the run's scale, where the record is one picture of a run
    recipe: str | None  # sha256 of the recipe.json that led the run
    reference: tuple[str, ...] | None  # sha256 of the normal images, where a method compared
    command: tuple[str, ...]


def record_of(
    command: Sequence[str],
    settings: Settings,
    lineup: Lineup,
    scale: Scale | None,
    pictures: Sequence[dict[str, Any]],
    recipe: dict[str, Any] | None = None,
    reference: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a run, or of one picture of it; `write_record` adds its digest."""
    facts = lineup.maps.facts
    return {
        "vitmap": __version__,
        "format": RECORD_FORMAT,
        "command": list(command),
        "settings": asdict(settings),
        "model": _about(replace(facts.source, method=settings.method), facts.prefix),
        "classifier": _about(lineup.classifier.facts.source) if lineup.classifier else None,
        "recipe": recipe,
        **({"reference": reference} if reference else {}),
        "remarks": list(lineup.remarks),
        "scale": _scale(scale) if scale else None,
        "pictures": list(pictures),
    }


def _scale(scale: Scale) -> dict[str, Any]:
    if scale.name == "good":
        return {"name": scale.name, "lower": scale.lower, "upper": scale.upper}
    return {"name": scale.name, "upper": scale.upper, "percentile": PERCENTILE}


def read_record(path: Path) -> Replay:
    """The run that a run.json describes.

    Raises InputError for a file that is missing, damaged or no record, UsageError for another
    command's.
    """
    about = read(path)
    _refuse_other_commands(path, about.get("command"))
    record = check(about, path)
    entries, scale = record.pictures, record.scale
    alone = "files" in entries[0]
    settings, classifier = settings_of(record), record.classifier
    return Replay(
        settings=settings,
        pictures=tuple((Path(e["path"]), e["name"], e["sha256"]) for e in entries if e["name"]),
        lost=tuple(dict(entry) for entry in entries if entry["name"] is None),
        out=_out(path.resolve().parent, entries[0]["name"] if alone else None),
        loading=_pinned(settings, record),
        remarks=tuple(record.remarks),
        digests=(record.model.digest, classifier.digest if classifier else None),
        versions=dict(record.model.versions),
        upper=scale["upper"] if alone and scale and scale["name"] == "run" else None,
        recipe=record.recipe.sha256 if record.recipe else None,
        reference=_digests(record.reference),
        command=tuple(record.command),
    )


def _digests(reference: Reference | None) -> tuple[str, ...] | None:
    return tuple(picture.sha256 for picture in reference.pictures) if reference else None


# Commands with records of their own.
_OTHERS = ("compare", "explore", "merge", "rank", "review", "soart")
_LONGEST = 2000  # letters of a command in a message


def _refuse_other_commands(path: Path, command: object) -> None:
    """Raises UsageError for a record that only its own command can give again."""
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        return  # no record at all, which the check says
    if command[1:2] and command[1] in _OTHERS:
        told = shlex.join(command).replace("\n", "\\n")
        raise UsageError(
            f"{path} is the record of `vitmap {command[1]}`, which --replay cannot repeat: run its "
            f"command again: {told if len(told) <= _LONGEST else told[:_LONGEST] + ' …'}"
        )


def _out(folder: Path, name: str | None) -> Path:
    """Where the run wrote: a picture's record lies in the picture's folder, if nobody moved it."""
    if name is None:
        return folder
    return folder.parent if folder.name == name else Path("outputs")


def _pinned(settings: Settings, record: Record) -> Settings:
    """Settings that load just what the run had, whatever is in reach today."""
    model, classifier = record.model, record.classifier
    return replace(
        settings,
        model=pinned(model.model, model.revision),
        classifier=pinned(classifier.model, classifier.revision) if classifier else None,
        classify=classifier is not None,
        device=model.device,
    )


def _about(source: Source, prefix: Sequence[str] = ()) -> dict[str, Any]:
    about = asdict(source)
    del about["photo"]
    return {**about, "prefix_tokens": list(prefix)} if prefix else about
