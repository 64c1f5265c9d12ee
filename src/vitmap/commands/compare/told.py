"""What the terminal says of a comparison: tables of numbers, and which head finds a part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitmap.commands.terminal.console import table

if TYPE_CHECKING:
    from vitmap.commands.compare.numbers import Numbers
    from vitmap.commands.compare.row import ComparedRow
    from vitmap.commands.compare.run import Comparison
    from vitmap.commands.compare.summary import Agreement

_LINES = 40  # of numbers on a terminal; more of them are means over pictures, or in the files
_HEADER = ["entropy", "of most", "distance", "of photo", "prefix mass", "kept", "peak"]


def tell_comparison(found: Comparison) -> list[str]:
    """The title, tables of numbers, how to read them, and at the end the best maps for parts."""
    from vitmap.commands.compare.summary import agreements, bests
    from vitmap.commands.compare.words import alarm_notes, caution, reading, title, told
    from vitmap.render.figures.agreement import MOST

    agree, best = agreements(found), bests(found)
    lines = [title(found)]
    count = sum(len(row.numbers) for row in found.rows)
    cells = max(len(one.labels) for one in agree)
    if count <= _LINES:
        for number, row in enumerate(found.rows):
            own = agree[number] if found.across_models else None
            lines += [f"  {line}" for line in [_about(row), *_table(row.numbers, own)]]
        if not found.across_models and cells > 1:
            lines.append("  agreement of heads (IoU of what is kept, mean over pictures):")
            lines += [f"  {line}" for line in _agreement(agree[0])]
    else:
        lines += [f"  {_about(row)}" for row in found.rows]
        if not found.across_models:
            lines.append(f"  means over {len(found.rows)} pictures (each in compare.csv):")
            lines += [f"  {line}" for line in _means(found.rows, agree[0])]
    if count <= _LINES or not found.across_models:
        lines += [f"  {line}" for line in reading(found)]
    else:
        lines.append(f"  the numbers of these {count} maps are in compare.csv")
    if cells > MOST:
        lines.append(
            f"  {cells} maps are too many for a figure of their agreement ({MOST} at most): every "
            "pair is in agreement.csv"
        )
    lines += [f"  {note}" for note in alarm_notes(found)]
    if best:
        lines.append("  which map looks at a part (its mass there over the part's area):")
        lines += [f"    {told(one)}" for one in best]
        lines.append(f"  {caution(found, best)}")
    else:
        lines.append(
            "  Which of them looks at a part, such as a wheel? Give its boxes with --parts."
        )
    return lines


def _about(row: ComparedRow) -> str:
    (height, width), (gy, gx) = row.size, row.cells[0].view.grid
    name = row.name.replace("\n", "\\n")
    said = f"{name}: {width} × {height} px, {gx} × {gy} patches"
    if row.prediction:
        said += f"; label: {row.prediction}"
    return said + (f" ({row.verdict})" if row.verdict is not None else "")


def _table(numbers: Sequence[Numbers], agree: Agreement | None) -> list[str]:
    likes = agree is not None and len(agree.labels) > 1
    rows = [["map", *_HEADER, "at x, y", *(["most like"] if likes else []), "alarms"]]
    for number, one in enumerate(numbers):
        figures = _figures(_values(one))
        place = "{}, {}".format(*one.peak_at)
        like = [_like(agree, number)] if likes and agree is not None else []
        alarms = ", ".join(alarm.mark for alarm in one.alarms)
        rows.append([one.cell.label, *figures, place, *like, alarms])
    return table(_without_empty(rows))


def _means(rows: Sequence[ComparedRow], agree: Agreement) -> list[str]:
    lines = [["map", *_HEADER, "most like", "alarms"]]
    for number, cells in enumerate(zip(*(row.numbers for row in rows), strict=True)):
        figures = _figures(np.array([_values(one) for one in cells]).mean(axis=0).tolist())
        counts = Counter(alarm.kind for one in cells for alarm in one.alarms)
        said = ", ".join(f"{kind} on {count} of {len(cells)}" for kind, count in counts.items())
        lines.append([cells[0].cell.label, *figures, _like(agree, number), said])
    return table(_without_empty(lines))


def _values(one: Numbers) -> tuple[float, ...]:
    """In the order of `_HEADER`."""
    shape = (one.entropy_bits, one.entropy_share, one.distance, one.distance_share)
    return (*shape, one.prefix_mass, one.kept_share, one.peak)


def _figures(values: Sequence[float]) -> list[str]:
    bits, share, distance, of_photo, prefix, kept, peak = values
    known = np.isfinite(distance)
    return [
        f"{bits:.2f} bit",
        f"{share:.2f}",
        f"{distance:.0f} px" if known else "none",
        f"{of_photo:.2f}" if known else "none",
        f"{prefix:.1%}",
        f"{kept:.1%}",
        f"{peak:.1f}×",
    ]


def _agreement(agree: Agreement) -> list[str]:
    rows = [["map", "most like", "by chance"]]
    for number, other in enumerate(agree.nearest):
        chance = f"{agree.chance[number, other]:.2f}" if other is not None else ""
        rows.append([agree.labels[number], _like(agree, number), chance])
    return table(rows)


def _like(agree: Agreement, number: int) -> str:
    other = agree.nearest[number]
    if other is None:
        return "none" if len(agree.labels) > 1 else ""
    return f"{agree.labels[other]} {agree.values[number, other]:.2f}"


def _without_empty(rows: list[list[str]]) -> list[list[str]]:
    """Without columns that say nothing below their head."""
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in kept] for row in rows]
