"""run.json: what was done with what, so that it can be done again and give the same files.

It holds no dates and no durations: the same run writes the same record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap import __version__
from vitmap.errors import InputError
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
    out: Path
    loading: Settings  # the models that the run ended up with, by name and revision
    remarks: tuple[str, ...]
    digests: tuple[str | None, str | None]  # of the weights: maps, classifier
    upper: float | None  # the run's scale, where the record is one picture of a run
    command: tuple[str, ...]


def record_of(
    command: Sequence[str],
    settings: Settings,
    lineup: Lineup,
    scale: Scale | None,
    pictures: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """The record of a run, or of one picture of it."""
    return {
        "vitmap": __version__,
        "command": list(command),
        "settings": asdict(settings),
        "model": _about(lineup.maps.source, lineup.maps.prefix),
        "classifier": _about(lineup.classifier.source) if lineup.classifier else None,
        "remarks": list(lineup.remarks),
        "scale": {"name": scale.name, "upper": scale.upper, "percentile": PERCENTILE}
        if scale
        else None,
        "pictures": list(pictures),
    }


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

    Raises InputError for a file that is missing or no record.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(Settings)}
        settings = Settings(**{k: v for k, v in record["settings"].items() if k in known})
        pictures = tuple((Path(p["path"]), p["name"], p["sha256"]) for p in record["pictures"])
        alone = "files" in record["pictures"][0]
        upper = record["scale"]["upper"] if alone and record["scale"]["name"] == "run" else None
        return Replay(
            settings=settings,
            pictures=pictures,
            out=path.resolve().parent.parent if alone else path.resolve().parent,
            loading=_pinned(settings, record["model"], record["classifier"]),
            remarks=tuple(record["remarks"]),
            digests=(record["model"]["digest"], (record["classifier"] or {}).get("digest")),
            upper=upper,
            command=tuple(record["command"]),
        )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: give the run.json of an earlier run.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a run.json that vitmap wrote ({_brief(error)}).") from error


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


def _pinned(settings: Settings, model: dict[str, Any], classifier: Any) -> Settings:
    """Settings that load just what the run had, whatever is in reach today."""

    def name(source: dict[str, Any]) -> str:
        revision = source["revision"]
        return f"{source['model']}@{revision}" if revision else str(source["model"])

    named = name(classifier) if classifier else None
    return replace(settings, model=name(model), classifier=named, classify=bool(classifier))


def _about(source: Source, prefix: Sequence[str] = ()) -> dict[str, Any]:
    about = asdict(source)
    del about["photo"]
    return {**about, "prefix_tokens": list(prefix)} if prefix else about
