"""`vitmap soart metrics`: pictures → three tables, with the settings beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitmap import __version__
from vitmap.commands.soart.pictures import Stream, gather, shape_remarks
from vitmap.errors import InputError
from vitmap.formats.soart_tables import write_tables
from vitmap.formats.spreadsheet import write_sheet
from vitmap.runs.staging import RECORD_FORMAT, staged
from vitmap.soart.rt import distances
from vitmap.soart.settings import TableSettings
from vitmap.soart.tables import Standard, Tables, measure_pictures, standard_of


@dataclass(frozen=True, eq=False)
class Measured:
    """Tables, with what was said and done on the way."""

    tables: Tables
    standard: Standard
    unit: list[tuple[Path, str]]  # the pictures that the standard is the mean of
    records: list[dict[str, Any]]
    failed: list[InputError]
    remarks: list[str]


def measure(
    standard: str,
    images: Sequence[str],
    settings: TableSettings,
    seen: Callable[[], None] = lambda: None,
) -> Measured:
    """The metrics of pictures against one picture, or the mean of a folder of good ones.

    Raises UsageError for settings that cannot be, InputError where no picture is left.
    """
    settings.check()
    unit, lost = gather([standard])
    good = Stream(unit)
    if lost:
        raise lost[0]
    try:
        against = standard_of(good.pixels(), settings)
    except ValueError:
        raise good.failed[0] from None
    if good.failed:  # a standard without one of its pictures is another standard
        raise good.failed[0]
    pictures, missing = gather(images)
    stream = Stream(pictures, seen=seen)
    tables = measure_pictures(against, stream.pixels(), stream.rows)
    failed: list[InputError] = [*missing, *stream.failed]
    if not stream.rows:
        raise failed[0] if failed else InputError("No picture was given to measure: use --images.")
    remarks = [*shape_remarks(stream, good.sizes[0], settings.size), *tables.remarks]
    return Measured(tables, against, unit, stream.records, failed, remarks)


def write(out: Path, role: str, measured: Measured, command: Sequence[str]) -> list[str]:
    """Write the tables whole or not at all; gives the files' names."""
    tables = measured.tables
    with staged(out, f"{role}_settings.json") as stage:
        if measured.standard.settings.variant == "rt":
            _write_distances(stage.folder, role, measured)
        record: dict[str, Any] = {
            "vitmap": __version__,
            "format": RECORD_FORMAT,
            "command": list(command),
            "settings": measured.standard.settings.as_json(),
            "standard": [str(path.absolute()) for path, _ in measured.unit],
            "remarks": measured.remarks,
            "pictures": measured.records,
        }
        rows = [(row.number, row.image, row.group) for row in tables.rows]
        write_tables(stage.folder, role, tables.values, rows, record)
        files = stage.files()
        stage.write_record({**record, "files": files})
    return files


def _write_distances(folder: Path, role: str, measured: Measured) -> None:
    """RT's distance from the unit space, where the standard is the mean of enough pictures."""
    if len(measured.unit) < 3:
        measured.remarks.append(
            "No RT distance: its unit space is a folder of at least 3 good pictures as --standard."
        )
        return
    unit = measure_pictures(measured.standard, Stream(measured.unit).pixels())
    found = distances(unit.values, measured.tables.values)
    header = ["NO", *(f"X{column}" for column in range(found.shape[1]))]
    lines = [
        [row.number, *("NaN" if np.isnan(v) else float(v) for v in line)]
        for row, line in zip(measured.tables.rows, found, strict=True)
    ]
    write_sheet(folder / f"{role}_rtD.csv", header, lines)
