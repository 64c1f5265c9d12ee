"""The review page of a lot: one HTML file with everything that its scripts must read inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float

from vitmap.export.finding import Finding, Lost
from vitmap.geometry import View
from vitmap.regions import Cut
from vitmap.render.caveat import CAVEAT
from vitmap.render.colormap import palette

_SCRIPTS = ("read.js", "decisions.js", "stage.js", "list.js", "main.js")
_MARK = "<!-- pictures -->"
# Inside a script element `<` could end it, and old parsers take these two for line ends.
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


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
    script = '"use strict";\n' + "\n".join(map(_part, _SCRIPTS))
    script, style = f"(() => {{\n{script}}})();\n", _part("page.css")
    page = _part("page.html").replace("{{style}}", style).replace("{{script}}", script)
    page = page.replace("{{csp}}", _policy(script, style))
    before, after = page.split(_MARK)
    index = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        for number, card in enumerate(cards):
            index.append(_line(card))
            if isinstance(card, Card):
                _block(file, f"picture-{number}", _picture(card))
        _block(file, "index", index)
        _block(file, "sheet", _about(sheet))
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
        "colors": base64.b64encode(colors.tobytes()).decode("ascii"),
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
        "thumb": base64.b64encode(card.thumb).decode("ascii"),
        "heat": base64.b64encode(card.heat.astype("<f4").tobytes()).decode("ascii"),
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


def _block(file: IO[str], name: str, value: object) -> None:
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for sign, spelled in _ESCAPES.items():
        text = text.replace(sign, spelled)
    file.write(f'<script type="application/json" id="{name}">{text}</script>\n')


def _part(name: str) -> str:
    return files("vitmap.report").joinpath("sheet", name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    """Nothing is fetched; only this script runs; pictures come from the page or from beside it."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob: file: 'self'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
