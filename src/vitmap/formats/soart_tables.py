"""The CSV files of metric tables: `learn_btY1.csv` and the like, with the settings beside them."""

from __future__ import annotations

import csv
import json
import os
import re
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from vitmap.errors import InputError, UsageError
from vitmap.files.checked import DIGEST, damaged, read_json, seal, unseal
from vitmap.files.opener import MIB, open_file
from vitmap.formats.spreadsheet import bare, write_sheet

# What the files hold is a value of `vitmap.soart.tables`, which this layer does not know: rows are
# (number, image, class), values [metric row column], settings a plain dict.
NAMES = ("btY1", "snY2", "gmY3")
ROLES = ("learn", "valid")
SETTINGS = "settings that vitmap wrote"
Row = tuple[str, str, str]
_LIMIT = 256 * MIB
_INDEX = re.compile(r"(no|index|unnamed: ?\d+|)", re.IGNORECASE)


def write_tables(
    folder: Path, role: str, values: np.ndarray, rows: list[Row], record: dict[str, object]
) -> None:
    """The tables as the original program reads them; beside them the rows' names and a record.

    `record["settings"]` is what the numbers depend on; the record is written with its digest.
    """
    if role not in ROLES:
        raise UsageError(f"Role {role!r} is not known: learn or valid.")
    header = ["NO", *(f"X{column}" for column in range(values.shape[2]))]
    for name, table in zip(NAMES, values, strict=False):
        with (folder / f"{role}_{name}.csv").open("w", encoding="ascii", newline="") as file:
            sheet = csv.writer(file)
            sheet.writerow(header)
            for (number, _, _), line in zip(rows, table, strict=True):
                sheet.writerow([number, *("NaN" if np.isnan(v) else repr(float(v)) for v in line)])
    write_sheet(folder / f"{role}_rows.csv", ["NO", "image", "class"], rows)
    text = json.dumps(seal(record), indent=1, ensure_ascii=False) + "\n"
    (folder / f"{role}_settings.json").write_text(text, encoding="utf-8", errors="backslashreplace")


def read_tables(
    folder: Path, role: str
) -> tuple[np.ndarray, list[Row], dict[str, object] | None, str]:
    """Values [metric row column], rows, settings (None where none lie there), and the role found.

    Reads what `write_tables` wrote, and the original program's files: with or without a NO column
    or an index that pandas saved, headers `X0, X1 …` or `0, 1 …`, commas or semicolons. Where a
    folder holds the tables of the other role alone, those are read. Cells that hold no number are
    NaN.

    Raises InputError for a file that is missing or no such table.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: give one with {role}_btY1.csv and the like.")
    present = [r for r in (role, *ROLES) if any((folder / f"{r}_{n}.csv").exists() for n in NAMES)]
    if not present:
        raise InputError(
            f"{folder}: no tables in this folder: expected {role}_btY1.csv, {role}_snY2.csv and "
            f"{role}_gmY3.csv (vitmap soart metrics writes them)."
        )
    found = present[0]
    tables: list[np.ndarray] = []
    numbers: list[list[str]] = []
    settings = _settings(folder / f"{found}_settings.json")
    names = NAMES[:2] if settings and settings.get("variant") == "rt" else NAMES
    for name in names:
        table, rows = _read_table(folder / f"{found}_{name}.csv")
        if tables and table.shape != tables[0].shape:
            raise InputError(
                f"{folder}: {found}_{name}.csv has {table.shape[0]} rows of {table.shape[1]} "
                f"columns, {found}_btY1.csv {tables[0].shape[0]} of {tables[0].shape[1]}: "
                "the tables must belong to the same pictures."
            )
        tables.append(table)
        numbers.append(rows)
    named = _rows(folder / f"{found}_rows.csv", numbers[0])
    return np.stack(tables), named, settings, found


def _read_table(path: Path) -> tuple[np.ndarray, list[str]]:
    lines = _lines(path)
    if len(lines) < 2:
        raise InputError(f"{path}: expected a header and at least one row.")
    header = [cell.strip() for cell in lines[0]]
    # Before the values: an index that pandas saved, NO, or both; the last of them numbers the rows.
    leading = 0
    while leading < min(2, len(header)) and _INDEX.fullmatch(header[leading]):
        leading += 1
    names = [re.fullmatch(r"[xX]?(\d{1,9})", name) for name in header[leading:]]
    if not names or None in names:
        raise InputError(
            f"{path}: the header is {','.join(header)!r:.200}: expected NO,X0,X1 … (NO may be "
            "missing, and 0,1 … do as well)."
        )
    indices = [int(name[1]) for name in names if name]
    missing = sorted(set(range(len(indices))) - set(indices))
    if missing:
        twice = len(set(indices)) != len(indices)
        what = "a column is there twice" if twice else f"column X{missing[0]} is missing"
        raise InputError(f"{path}: {what}: the header is {','.join(header)!r:.200}.")
    values = np.full((len(lines) - 1, len(indices)), np.nan)
    for line_number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise InputError(
                f"{path}: line {line_number} has {len(line)} cells, the header {len(header)}."
            )
        for column, cell in zip(indices, line[leading:], strict=True):
            values[line_number - 2, column] = _number(cell, path, line_number, column)
    count = len(lines) - 1
    plain = [str(i) for i in range(1, count + 1)]
    return values, [line[leading - 1].strip() for line in lines[1:]] if leading else plain


def _number(cell: str, path: Path, line: int, column: int) -> float:
    text = cell.strip()
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        raise InputError(
            f"{path}: line {line}, X{column} holds {text[:40]!r}: expected a number with a "
            "decimal point, or NaN."
        ) from None
    return value if np.isfinite(value) else float("nan")


def _lines(path: Path) -> list[list[str]]:
    try:
        with open_file(path, _LIMIT) as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            mark = ";" if ";" in first and "," not in first else ","
            return [
                line
                for line in csv.reader(file, delimiter=mark)
                if any(cell.strip() for cell in line)
            ]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: the three tables go together.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InputError(f"{path}: cannot be read as CSV ({reason}).") from error


def _rows(path: Path, numbers: list[str]) -> list[Row]:
    """Names and classes by number; a foreign table has none."""
    if not os.path.lexists(path):
        return [(number, "", "") for number in numbers]
    lines = _lines(path) or [[]]
    known = {line[0]: line for line in lines[1:] if len(line) == 3}
    if lines[0] != ["NO", "image", "class"] or set(numbers) != set(known):
        raise InputError(
            f"{path}: expected NO,image,class with the tables' own numbers: mend it, or delete it."
        )
    return [(n, bare(known[n][1]), bare(known[n][2])) for n in numbers]


def _settings(path: Path) -> dict[str, object] | None:
    if not os.path.lexists(path):
        return None
    try:
        record = read_json(path, SETTINGS)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    # Those of an earlier version have neither a format nor a digest.
    sealed = isinstance(record, dict) and ("format" in record or DIGEST in record)
    settings = unseal(record, str(path), SETTINGS, required=sealed).get("settings")
    if not isinstance(settings, dict) or "variant" not in settings:
        raise damaged(path, SETTINGS, "field settings: expected an object with a variant")
    return settings
