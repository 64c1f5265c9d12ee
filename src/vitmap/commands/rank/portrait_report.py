"""The files of a portrait: a table, a figure and the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vitmap import __version__
from vitmap.commands.rank.portrait import Portrait
from vitmap.commands.rank.run import settings_json
from vitmap.formats.spreadsheet import Cell, write_sheet
from vitmap.maps.names import display_name
from vitmap.rank.portrait import ENTROPY_BITS, TRAITS
from vitmap.render.figures.cell_tables import CellTable
from vitmap.render.figures.portrait import PortraitSheet, Thumbnails, draw_portrait
from vitmap.runs.staging import RECORD_FORMAT, staged


def write_portrait(out: Path, portrait: Portrait, command: Sequence[str]) -> list[str]:
    """Everything in a folder, whole or not at all; gives the files' names."""
    with staged(out) as stage:
        header, lines = cells(portrait)
        write_sheet(stage.folder / "portrait.csv", header, lines)
        figure = draw_portrait(sheet(portrait))
        figure.save(stage.folder / "portrait.png", compress_level=3, dpi=figure.info["dpi"])
        files = stage.files()
        stage.write_record(_record(portrait, command, files))
    return files


def headline(portrait: Portrait) -> str:
    """What this is, and what it is not, in a sentence."""
    count = portrait.summary.pictures
    on = "1 picture" if count == 1 else f"{count} pictures"
    return f"What each head does on {on}: without labels, nothing here says which shows a defect."


def cells(portrait: Portrait) -> tuple[list[str], list[list[Cell]]]:
    """A line a cell, in the model's order: the mean of every trait and its standard deviation.

    The head `mean` is the map averaged over the layer's heads. A cell without a number is empty.
    """
    header = ["cell", "layer", "head"]
    for trait in TRAITS:
        header += [trait.key, f"{trait.key}_sd"]
    mean, deviation = portrait.summary.mean, portrait.summary.deviation
    lines: list[list[Cell]] = []
    for layer in range(mean.shape[1]):
        for column in range(mean.shape[2]):
            head: Cell = "mean" if column == mean.shape[2] - 1 else column
            line: list[Cell] = [f"L{layer} {head if head == 'mean' else f'H{head}'}", layer, head]
            for number in range(len(TRAITS)):
                line += [
                    _number(mean[number, layer, column]),
                    _number(deviation[number, layer, column]),
                ]
            lines.append(line)
    return header, lines


def sheet(portrait: Portrait) -> PortraitSheet:
    """The figure's content."""
    summary, (photo, maps) = portrait.summary, portrait.example
    tables = [
        CellTable(
            title=trait.shown_as,
            meaning=trait.meaning,
            low=trait.low,
            high=trait.high,
            values=summary.mean[number],
            even=_known(summary.uniform[number]),
            varies=_median(summary.deviation[number]),
            percent=trait.share,
        )
        for number, trait in enumerate(TRAITS)
        if trait is not ENTROPY_BITS and np.isfinite(summary.mean[number]).any()
    ]
    view, source = maps.view, portrait.model.facts.source
    about = "  ·  ".join(
        [
            display_name(source.model),
            portrait.dataset.name,
            f"query: {portrait.query}",
            f"{photo.name} seen at {view.target[1]} × {view.target[0]} px as {view.grid[1]} × "
            f"{view.grid[0]} patches",
            source.precision,
        ]
    )
    return PortraitSheet(
        headline(portrait), about, tables, Thumbnails(photo.name, maps), portrait.remarks
    )


def _record(portrait: Portrait, command: Sequence[str], files: Sequence[str]) -> dict[str, Any]:
    summary = portrait.summary
    even = {t.key: _known(v) for t, v in zip(TRAITS, summary.uniform.tolist(), strict=True)}
    return {
        "vitmap": __version__,
        "format": RECORD_FORMAT,
        "command": list(command),
        "settings": settings_json(portrait.settings),
        "model": asdict(portrait.model.facts.source) | {"photo": None},
        "query": portrait.query,
        "dataset": {"name": portrait.dataset.name, "layout": portrait.dataset.layout},
        "headline": headline(portrait),
        "traits": {trait.key: trait.meaning for trait in TRAITS},
        "uniform_attention": even,
        "looked_at": summary.pictures,
        "example": portrait.example[0].name,
        "remarks": list(portrait.remarks),
        "pictures": list(portrait.records),
        "files": list(files),
    }


def _number(value: float) -> Cell:
    return round(float(value), 6) if np.isfinite(value) else ""


def _known(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _median(values: np.ndarray) -> float | None:
    there = values[np.isfinite(values)]
    return float(np.median(there)) if there.size else None
