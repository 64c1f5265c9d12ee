"""The files of a comparison: two figures, the tables, and the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from vitmap import __version__
from vitmap.commands.compare import words
from vitmap.commands.compare.row import ComparedRow
from vitmap.commands.compare.run import Comparison
from vitmap.commands.compare.sheet import compare_sheet, matrices, scales_of
from vitmap.commands.compare.summary import Agreement, agreements, bests
from vitmap.formats.spreadsheet import Cell, write_sheet
from vitmap.maps.agreement import by_chance
from vitmap.maps.maps import Source
from vitmap.maps.numbers import describe_prediction
from vitmap.maps.scale import PERCENTILE
from vitmap.render.figures.agreement import MOST, draw_agreement
from vitmap.render.figures.compare import draw_compare
from vitmap.runs.staging import RECORD_FORMAT, staged

_HEADER = [
    "map",
    "entropy_bits",
    "entropy_share",
    "distance_px",
    "distance_share_of_diagonal",
    "prefix_mass",
    "kept_share",
    "peak_times_uniform",
    "peak_x",
    "peak_y",
    "alarms",
]


def write_comparison(out: Path, found: Comparison, command: Sequence[str]) -> list[str]:
    """Everything in a folder, whole or not at all; gives the files' names."""
    agree, best = agreements(found), bests(found)
    row = "model" if found.across_models else "picture"
    with staged(out) as stage:
        folder = stage.folder
        write_sheet(folder / "compare.csv", [row, *_HEADER], _cells(found))
        header = [row, "map_a", "map_b", "iou", "iou_by_chance"]
        write_sheet(folder / "agreement.csv", header, _pairs(found, agree))
        if best:
            header = [row, "map", "part", "share", "area", "times_area", "iou"]
            write_sheet(folder / "parts.csv", header, _parts(found))
        _save(draw_compare(compare_sheet(found, best)), folder / "compare.png")
        if 1 < max(len(one.labels) for one in agree) <= MOST:
            _save(_agreement_figure(found, agree), folder / "agreement.png")
        files = stage.files()
        stage.write_record(_record(found, command, files))
    return files


def _agreement_figure(found: Comparison, agree: Sequence[Agreement]) -> Any:
    share = f"{100 * found.settings.maps.threshold:g}%"
    return draw_agreement(
        "Which heads look at the same patches?",
        f"{words.title(found)}  ·  intersection over union of what is kept at {share}",
        matrices(agree),
        [
            f"Each map keeps the fewest patches that hold {share} of its patch mass; a number is "
            "how many patches two maps both keep, over how many either keeps. By chance: what two "
            "such masks would reach if they knew nothing of each other. Patches of one picture are "
            "compared with each other alone."
        ],
        found.settings.maps.colormap,
    )


def _cells(found: Comparison) -> Iterator[list[Cell]]:
    for row in found.rows:
        for one in row.numbers:
            yield [
                row.name,
                one.cell.label,
                _number(one.entropy_bits),
                _number(one.entropy_share),
                _number(one.distance),
                _number(one.distance_share),
                _number(one.prefix_mass),
                _number(one.kept_share),
                _number(one.peak),
                *one.peak_at,
                ", ".join(alarm.mark for alarm in one.alarms),
            ]


def _pairs(found: Comparison, agree: Sequence[Agreement]) -> Iterator[list[Cell]]:
    """Every pair once a picture, then its mean over pictures."""
    for row in found.rows:
        kept = np.array([one.kept_share for one in row.numbers])
        labels = [cell.label for cell in row.cells]
        yield from _triangle(row.name, labels, row.agreement, by_chance(kept))
    if not found.across_models:
        [mean] = agree
        yield from _triangle(mean.name, mean.labels, mean.values, mean.chance)


def _triangle(
    name: str, labels: Sequence[str], values: np.ndarray, chance: np.ndarray
) -> Iterator[list[Cell]]:
    for a, b in combinations(range(len(labels)), 2):
        yield [name, labels[a], labels[b], _number(values[a, b]), _number(chance[a, b])]


def _parts(found: Comparison) -> Iterator[list[Cell]]:
    for row in found.rows:
        for label, parts in row.parts.items():
            for cell, one in zip(row.cells, parts, strict=True):
                numbers = [_number(v) for v in (one.share, one.area, one.times, one.iou)]
                yield [row.name, cell.label, label, *numbers]


def _record(found: Comparison, command: Sequence[str], files: Sequence[str]) -> dict[str, Any]:
    scales = scales_of(found)
    return {
        "vitmap": __version__,
        "format": RECORD_FORMAT,
        "command": list(command),
        "settings": asdict(found.settings),
        "scale": {
            "name": scales[0].name,
            "upper": [scale.upper for scale in scales],
            "percentile": PERCENTILE,
        },
        "classifier": _source(found.classifier) if found.classifier else None,
        "remarks": list(found.remarks),
        "rows": [
            *(_row(row) for row in found.rows),
            *(
                {"given": one.given, "status": "failed", "error": str(one.error)}
                for one in found.failed
            ),
        ],
        "best_for_parts": [asdict(one) for one in bests(found)],
        "files": list(files),
    }


def _row(row: ComparedRow) -> dict[str, Any]:
    named = row.prediction if not isinstance(row.prediction, str) else None
    view = row.cells[0].view
    return {
        "name": row.name,
        "status": "done",
        "picture": str(row.photo.path.absolute()) if row.photo.path else None,
        "sha256": row.photo.digest,
        "notes": list(row.photo.notes),
        "photo_yx": list(view.source),
        "seen_at_yx": list(view.target),
        "patch_grid_yx": list(view.grid),
        "query": str(row.query),
        "model": _source(row.source),
        "prefix_tokens": list(row.prefix),
        "prediction": describe_prediction(named) if named else None,
        "label": asdict(row.verdict) if row.verdict else None,
    }


def _source(source: Source) -> dict[str, Any]:
    about = asdict(source)
    del about["photo"]
    return about


def _number(value: float) -> Cell:
    return round(float(value), 6) if np.isfinite(value) else ""


def _save(figure: Any, path: Path) -> None:
    figure.save(path, compress_level=3, dpi=figure.info["dpi"])
