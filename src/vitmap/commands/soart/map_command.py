"""vitmap soart map: pictures against a standard → where they differ."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap.commands.soart.options import numbers, pair, parser_of
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import patient, recorded
from vitmap.errors import InputError, UsageError
from vitmap.registry import suggest

if TYPE_CHECKING:
    from vitmap.runs.jobs import Outcome
    from vitmap.soart.map_settings import MapSettings

_EPILOG = """\
examples:
  vitmap soart map --standard ref.png test.png
  vitmap soart map --standard good/ lot/                 limits from good pictures
  vitmap soart map --standard ref.png test.png --patches 268x238
  vitmap soart map --standard ref.png test.png --blur 0 --tolerance 0 --align off --gain off
                                                         the author's own form
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, map, write, print; returns the exit code."""
    options = _parser().parse_intermixed_args(list(arguments))
    if not options.images:
        raise UsageError("No picture was given: vitmap soart map --standard REF PICTURE.")
    out = Path(options.out or "outputs")
    from vitmap.runs.keeping import keep_folder

    with patient(options), keep_folder(out):
        return _work(options, out, ["vitmap", "soart", "map", *recorded(arguments)])


def _work(options: argparse.Namespace, out: Path, command: Sequence[str]) -> int:
    from vitmap.commands.soart.map import Look, MapRun
    from vitmap.photo.find import find_pictures
    from vitmap.runs.jobs import Job, failed
    from vitmap.runs.names import folder_names

    look = Look(options.threshold, options.scale, options.colormap, options.upsample)
    work = MapRun(options.standard, _settings(options), look, out, command)
    paths, missing = find_pictures(options.images)
    jobs = [Job(path, name) for path, name in zip(paths, folder_names(paths), strict=True)]
    lost = [failed(Path(given), error) for given, error in missing.items()]
    outcomes = []
    with closing(work.outcomes(jobs, lambda: None)) as stream:
        for outcome in stream:
            _tell(outcome, options)
            outcomes.append(outcome)
    for outcome in lost:
        _tell(outcome, options)
    outcomes += lost
    if len(outcomes) > 1:
        work.write_summary(outcomes)
    bad = sum(outcome.error is not None for outcome in outcomes)
    if bad and len(outcomes) > 1:
        complain(f"{bad} of {len(outcomes)} inputs failed.")
    return InputError.exit_code if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("map", "Where does a picture differ from the standard?", _EPILOG)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="pictures, folders or patterns")
    parser.add_argument(
        "--standard",
        required=True,
        metavar="PICTURE|DIR",
        help="the reference: one picture, or a folder of good ones, which also sets the limit",
    )
    how = parser.add_argument_group("how they are compared")
    how.add_argument("--step", metavar="Y,X", help="pixels from patch to patch (default: 4,4)")
    how.add_argument("--patches", metavar="RxC", help="rows and columns of patches instead")
    how.add_argument("--kernel", type=int, default=5, metavar="PX", help="(default: 5)")
    how.add_argument(
        "--weights", default="1,2,3", metavar="B,E,G", help="of beta, eta, gamma (default: 1,2,3)"
    )
    how.add_argument("--color", default="gray", metavar="gray|rgb", help="(default: gray)")
    how.add_argument(
        "--blur", type=int, default=1, metavar="N", help="passes over both pictures (default: 1)"
    )
    how.add_argument(
        "--tolerance",
        type=int,
        default=1,
        metavar="PX",
        help="by which an edge may lie elsewhere (default: 1)",
    )
    how.add_argument("--align", default="on", metavar="on|off", help="undo a shift (default: on)")
    how.add_argument("--gain", default="on", metavar="on|off", help="undo the light (default: on)")
    look = parser.add_argument_group("how they are drawn")
    look.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="a region is this share of the hottest patch; not used with a folder of good "
        "pictures, whose hottest patch is the limit (default: 0.5)",
    )
    look.add_argument(
        "--scale",
        metavar="image|run|good",
        help="one colour scale a picture, a run, or up to the good pictures' limit",
    )
    look.add_argument("--upsample", default="nearest", metavar="nearest|bilinear")
    look.add_argument("--colormap", default="viridis", metavar="NAME")
    return parser


def _settings(options: argparse.Namespace) -> MapSettings:
    from vitmap.soart.map_settings import MapSettings

    if options.step and options.patches:
        raise UsageError("--step and --patches exclude each other: give one of them.")
    beta, eta, gamma = numbers(options.weights, 3, "Weights", "1,2,3")
    return MapSettings(
        step=pair(options.step or "4,4", "Step", "4,4"),
        patches=pair(options.patches, "Patches", "268x238") if options.patches else None,
        kernel=options.kernel,
        weights=(beta, eta, gamma),
        color=options.color,
        blur=options.blur,
        tolerance=options.tolerance,
        align=_switch(options.align, "align"),
        gain=_switch(options.gain, "gain"),
    )


def _switch(text: str, noun: str) -> bool:
    if text not in ("on", "off"):
        raise suggest(noun, text, ["on", "off"])
    return text == "on"


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    if options.json:
        folder = str(outcome.folder) if outcome.folder else None
        print(json.dumps({**outcome.record, "folder": folder}), flush=True)
    if outcome.error is not None:
        if options.debug:
            traceback.print_exception(outcome.error)
        complain(str(outcome.error))
    elif not options.quiet and not options.json:
        for line in _lines(outcome.record):
            say(line if line.startswith(" ") else f"{outcome.path}: {line}")
        say(f"  {len(outcome.record['files'])} files in {outcome.folder}: start with map.png")


def _lines(record: dict[str, Any]) -> list[str]:
    (height, width), (gy, gx) = record["photo_yx"], record["patch_grid_yx"]
    notes = "".join(f"; {note}" for note in record["notes"])
    found = [f"{width} × {height} px, {gx} × {gy} patches{notes}"]
    if record["alignment"]:
        about = record["alignment"]
        x, y = about["shift_xy"]
        said = (
            "the standard has nothing to align by: no shift"
            if about["nothing_to_align_by"]
            else f"shifted by {x}, {y} px (correlation {about['correlation']:.2f}, "
            f"{about['compared']:.1%} compared)"
        )
        found.append(f"  {said}, light × {record['gain']:.2f}")
    count = len(record["regions"])
    found.append(
        f"  {count} region{'s' if count != 1 else ''}{', hottest first:' if count else ''}"
    )
    for region in record["regions"][:5]:
        x, y = region["at_xy"]
        x0, y0, x1, y1 = region["box_xyxy"]
        found.append(f"    peak {region['peak']:.2f} at {x}, {y}; box {x0}, {y0} to {x1}, {y1}")
    if count > 5:
        found.append(f"    and {count - 5} more in run.json")
    return found
