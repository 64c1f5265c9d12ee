"""The files of a ranking: two figures, two tables, the recipe, and the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vitmap import __version__
from vitmap.commands.rank.figures import example_sheet, ranking_sheet
from vitmap.commands.rank.run import Found, settings_json
from vitmap.commands.rank.words import cautions, headline, reading_of
from vitmap.formats.spreadsheet import Cell, write_sheet
from vitmap.rank.candidates import MEANINGS as READINGS
from vitmap.rank.evidence import PIXELS
from vitmap.rank.ranking import Entry, Ranking
from vitmap.rank.recipe import write_recipe
from vitmap.rank.scoring import PICTURE_METRICS, PIXEL_METRICS
from vitmap.render.figures.examples import draw_examples
from vitmap.render.figures.ranking import draw_ranking
from vitmap.runs.staging import RECORD_FORMAT, staged


def write_ranking(out: Path, found: Found, command: Sequence[str]) -> list[str]:
    """Everything in a folder, whole or not at all; gives the files' names."""
    with staged(out) as stage:
        folder = stage.folder
        _write_cells(folder / "rank.csv", found.ranking)
        _write_held(folder / "held-out.csv", found.ranking)
        write_recipe(found.recipe, folder)
        _save(draw_ranking(ranking_sheet(found)), folder / "rank.png")
        _save(draw_examples(example_sheet(found)), folder / "examples.png")
        files = stage.files()
        stage.write_record(_record(found, command, files))
    return files


def _names(ranking: Ranking) -> list[str]:
    names = list(PIXEL_METRICS) if ranking.level == PIXELS else []
    return names + [name for name in PICTURE_METRICS if name in ranking.best.scores]


def _write_cells(path: Path, ranking: Ranking) -> None:
    names = _names(ranking)
    header = ["place", "cell", "layer", "head", "reading", *names]
    header += [f"{ranking.by} low", f"{ranking.by} high", "told from the best"]
    lines: list[list[Cell]] = []
    for place, entry in enumerate(ranking.entries, start=1):
        lines.append(_line(place, entry, names))
    for entry in ranking.baselines:
        lines.append([*_line("", entry, names)[:-1], "baseline"])
    write_sheet(path, header, lines)


def _line(place: int | str, entry: Entry, names: Sequence[str]) -> list[Cell]:
    candidate = entry.candidate
    cell = candidate.kind in READINGS
    told = "best" if place == 1 else "no" if entry.tied else "yes"
    return [
        place,
        candidate.cell,
        candidate.layer if cell else "",
        ("mean" if candidate.head is None else candidate.head) if cell else "",
        READINGS.get(candidate.kind, "baseline"),
        *(_number(entry.scores[name]) for name in names),
        _number(entry.interval.low),
        _number(entry.interval.high),
        told,
    ]


def _write_held(path: Path, ranking: Ranking) -> None:
    """The held-out scores, and the paired differences from the procedure over all kinds."""
    header = ["name", "what", ranking.by, "low", "high"]
    header += ["procedure's lead", "low", "high", "p", "verdict"]
    lines: list[list[Cell]] = []
    for name, procedure in ranking.procedures.items():
        value = procedure.held.estimate
        took = ", ".join(f"{reading_of(c)} × {n}" for c, n in procedure.votes)
        numbers = [_number(v) for v in (value.value, value.low, value.high)]
        lines.append([f"choosing: {name}", took, *numbers, "", "", "", "", ""])
    for held, test in zip(ranking.held, ranking.comparisons, strict=True):
        value, lead = held.estimate, test.difference
        numbers = [_number(v) for v in (value.value, value.low, value.high)]
        numbers += [_number(v) for v in (lead.value, lead.low, lead.high)]
        lines.append([held.name, "baseline", *numbers, round(test.p, 5), test.verdict])
    write_sheet(path, header, lines)


def _number(value: float) -> Cell:
    return round(value, 5) if np.isfinite(value) else ""


def _save(figure: Any, path: Path) -> None:
    figure.save(path, compress_level=3, dpi=figure.info["dpi"])


def _record(found: Found, command: Sequence[str], files: Sequence[str]) -> dict[str, Any]:
    source = found.model.facts.source
    return {
        "vitmap": __version__,
        "format": RECORD_FORMAT,
        "command": list(command),
        "settings": settings_json(found.settings),
        "model": asdict(source) | {"photo": None},
        "dataset": {
            "name": found.dataset.name,
            "layout": found.dataset.layout,
            "pictures": found.counts,
        },
        "headline": headline(found),
        "evidence": found.recipe.evidence,
        "remarks": [*found.remarks, *cautions(found)],
        "pictures": list(found.records),
        "files": list(files),
    }
