"""vitmap soart metrics: pictures → the three tables."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.soart.options import add_pictures, add_settings, pair, parser_of
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import patient, recorded
from vitmap.errors import InputError
from vitmap.registry import suggest

if TYPE_CHECKING:
    from vitmap.commands.soart.metrics import Measured
    from vitmap.soart.settings import TableSettings

_EPILOG = """\
examples:
  vitmap soart metrics --standard ref.png --images good/ --out tables/
  vitmap soart metrics --standard ref.png --images lot/ --out tables/ --as valid
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, measure, write, print; returns the exit code."""
    parser = parser_of("metrics", "Pictures against a standard: three tables.", _EPILOG)
    add_pictures(parser)
    add_settings(parser)
    parser.add_argument(
        "--as",
        dest="role",
        default="learn",
        metavar="learn|valid",
        help="members of the attention step, or pictures under test (default: learn)",
    )
    options = parser.parse_args(list(arguments))
    if options.role not in ("learn", "valid"):
        raise suggest("role", options.role, ["learn", "valid"])
    from vitmap.commands.soart.metrics import measure, write
    from vitmap.runs.keeping import keep_result

    out = Path(options.out or "outputs/tables")
    with patient(options), keep_result(out):
        measured = measure(options.standard, options.images, settings_of(options))
        command = ["vitmap", "soart", "metrics", *recorded(arguments)]
        files = write(out, options.role, measured, command)
        for remark in measured.remarks:
            complain(remark)
        if options.json:
            told = {"folder": str(out), "files": files, "rows": len(measured.tables.rows)}
            print(json.dumps(told), flush=True)
        elif not options.quiet:
            for line in lines(measured):
                say(line)
            say(f"  {len(files)} files in {out}: {', '.join(files)}")
        return report(measured.failed)


def settings_of(options: argparse.Namespace) -> TableSettings:
    """The settings that the options name."""
    from vitmap.soart.settings import TableSettings

    return TableSettings(
        variant=options.variant,
        size=options.size,
        kernel=options.kernel,
        grid=pair(options.grid, "Grid", "2x2"),
        color=options.color,
        decimals=options.decimals,
    )


def lines(measured: Measured) -> list[str]:
    """What was measured, for people."""
    rows, settings = measured.tables.rows, measured.standard.settings
    groups = Counter(row.group for row in rows)
    unit = len(measured.unit)
    against = measured.unit[0][0].name if unit == 1 else f"the mean of {unit} pictures"
    counted = ", ".join(f"{name} {count}" for name, count in groups.items())
    return [
        f"{len(rows)} picture{'s' if len(rows) > 1 else ''} against {against}: {counted}",
        f"  {settings.variant}, {settings.color}, {settings.size} × {settings.size} px, "
        f"{settings.columns} columns, values 0 to {settings.white:g}",
    ]


def report(failed: Sequence[InputError]) -> int:
    """Say what failed; the exit code."""
    for error in failed:
        complain(str(error))
    return InputError.exit_code if failed else 0
