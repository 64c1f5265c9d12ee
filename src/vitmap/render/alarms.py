"""The sink alarm as figures show it: a quiet mark at the map, and below what it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vitmap.maps.maps import PatchMap
from vitmap.maps.sinks import MEANINGS, Alarm
from vitmap.render.page import width_of

ALARM = "#8a4b00"  # dark enough to be read on white; the sign stands beside it
_SIGN, _NAMED = "▲", 4


def mark_of(alarms: Sequence[Alarm], inches: float, size: float) -> str:
    """`▲ sink 34%`, in fewer words where there is less room; nothing without alarms.

    >>> from vitmap.maps.sinks import Alarm
    >>> alarms = [Alarm("sink", 0.34, 0.2), Alarm("prefix", 0.81, 0.5)]
    >>> mark_of(alarms, 2.0, 7), mark_of(alarms, 0.8, 7), mark_of([], 2.0, 7)
    ('▲ sink 34%, prefix 81%', '▲ sink, prefix', '')
    """
    if not alarms:
        return ""
    marks = ", ".join(alarm.mark for alarm in alarms)
    kinds = ", ".join(alarm.kind for alarm in alarms)
    wordings = [f"{_SIGN} {marks}", f"{_SIGN} {kinds}", f"{_SIGN} {len(alarms)} signs"]
    return next((text for text in wordings if width_of(text, size) <= inches), _SIGN)


def alarm_notes(cells: Iterable[PatchMap]) -> list[str]:
    """A sentence for each kind of alarm: which maps have it, and what it means."""
    found: dict[str, list[str]] = {kind: [] for kind in MEANINGS}
    for cell in cells:
        for alarm in cell.alarms:
            found[alarm.kind].append(f"{cell.label} {alarm.share:.0%}")
    return [
        f"{_SIGN} {kind} ({_some(maps)}): {MEANINGS[kind]}" for kind, maps in found.items() if maps
    ]


def _some(maps: Sequence[str]) -> str:
    if len(maps) <= _NAMED:
        return ", ".join(maps)
    return f"{', '.join(maps[: _NAMED - 1])} and {len(maps) - _NAMED + 1} more"
