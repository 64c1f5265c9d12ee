"""Facts: what a review's journal says of a picture, and what each kind of fact must look like."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict, cast

from msgspec import Meta

from vitmap.commands.review.settings import EXPORTS
from vitmap.files.checked import convert, damaged, shown

KIND = "a journal that vitmap review wrote"
ALL_DONE = ""  # the name under which the journal says that all was done

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Side = Annotated[int, Meta(ge=1, le=1 << 20)]  # pixels
_Sides = tuple[_Side, _Side]
_Files = dict[str, Annotated[int, Meta(ge=0)]]  # name below the review's folder → bytes


class Seen(TypedDict):
    """A picture's map is known."""

    maps: _Digest  # of all that the map depends on besides the picture
    sha256: _Digest  # of the picture
    state: _Digest  # of the file that holds its heat
    view: SeenView
    score: float
    notes: list[str]
    files: _Files  # its raw maps, where they were asked for


class SeenView(TypedDict):
    """How the picture reached the model: `geometry.View`."""

    source: _Sides
    target: _Sides
    patch: _Sides
    fit: Literal["keep", "squash"]


class Drawn(TypedDict):
    """A picture's files are written, by settings with that digest; by none where it is empty."""

    look: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    files: _Files


class Failed(TypedDict):
    """Why a picture failed."""

    error: str


class Done(TypedDict):
    """Whether the whole lot was done."""

    all: bool


FACTS: dict[str, Any] = {"seen": Seen, "drawn": Drawn, "failed": Failed, "done": Done}


def fact_of(kind: str, name: str, value: Any, where: str) -> dict[str, Any]:
    """A fact of that kind about a picture of that name; `where` is the line, for the message.

    Raises DamagedFile for what no review writes, such as files that are not that picture's.
    """
    if kind not in FACTS:
        raise damaged(where, KIND, f"field kind: expected one of {', '.join(FACTS)}, seen {kind!r}")
    fact = cast("dict[str, Any]", convert(value, FACTS[kind], where, KIND, "value"))
    own = places_of(name)
    for place in fact.get("files", {}):
        if place not in own:
            seen = shown(place)
            raise damaged(where, KIND, f"field value.files: {seen} is no file of {name!r:.200}")
    if kind == "seen":
        _require_whole_patches(fact["view"], where)
    return fact


def places_of(name: str) -> set[str]:
    """All that a review may write of one picture, below its folder."""
    return {place.format(name) for places in EXPORTS.values() for place in places if "{}" in place}


def _require_whole_patches(view: SeenView, where: str) -> None:
    for axis, (side, patch) in enumerate(zip(view["target"], view["patch"], strict=True)):
        if side % patch:
            raise damaged(
                where,
                KIND,
                f"field value.view.target[{axis}]: expected whole patches of {patch} px, seen "
                f"{side}",
            )
