"""vitmap merge SHARD…: the shards of a review as one."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from vitmap.commands.review.command import finish
from vitmap.commands.terminal.console import complain
from vitmap.commands.terminal.options import Parser, add_wait, patient, recorded
from vitmap.commands.terminal.progress import Progress
from vitmap.errors import UsageError

_EPILOG = """\
example:
  vitmap review lot/ --shard 1/2 --out outputs/lot       on one machine
  vitmap review lot/ --shard 2/2 --out outputs/lot       on another
  vitmap merge outputs/lot                               files as of one run
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, gather, draw what only the whole lot can tell, print; returns the exit code."""
    options = _parser().parse_intermixed_args(list(arguments))
    if not options.shards:
        raise UsageError("No shard was given: vitmap merge FOLDER (--help says more).")
    from vitmap.commands.review.merge import kept_alone, shard_folders

    folders = shard_folders([Path(place) for place in options.shards])
    out = Path(options.out) if options.out else folders[0].parent
    with patient(options), kept_alone(folders, out):
        return _merge(folders, out, options, ["vitmap", "merge", *recorded(arguments)])


def _merge(
    folders: Sequence[Path], out: Path, options: argparse.Namespace, command: Sequence[str]
) -> int:
    from vitmap.commands.review.merge import merged, read_shards
    from vitmap.commands.review.outcomes import Drawing, draw_waiting
    from vitmap.runs.overlap import Behind

    with closing(merged(read_shards(folders), out)) as place:
        place.settle_scale()
        behind: Drawing = Behind()
        wanted = not options.quiet
        with (
            closing(behind),
            closing(Progress(len(place.lot.own), wanted=wanted, steps=1)) as progress,
        ):
            for outcome in draw_waiting(place, behind, progress.step):
                with progress.aside():
                    if options.debug:
                        traceback.print_exception(outcome.error)
                    complain(str(outcome.error))
        return finish(place, command, options)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="vitmap merge",
        description="The shards of a review as one: page, exports and files as of a single run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "shards", nargs="*", metavar="SHARD", help="the shards' folders, or the folder around them"
    )
    parser.add_argument("--out", metavar="DIR", help="(default: the folder around the shards)")
    add_wait(parser)
    parser.add_argument("--json", action="store_true", help="one JSON line at the end")
    parser.add_argument("--quiet", action="store_true", help="print failures alone")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
