"""What became of a picture: for people, and as JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap.commands.terminal.console import complain, say, table

if TYPE_CHECKING:
    from vitmap.maps.sinks import Alarm
    from vitmap.runs.jobs import Outcome


def as_json(outcome: Outcome) -> None:
    """One line a picture, failed ones too; what run.json says of it, and of the run around it."""
    folder = str(outcome.folder) if outcome.folder else None
    print(json.dumps({**outcome.record, **outcome.run, "folder": folder}), flush=True)
    if outcome.error:
        complain(str(outcome.error))


def as_text(outcome: Outcome) -> None:
    """The label, a table of the maps, and where the files are."""
    if outcome.error is not None:
        complain(str(outcome.error))
        return
    record = outcome.record
    (height, width), (gy, gx) = record["photo_yx"], record["patch_grid_yx"]
    seen = record["seen_at_yx"]
    notes = "".join(f"; {note}" for note in record["notes"])
    say(f"{outcome.path}: {width} × {height} px{notes}")
    by_method = "method" in record  # another one than attention
    shows = f"method: {record['method']}" if by_method else f"query: {record['query']}"
    say(f"  maps at {seen[1]} × {seen[0]} px, {gx} × {gy} patches; {shows}")
    _say_label(outcome)
    if "recipe" in record:
        _say_recipe(record["recipe"])
        _say_alarms(record["maps"])
        say(f"  {len(record['files'])} files in {outcome.folder}: start with recipe.png")
        return
    if by_method:
        _say_maps(record)
        say(f"  {len(record['files'])} files in {outcome.folder}: start with maps.png")
        return
    rows = [["map", "prefix mass", "entropy", "peak", "at x, y", "mask"]]
    rows += [
        [
            entry["map"],
            f"{entry['prefix_mass']:.1%}",
            f"{entry['entropy_bits']:.2f} bit",
            f"{entry['peak_times_uniform']:.1f}×",
            "{}, {}".format(*entry["peak_at_xy"]),
            f"{entry['mask_area']:.1%}",
        ]
        for entry in record["maps"]
    ]
    marks = [", ".join(alarm.mark for alarm in _alarms(entry)) for entry in record["maps"]]
    if any(marks):
        rows = [[*row, mark] for row, mark in zip(rows, ["alarm", *marks], strict=True)]
    for line in table(rows):
        say(f"  {line}")
    _say_alarms(record["maps"])
    say(f"  {len(record['files'])} files in {outcome.folder}: start with heads.png")


def _say_maps(record: dict[str, Any]) -> None:
    """The maps of another method, in its unit."""
    rows = [["map", "highest", "at x, y", "mean"]]
    for entry in record["maps"]:
        at = "{}, {}".format(*entry["peak_at_xy"])
        rows.append([entry["map"], f"{entry['peak']:.3g}", at, f"{entry['mean']:.3g}"])
    for line in table(rows):
        say(f"  {line}")
    say("  " + ", ".join(filter(None, [record["unit"], record["compared"]])))


def _alarms(entry: dict[str, Any]) -> list[Alarm]:
    from vitmap.maps.sinks import Alarm

    return [Alarm(**alarm) for alarm in entry["alarms"]]


def _say_alarms(maps: list[dict[str, Any]]) -> None:
    """What each kind of alarm means, once."""
    from vitmap.maps.sinks import MEANINGS

    for kind in dict.fromkeys(alarm.kind for entry in maps for alarm in _alarms(entry)):
        say(f"  {kind}: {MEANINGS[kind]}")


def _say_recipe(read: dict[str, Any]) -> None:
    say(f"  {read['label']}: {read['verdict']}")
    level = f"above {read['level']:.3g}" if read["level"] is not None else "the mask"
    at = "{}, {}".format(*read["peak_at_xy"])
    say(f"  peak {read['peak']:.3g} at {at}; {level}: {read['mask_area']:.1%} of the photo")
    if read["doubtful"]:
        say("  it does not look like the good pictures: not aligned, mind the verdict")


def _say_label(outcome: Outcome) -> None:
    prediction = outcome.prediction
    if prediction is None:
        return
    labels = ", ".join(f"{name.split(',')[0]} {p:.2f}" for name, p in prediction.labels)
    who = prediction.model
    who = Path(who).name if Path(who).is_absolute() else who
    how = "the same forward as the maps" if prediction.shared else "a forward of its own"
    say(f"  label: {labels}")
    say(f"    by {who} at {prediction.size[1]} × {prediction.size[0]} px, {how}")
