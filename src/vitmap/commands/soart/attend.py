"""`vitmap soart attend`: tables → attention, features and a figure, with what to think of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from vitmap import __version__
from vitmap.errors import InputError, UsageError
from vitmap.files.checked import convert, damaged
from vitmap.formats.soart_tables import SETTINGS, read_tables
from vitmap.formats.spreadsheet import Cell, write_sheet
from vitmap.formats.workbook import Sheet, require_workbook, write_workbook
from vitmap.render.figures.soart_attend import draw_heat_tables, limit_of
from vitmap.runs.staging import RECORD_FORMAT, staged
from vitmap.soart.attention import METRICS, Attention, attend
from vitmap.soart.diagnosis import Diagnosis, as_json, diagnose
from vitmap.soart.features import NAMES as FEATURES
from vitmap.soart.settings import TableSettings, difference
from vitmap.soart.tables import NAMES, Row, Tables

TITLES = ("Y1  sensitivity (beta)", "Y2  distance (eta)", "Y3  concentration (gamma)")


@dataclass(frozen=True, eq=False)
class Step:
    """One attention step with the tables that it was taken on."""

    learn: Tables
    valid: Tables
    attention: Attention
    diagnoses: list[Diagnosis]
    remarks: list[str]
    failed: list[InputError]  # rows that hold no numbers


def read(folder: Path, role: str) -> tuple[Tables, list[str]]:
    """Tables from a folder, and a remark where they are not quite what was asked for.

    Raises InputError for files that are missing or no tables.
    """
    values, rows, raw, found = read_tables(folder, role)
    settings = None
    if raw is not None:
        settings = settings_of(raw, str(folder / f"{found}_settings.json"))
    remarks = []
    if found != role:
        remarks.append(f"{folder} holds no {role} tables: its {found} tables are read for them.")
    return Tables(values, tuple(Row(*row) for row in rows), settings), remarks


def settings_of(raw: dict[str, object], name: str) -> TableSettings:
    """What `TableSettings.as_json` wrote: every field, of its type and in its range.

    Raises DamagedFile that names the file and the field.
    """
    missing = [field.name for field in fields(TableSettings) if field.name not in raw]
    if missing:
        raise damaged(name, SETTINGS, f"field settings.{missing[0]} is missing")
    settings: TableSettings = convert(raw, TableSettings, name, SETTINGS, "settings")
    try:
        settings.check()
    except UsageError as error:
        raise damaged(name, SETTINGS, str(error)) from error
    return settings


def take_step(learn: Tables, valid: Tables, mode: str, assignment: str) -> Step:
    """Check that the tables belong together, leave out rows without numbers, and attend.

    Raises UsageError for tables of different settings, InputError where no row is left.
    """
    remarks, failed = [], []
    if learn.settings and valid.settings:
        differs = difference(learn.settings, valid.settings)
        if differs:
            raise UsageError(
                f"The learn and valid tables do not belong together: {differs}. "
                "Make both with the same settings and the same --standard."
            )
    else:
        which = " and ".join(
            role for role, tables in (("learn", learn), ("valid", valid)) if tables.settings is None
        )
        remarks.append(
            f"No settings lie beside the {which} tables: that both were made alike is not checked."
        )
    kept = []
    for role, tables in (("learn", learn), ("valid", valid)):
        good = np.isfinite(tables.values).all(axis=(0, 2))
        failed += [_lost(role, tables, int(row)) for row in np.flatnonzero(~good)]
        kept.append(tables.only([int(row) for row in np.flatnonzero(good)]))
        if not good.any():
            raise InputError(f"The {role} tables have no row that holds only numbers.")
    learn, valid = kept
    attention = attend(learn, valid, mode, assignment)
    same = (valid.values[:, :, None] == learn.values[:, None]).all(axis=(0, 3)).any(axis=1).sum()
    if same and mode == "safe":
        remarks.append(
            f"{same} of {len(valid.rows)} measured rows are members themselves: "
            "what is said of those is too good."
        )
    remarks += attention.remarks
    found = diagnose(attention, learn.values, valid.values)
    return Step(learn, valid, attention, found, remarks, failed)


def _lost(role: str, tables: Tables, row: int) -> InputError:
    metric, column = np.argwhere(~np.isfinite(tables.values[:, row]))[0]
    name = f" ({tables.rows[row].image})" if tables.rows[row].image else ""
    return InputError(
        f"{role} row {tables.rows[row].number}{name}: X{column} of {NAMES[metric]} is no number: "
        "the row is left out."
    )


def write(out: Path, step: Step, command: Sequence[str], excel: bool = True) -> list[str]:
    """Write everything of a step whole or not at all; gives the files' names."""
    if excel:
        require_workbook()
    with staged(out) as stage:
        write_step(stage.folder, step, excel)
        files = stage.files()
        stage.write_record({**record_of(step, command), "files": files})
    return files


