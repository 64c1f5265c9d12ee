"""`vitmap soart verdict`: pictures by class → which way of telling them apart is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vitmap.commands.soart.attend import Step, record_of, take_step, write_step
from vitmap.commands.soart.metrics import Measured
from vitmap.errors import InputError, UsageError
from vitmap.formats.soart_tables import write_tables
from vitmap.formats.spreadsheet import Cell, write_sheet
from vitmap.formats.workbook import require_workbook
from vitmap.runs.staging import RECORD_FORMAT, staged
from vitmap.soart.mahalanobis import Rows
from vitmap.soart.tables import Tables
from vitmap.soart.verdict import Judged, judge, recommended

_HEADER = (
    "method",
    "from",
    "normal or not",
    "low",
    "high",
    "all classes",
    "low",
    "high",
    "verdict",
)


@dataclass(frozen=True, eq=False)
class Verdict:
    """The scores of every method, and what the recommended one says of each picture."""

    step: Step
    judged: list[Judged]
    new: list[str]  # of pictures without a known class, by the recommended method
    remarks: list[str]

    @property
    def best(self) -> Judged | None:
        """The recommended method; None where none is better than guessing."""
        return recommended(self.judged)


def split(tables: Tables, normal: str, members: int) -> tuple[Tables, Tables]:
    """The first so many normal pictures as members, all others to be judged.

    Raises UsageError for no members, InputError where too few normal pictures would be left.
    """
    if members < 1:
        raise UsageError(f"Members {members} asked for: expected at least 1, such as 9.")
    good = [i for i, row in enumerate(tables.rows) if row.group == normal]
    if len(good) < members + 3:
        raise InputError(
            f"{len(good)} pictures of the class {normal!r}, of which {members} would be members: "
            "at least 3 must be left to judge; give more, or fewer --members."
        )
    chosen = set(good[:members])
    return tables.only(sorted(chosen)), tables.only(
        [i for i in range(len(tables.rows)) if i not in chosen]
    )


def reach(
    measured: Measured,
    normal: str,
    members: int,
    mode: str,
    assignment: str,
    classifiers: Sequence[str],
    new: Tables | None = None,
) -> Verdict:
    """Attention, features and every method's held-out score.

    Raises UsageError or InputError for classes or numbers that nothing can be learned from.
    """
    learn, valid = split(measured.tables, normal, members)
    if new is not None:
        unknown = tuple(replace(row, group="") for row in new.rows)
        values = np.concatenate([valid.values, new.values], axis=1)
        valid = Tables(values, (*valid.rows, *unknown), valid.settings)
    step = take_step(learn, valid, mode, assignment)
    metrics, features = flat(step.valid.values), step.attention.features
    classes = [row.group for row in step.valid.rows if row.group]
    labelled = len(classes)
    if not np.isfinite(features).all():
        raise InputError(
            "The attention features hold no numbers for some pictures: use --mode safe."
        )
    judged = judge(metrics[:labelled], features[:labelled], classes, normal, classifiers)
    best = recommended(judged)
    told: list[str] = []
    if best is not None and labelled < len(features):
        rows = metrics if best.method.features == "metrics" else features
        told = best.method.predict(rows[:labelled], classes, rows[labelled:])
    remarks = []
    if mode == "exact":
        remarks.append(
            "Exact mode: a picture's features depend on the others measured with it, so the "
            "max/min scores are not strictly held out."
        )
    return Verdict(step, judged, told, remarks)


def flat(values: np.ndarray) -> Rows:
    """The metrics of a picture as one row: [metric row column] → [row metric·column]."""
    return np.moveaxis(values, 0, 1).reshape(values.shape[1], -1)


def write(
    out: Path, measured: Measured, verdict: Verdict, command: Sequence[str], excel: bool
) -> list[str]:
    """Tables, attention, scores and verdicts, whole or not at all; gives the files' names."""
    if excel:
        require_workbook()
    step = verdict.step
    with staged(out) as stage:
        for role, tables in (("learn", step.learn), ("valid", step.valid)):
            rows = [(row.number, row.image, row.group) for row in tables.rows]
            settings = {
                "format": RECORD_FORMAT,
                "settings": measured.standard.settings.as_json(),
            }
            write_tables(stage.folder, role, tables.values, rows, settings)
        write_step(stage.folder, step, excel)
        write_sheet(stage.folder / "scores.csv", _HEADER, [_line(j) for j in verdict.judged])
        _write_verdicts(stage.folder / "verdict.csv", verdict)
        files = stage.files()
        best = verdict.best
        record = {
            **record_of(step, command),
            "recommended": best.method.name if best else None,
            "pictures": measured.records,
            "files": files,
        }
        record["remarks"] = [*measured.remarks, *step.remarks, *verdict.remarks]
        stage.write_record(record)
    return files


def _line(judged: Judged) -> list[Cell]:
    cells: list[Cell] = [judged.method.name, judged.method.features]
    for score in (judged.found, judged.kinds):
        values = (score.value, score.low, score.high) if score else ("", "", "")
        cells += [round(v, 4) if isinstance(v, float) else v for v in values]
    return [*cells, judged.judgement]


def _write_verdicts(path: Path, verdict: Verdict) -> None:
    """Of every picture: its class and what each method says that had not seen it."""
    header = ["NO", "image", "class", *(judged.method.name for judged in verdict.judged)]
    rows, known = verdict.step.valid.rows, len(verdict.judged[0].told)
    lines: list[list[Cell]] = [
        [row.number, row.image, row.group, *(judged.told[i] for judged in verdict.judged)]
        for i, row in enumerate(rows[:known])
    ]
    best = verdict.best
    for row, told in zip(rows[known:], verdict.new, strict=False):
        said = [told if judged is best else "" for judged in verdict.judged]
        lines.append([row.number, row.image, "", *said])
    write_sheet(path, header, lines)
