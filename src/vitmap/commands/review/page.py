"""The review page of a lot: one HTML file with everything that its scripts must read inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from vitmap.inspection.finding import Finding, Lost
from vitmap.maps.regions import Cut
from vitmap.photo.view import View
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import palette
from vitmap.render.page_file import frame, in_base64, write_block

_SCRIPTS = ("read.js", "digest.js", "imported.js", "decisions.js", "stage.js", "list.js", "main.js")
_IMAGES = "data: blob: file: 'self'"  # thumbnails, and the pictures beside the page


@dataclass(frozen=True)
class Sheet:
    """What the page says of the lot as a whole."""

    lot: str  # digest of the lot's content: decisions are kept under it
    title: str
    model: str
    reading: str
    unit: str
    scale: str
    meaning: str  # of the scale
    limits: tuple[float, float]
    cut: Cut
    threshold: float | None
    label: str
    colormap: str
    min_area: int
    merge: int
    grounds: str  # what the threshold rests on


@dataclass(frozen=True, eq=False)
class Card:
    """One picture: what was found, its heat, a thumbnail, and where the picture itself lies."""

    found: Finding
    heat: Float[np.ndarray, "gy gx"]
    thumb: bytes  # JPEG
    place: str  # the picture's path as seen from the page
    view: View


def write_page(path: Path, sheet: Sheet, cards: Iterable[Card | Lost]) -> None:
    """Write the page picture by picture, so that memory does not grow with the lot.

    Each picture is an inert block of JSON that is read when it is shown. Heats are float32 as they
    are, so that a threshold on the page marks the very patches that the exports mark.
    """
    before, after = frame(__package__, _SCRIPTS, _IMAGES)
    index = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        for number, card in enumerate(cards):
            index.append(_line(card))
            if isinstance(card, Card):
                write_block(file, f"picture-{number}", _picture(card))
        write_block(file, "index", index)
        write_block(file, "sheet", _about(sheet))
        file.write(after)


def _about(sheet: Sheet) -> dict[str, Any]:
    colors = palette(sheet.colormap)
    return {
        "lot": sheet.lot,
        "title": sheet.title,
        "model": sheet.model,
        "reading": sheet.reading,
        "unit": sheet.unit,
        "scale": sheet.scale,
        "meaning": sheet.meaning,
        "limits": list(sheet.limits),
        "cut": [sheet.cut.kind, sheet.cut.value],
        "threshold": sheet.threshold,
        "label": sheet.label,
        "grounds": sheet.grounds,
        "minArea": sheet.min_area,
        "merge": sheet.merge,
        "colors": in_base64(colors),
        "caveat": CAVEAT,
    }


def _line(card: Card | Lost) -> dict[str, Any]:
    """What the list needs to sort and to filter."""
    if isinstance(card, Lost):
        return {"file": card.file, "verdict": "failed", "error": card.error}
    found = card.found
    return {
        "file": found.file,
        "sha256": found.sha256,
        "score": found.score,
        "verdict": found.verdict,
        "regions": len(found.regions),
    }


def _picture(card: Card) -> dict[str, Any]:
    found, (gy, gx) = card.found, card.heat.shape
    return {
        "size": [found.size[1], found.size[0]],
        "grid": [gx, gy],
        "place": address(card.place),
        "thumb": in_base64(card.thumb),
        "heat": in_base64(card.heat.astype(np.float32)),
        "notes": list(found.notes),
        "regions": [
            {
                "box": list(region.box),
                "area": region.area,
                "mass": float(f"{region.mass:.6g}"),
                "peak": float(f"{region.peak:.6g}"),
                "at": list(region.at),
            }
            for region in found.regions
        ],
    }


def address(place: str) -> str:
    """A path as a relative address; whatever signs it holds, it stays a path.

    >>> address("../lot/<img src=x>#1.png")
    '../lot/%3Cimg%20src%3Dx%3E%231.png'
    """
    if place.startswith("/") or place[1:2] == ":":
        return "file://" + ("" if place.startswith("/") else "/") + _quoted(place)
    return _quoted(place)


def _quoted(place: str) -> str:
    # A name that is no UTF-8 has its own bytes in the address.
    return "/".join(
        part if part.endswith(":") and len(part) == 2 else quote(_bytes(part), safe="")
        for part in place.split("/")
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