def write_step(folder: Path, step: Step, excel: bool) -> None:
    """The CSV files, the workbook and the figure, into a folder."""
    sheets = _sheets(step)
    for sheet in sheets:
        write_sheet(folder / f"{sheet.name.replace(' ', '_')}.csv", sheet.header, sheet.lines)
    if excel:
        write_workbook(folder / "attention.xlsx", [*sheets, _report(step)])
    attention, rows = step.attention, step.valid.rows
    labels = [row.image or f"row {row.number}" for row in rows]
    figure = draw_heat_tables(
        attention.adjusted,
        TITLES,
        [str(member) for member in range(attention.adjusted.shape[2])],
        list(zip(labels, [row.group for row in rows], strict=True)),
        "SOART attention: adjusted, a row a picture, a column a member",
        f"{attention.mode} mode  ·  Q, K, V from {attention.assignment}  ·  "
        f"{len(step.learn.rows)} members, {len(rows)} measured",
        [diagnosis.sentence() + "." for diagnosis in step.diagnoses],
    )
    figure.save(folder / "attention.png", compress_level=3, dpi=figure.info["dpi"])


def record_of(step: Step, command: Sequence[str]) -> dict[str, object]:
    """What run.json says of a step."""
    settings = step.learn.settings
    return {
        "vitmap": __version__,
        "format": RECORD_FORMAT,
        "command": list(command),
        "mode": step.attention.mode,
        "assignment": step.attention.assignment,
        "settings": settings.as_json() if settings else None,
        "members": [row.image or row.number for row in step.learn.rows],
        "measured": len(step.valid.rows),
        "diagnoses": [as_json(diagnosis) for diagnosis in step.diagnoses],
        "remarks": step.remarks,
        "left_out": [str(error) for error in step.failed],
    }


def _sheets(step: Step) -> list[Sheet]:
    """Raw and adjusted attention, a sheet a metric, then features and positions."""
    attention = step.attention
    who: list[list[Cell]] = [[row.number, row.image, row.group] for row in step.valid.rows]
    about, members = ["NO", "image", "class"], attention.att.shape[2]

    def sheet(name: str, columns: Sequence[str], values: np.ndarray, limit: float) -> Sheet:
        lines = [[*row, *line] for row, line in zip(who, values.tolist(), strict=True)]
        signed = range(3, 3 + len(columns)) if limit else range(0)
        return Sheet(name, [*about, *columns], lines, signed, limit)

    columns = [f"A{member}" for member in range(members)]
    limit = limit_of(attention.adjusted)
    raw = [float(np.abs(table).max()) or 1.0 for table in attention.att]
    found = [
        *(sheet(f"adjusted {n}", columns, t, limit) for n, t in zip(NAMES, attention.adjusted)),  # noqa: B905
        *(sheet(f"attention {n}", columns, t, m) for n, t, m in zip(NAMES, attention.att, raw)),  # noqa: B905
        sheet("features", FEATURES, attention.features, limit),
    ]
    return [*found, sheet("positions", FEATURES, attention.positions, 0.0)]


def _report(step: Step) -> Sheet:
    lines: list[list[Cell]] = [
        ["mode", step.attention.mode],
        ["assignment of Q, K, V", step.attention.assignment],
        ["members", len(step.learn.rows)],
        ["measured", len(step.valid.rows)],
    ]
    lines += [[METRICS[i], found.sentence()] for i, found in enumerate(step.diagnoses)]
    lines += [["remark", remark] for remark in step.remarks]
    lines += [["left out", str(error)] for error in step.failed]
    return Sheet("report", ["what", "value"], lines)
