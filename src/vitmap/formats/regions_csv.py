"""pictures.csv and regions.csv: a line a picture and a line a region, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vitmap.formats.spreadsheet import Cell, opened_sheet
from vitmap.inspection.finding import Finding, Lost

PICTURES = (
    "picture",
    "status",
    "verdict",
    "score",
    "threshold",
    "unit",
    "width",
    "height",
    "regions",
    "area_px",
    "area_share",
    "peak",
    "peak_x",
    "peak_y",
    "sha256",
    "notes",
)
REGIONS = (
    "picture",
    "region",
    "x0",
    "y0",
    "x1",
    "y1",
    "area_px",
    "mass_share",
    "peak",
    "unit",
    "peak_x",
    "peak_y",
)


def write_tables(pictures: Path, regions: Path, findings: Iterable[Finding | Lost]) -> None:
    """Both files in one go; sizes and places in the photo's own pixels.

    Failed pictures have a line too. The hottest region of a picture comes first, and box ends (x1,
    y1) are exclusive.
    """
    with opened_sheet(pictures, PICTURES) as one, opened_sheet(regions, REGIONS) as other:
        for found in findings:
            one([_picture(found)])
            if isinstance(found, Finding):
                other(_regions(found))


def _picture(found: Finding | Lost) -> list[Cell]:
    if isinstance(found, Lost):
        return [found.file, "failed", *[""] * (len(PICTURES) - 3), found.error]
    height, width = found.size
    threshold: Cell = "" if found.threshold is None else _short(found.threshold)
    x, y = found.at
    return [
        found.file,
        "done",
        found.verdict,
        _short(found.score),
        threshold,
        found.unit,
        width,
        height,
        len(found.regions),
        found.area,
        _short(found.area / (height * width)),
        _short(found.peak),
        x,
        y,
        found.sha256,
        "; ".join(found.notes),
    ]


def _regions(found: Finding) -> Iterator[list[Cell]]:
    for number, region in enumerate(found.regions, start=1):
        (x0, y0, x1, y1), (x, y) = region.box, region.at
        mass, peak = _short(region.mass), _short(region.peak)
        yield [found.file, number, x0, y0, x1, y1, region.area, mass, peak, found.unit, x, y]


def _short(value: float) -> float:
    """Six digits that tell: float32 holds no more than seven."""
    return float(f"{value:.6g}")
