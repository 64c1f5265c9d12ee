"""Plan: what a review is about, written beside its journal before the first picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from vitmap.commands.review.files import aside
from vitmap.commands.review.lot import Lot
from vitmap.commands.review.settings import ReviewSettings
from vitmap.errors import VitmapError
from vitmap.files.checked import convert, damaged, read_json, seal, unseal
from vitmap.files.place import inside
from vitmap.inspection.reading import Terms
from vitmap.runs.staging import write_json

JOURNAL = "journal"
PLAN = "plan.json"
KIND = "a plan that vitmap review wrote"
_FIELDS = {"settings", "terms", "about", "lot"}


class About(TypedDict):
    """All that the maps depend on besides the pictures."""

    model: dict[str, Any]
    reading: dict[str, Any]
    size: int | None
    fit: str | None
    room: Annotated[int, Meta(ge=1)]  # bytes of a page for each picture


@dataclass(frozen=True)
class Plan:
    """What was asked for, of which pictures, and how their maps are read."""

    settings: ReviewSettings
    terms: Terms
    about: About
    lot: Lot


def write_plan(out: Path, plan: Plan) -> None:
    """The plan of the review in a folder; raises UnsafeName where a link lies there, OSError."""
    about = {
        "settings": asdict(plan.settings),
        "terms": plan.terms.as_json(),
        "about": plan.about,
        "lot": plan.lot.as_json(),
    }
    aside(out, f"{JOURNAL}/{PLAN}", lambda path: write_json(path, seal(about)))


def read_plan(out: Path) -> Plan:
    """The plan of the review that lies in a folder.

    Raises DamagedFile for what no review wrote, UnsafeName where a link leads to it, OSError where
    it cannot be read.
    """
    path = inside(out, f"{JOURNAL}/{PLAN}")
    name = str(path)
    found = read_json(path, KIND)
    if not (isinstance(found, dict) and found.keys() == _FIELDS):  # from before digests
        found = unseal(found, name, KIND)
    if found.keys() != _FIELDS:
        raise damaged(name, KIND, f"expected the fields {', '.join(sorted(_FIELDS))}")
    settings: ReviewSettings = convert(found["settings"], ReviewSettings, name, KIND, "settings")
    try:
        settings.check()
    except VitmapError as error:
        raise damaged(name, KIND, f"field settings: {str(error).rstrip('.')}") from error
    about: About = convert(found["about"], About, name, KIND, "about")
    if not isinstance(about["model"].get("model"), str):
        raise damaged(name, KIND, "field about.model.model: expected str")
    return Plan(
        settings,
        convert(found["terms"], Terms, name, KIND, "terms"),
        about,
        Lot.from_json(found["lot"], name, KIND),
    )
