"""run.json: what was done with what, so that it can be done again and give the same files.

It holds no dates and no durations: the same run writes the same record.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap import __version__
from vitmap.errors import InputError, UsageError
from vitmap.maps import PatchMap, Prediction, Source
from vitmap.render.scale import PERCENTILE, Scale
from vitmap.run.settings import Settings

if TYPE_CHECKING:
    from vitmap.run.lineup import Lineup


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
    command: tuple[str, ...]


def record_of(
    command: Sequence[str],
    settings: Settings,
    lineup: Lineup,
    scale: Scale | None,
    pictures: Sequence[dict[str, Any]],
    recipe: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The record of a run, or of one picture of it."""
    return {
        "vitmap": __version__,
        "command": list(command),
        "settings": asdict(settings),
        "model": _about(lineup.maps.source, lineup.maps.prefix),
        "classifier": _about(lineup.classifier.source) if lineup.classifier else None,
        "recipe": recipe,
        "remarks": list(lineup.remarks),
        "scale": _scale(scale) if scale else None,
        "pictures": list(pictures),
    }


def _scale(scale: Scale) -> dict[str, Any]:
    if scale.name == "good":
        return {"name": scale.name, "lower": scale.lower, "upper": scale.upper}
    return {"name": scale.name, "upper": scale.upper, "percentile": PERCENTILE}


def describe(cell: PatchMap, threshold: float) -> dict[str, Any]:
    """One map in numbers: what the terminal's table and run.json say of it."""
    row, column = cell.peak
    return {
        "map": cell.label,
        "layers": list(cell.layers),
        "heads": list(cell.heads),
        "prefix_mass": round(float(cell.prefix.sum()), 6),
        "entropy_bits": round(cell.entropy, 4),
        "peak_times_uniform": round(float(cell.uniform.max()), 4),
        "peak_at_xy": list(cell.view.center(row, column)),
        "mask_area": round(float(cell.keep_mass(threshold).mean()), 6),
        "alarms": [
            {"kind": alarm.kind, "share": round(alarm.share, 6), "limit": round(alarm.limit, 6)}
            for alarm in cell.alarms
        ],
    }


def describe_prediction(prediction: Prediction) -> dict[str, Any]:
    """Labels with probabilities, and what the classifier saw."""
    return {
        "model": prediction.model,
        "size_yx": list(prediction.size),
        "same_forward_as_maps": prediction.shared,
        "labels": [{"label": name, "probability": round(p, 6)} for name, p in prediction.labels],
    }


def read_record(path: Path) -> Replay:
    """The run that a run.json describes.

    Raises InputError for a file that is missing or no record, UsageError for another command's.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        _refuse_other_commands(path, record["command"])
        settings = _settings(record["settings"])
        entries = record["pictures"]
        alone = "files" in entries[0]
        upper = record["scale"]["upper"] if alone and record["scale"]["name"] == "run" else None
        return Replay(
            settings=settings,
            pictures=tuple(_picture(entry) for entry in entries if entry["name"] is not None),
            lost=tuple(entry for entry in entries if entry["name"] is None),
            out=_out(path.resolve().parent, entries[0]["name"] if alone else None),
            loading=_pinned(settings, record["model"], record["classifier"]),
            remarks=tuple(record["remarks"]),
            digests=(record["model"]["digest"], (record["classifier"] or {}).get("digest")),
            versions=record["model"]["versions"],
            upper=upper,
            recipe=(record.get("recipe") or {}).get("sha256"),
            command=tuple(record["command"]),
        )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: give the run.json of an earlier run.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a run.json that vitmap wrote ({_brief(error)}).") from error


_OTHERS = ("compare", "rank", "review", "merge", "soart")  # commands with records of their own


def _refuse_other_commands(path: Path, command: Sequence[str]) -> None:
    """Raises UsageError for a record that only its own command can give again."""
    other = next((word for word in command[1:2] if word in _OTHERS), None)
    if other is not None:
        raise UsageError(
            f"{path} is the record of `vitmap {other}`, which --replay cannot repeat: run its "
            f"command again: {shlex.join(command)}"
        )


def _settings(values: dict[str, Any]) -> Settings:
    """The recorded settings; ValueError where one is of another type than it can be."""
    # A record from before recipes says nothing of one.
    chosen = {field.name: values[field.name] for field in fields(Settings) if field.name in values}
    chosen = {"recipe": None, **chosen}
    for field in fields(Settings):
        value = chosen[field.name]
        if value is not None and type(value).__name__ != field.type.split(" ")[0]:
            raise ValueError(f"{field.name} is {value!r}, expected {field.type}")
    return Settings(**chosen)


def _picture(entry: dict[str, Any]) -> tuple[Path, str, str | None]:
    name = entry["name"]
    if name != Path(name).name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a folder")
    return Path(entry["path"]), name, entry["sha256"]


def _out(folder: Path, name: str | None) -> Path:
    """Where the run wrote: a picture's record lies in the picture's folder, if nobody moved it."""
    if name is None:
        return folder
    return folder.parent if folder.name == name else Path("outputs")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


def _pinned(settings: Settings, model: dict[str, Any], classifier: Any) -> Settings:
    """Settings that load just what the run had, whatever is in reach today."""

    named = pinned(classifier["model"], classifier["revision"]) if classifier else None
    return replace(
        settings,
        model=pinned(model["model"], model["revision"]),
        classifier=named,
        classify=bool(classifier),
        device=model["device"],
    )


def pinned(model: str, revision: str | None) -> str:
    """The name that loads just this model: with its revision where it came from a hub."""
    return f"{model}@{revision}" if revision else model


def _about(source: Source, prefix: Sequence[str] = ()) -> dict[str, Any]:
    about = asdict(source)
    del about["photo"]
    return {**about, "prefix_tokens": list(prefix)} if prefix else about
