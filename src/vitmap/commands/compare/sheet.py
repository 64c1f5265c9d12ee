"""The figures' content: rows, columns and small numbers as plain values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitmap.commands.compare import words
from vitmap.commands.compare.numbers import Best, Numbers
from vitmap.commands.compare.row import ComparedRow
from vitmap.commands.compare.run import Comparison
from vitmap.commands.compare.summary import Agreement
from vitmap.maps.maps import Prediction
from vitmap.maps.scale import Scale, scale_of
from vitmap.render.figures.agreement import Matrix
from vitmap.render.figures.compare import (
    BEST,
    RIGHT,
    WRONG,
    CompareRow,
    CompareSheet,
    Tile,
)
from vitmap.render.figures.compare_layout import WRAP
from vitmap.render.labels import times
from vitmap.render.page import INK, QUIET

Line = tuple[str, str]  # text and colour
_BEST = "★ "  # at the best map for a part
_NAMED, _FEW = 5, 2  # parts named above a map; above each of so many that their lines wrap


def scales_of(found: Comparison) -> list[Scale]:
    """The scale of each row: one for all of them unless another is asked for by name."""
    name = found.settings.maps.scale or "run"
    if name == "image":
        return [scale_of(name, row.cells) for row in found.rows]
    return [scale_of(name, [cell for row in found.rows for cell in row.cells])] * len(found.rows)


def compare_sheet(found: Comparison, best: Sequence[Best]) -> CompareSheet:
    """compare.png."""
    asked, scales = found.settings.maps, scales_of(found)
    notes = words.notes(found, scales[0].name)
    if best:
        few = any(_short(row) for row in found.rows)
        notes.append(
            "A multiple beside a part's name: the map's mass on the part over the part's area (1× "
            f"= no preference{f'; the {_FEW} highest, all in parts.csv' * few}); ★: the best map "
            f"for it, framed. {words.caution(found, best)}"
        )
    return CompareSheet(
        title=words.title(found),
        subtitle=words.subtitle(found),
        rows=[_row(found, row, scale, best) for row, scale in zip(found.rows, scales, strict=True)],
        columns=() if found.across_models else _columns(found, best),
        group=_group(found),
        show=found.settings.show,
        notes=notes,
        alarms=[f"▲ {note}" for note in words.alarm_notes(found)],
        colormap=asked.colormap,
        upsample=asked.upsample,
        threshold=asked.threshold,
    )


def _group(found: Comparison) -> int:
    """Heads of one layer stay in one line where it holds them."""
    cells = found.rows[0].cells
    first = sum(cell.layers == cells[0].layers for cell in cells)
    return first if first < len(cells) else 1


def _columns(found: Comparison, best: Sequence[Best]) -> list[tuple[str, list[str]]]:
    """A label once above each column, and what its map is the best for."""
    return [
        (cell.label, [f"{_BEST}{_part(one.label, one.times)}" for one in best if _is(one, number)])
        for number, cell in enumerate(found.rows[0].cells)
    ]


def _is(best: Best, number: int, row: ComparedRow | None = None) -> bool:
    """Whether this map is the best for a part; a preference it must be."""
    return best.number == number and best.times > 1 and best.row in (None, row and row.name)


def _row(found: Comparison, row: ComparedRow, scale: Scale, best: Sequence[Best]) -> CompareRow:
    (height, width), (gy, gx) = row.size, row.cells[0].view.grid
    seen = f"{gx} × {gy} patches"
    about = (
        f"{found_depth(row)}, {seen}" if found.across_models else f"{width} × {height} px, {seen}"
    )
    return CompareRow(
        name=row.name,
        about=about,
        photo=row.photo.pixels,
        source=row.size,
        tiles=[
            Tile(
                one.cell,
                _captions(row, number, one, best),
                any(_is(b, number, row) and b.label in row.parts for b in best),
            )
            for number, one in enumerate(row.numbers)
        ],
        scale=scale,
        under=_under(row, scale if found.settings.show != "mask" else None),
        parts=row.outlines,
    )


def found_depth(row: ComparedRow) -> str:
    """A model by its shape: layers and heads differ, and numbers of heads mean nothing across."""
    return f"{row.depth} layers × {row.heads} heads"


def _captions(row: ComparedRow, number: int, one: Numbers, best: Sequence[Best]) -> list[Line]:
    """The same count of lines for every map of a row, so that they stand in line."""
    kept = f"{one.kept_share:.0%}" if one.kept_share >= 0.095 else f"{one.kept_share:.1%}"
    lines = [(f"peak {times(one.peak)}  kept {kept}", QUIET)]
    mine = {one.label for one in best if _is(one, number, row)}
    every = [(label, parts[number].times) for label, parts in row.parts.items()]
    if _short(row):
        every = sorted(every, key=lambda one: (one[0] not in mine, -np.nan_to_num(one[1])))[:_FEW]
    named = every if len(every) <= _NAMED else every[: _NAMED - 1]
    for label, value in named:
        star, color = (_BEST, BEST) if label in mine else ("", QUIET)
        lines.append((f"{star}{_part(label, value)}", color))
    if hidden := every[len(named) :]:
        starred = [f"{_BEST}{_part(*part)}" for part in hidden if part[0] in mine]
        rest = f"and {len(hidden)} more in parts.csv"
        lines.append((", ".join(starred) or rest, BEST if starred else QUIET))
    return lines


def _short(row: ComparedRow) -> bool:
    """Whether maps are so many that each names but the parts that it lies on most."""
    return len(row.numbers) > WRAP and len(row.parts) > _FEW


def _part(label: str, value: float) -> str:
    """`wheel 4.1×`: one part a line, so that no number is cut off."""
    return f"{label} {value:.1f}×" if np.isfinite(value) else f"{label} none"


def _under(row: ComparedRow, scale: Scale | None) -> list[Line]:
    """What the model calls the picture, and whether that is right; what else the row has alone."""
    lines: list[Line] = []
    if isinstance(row.prediction, Prediction):
        lines.append((str(row.prediction), INK))
    elif row.prediction:
        lines.append((row.prediction, QUIET))
    if row.verdict is not None:
        sign, color = {True: ("✓ ", RIGHT), False: ("✗ ", WRONG), None: ("", QUIET)}[
            row.verdict.right
        ]
        lines.append((f"{sign}{row.verdict}", color))
    labels = list(dict.fromkeys(label for label, _ in row.outlines))
    if labels:  # above the maps stand their names too
        said = ", ".join(labels) if len(labels) <= 2 else f"{len(labels)} kinds of parts"
        lines.append((f"outlined: {said}", QUIET))
    if scale is not None and scale.name == "image" and scale.upper is not None:
        lines.append((f"scale: 0 to {times(scale.upper)}", QUIET))
    return lines


def matrices(found: Sequence[Agreement]) -> list[Matrix]:
    """agreement.png: a matrix for all pictures, or one a model."""
    return [
        Matrix(
            title=one.name,
            labels=one.labels,
            values=one.values,
            remarks=[
                f"most like {one.labels[other]}: {one.values[number, other]:.2f} "
                f"({one.chance[number, other]:.2f} by chance)"
                if other is not None
                else "like none: no other agrees better than by chance"
                for number, other in enumerate(one.nearest)
            ],
        )
        for one in found
    ]
