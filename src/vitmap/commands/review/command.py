"""vitmap review FOLDER: a lot of pictures → heatmaps, regions, exports and one review page."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap.commands.review.options import parser_of
from vitmap.commands.terminal.arguments import parse
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import patient, recorded
from vitmap.commands.terminal.progress import Progress
from vitmap.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitmap.commands.review.lot_files import Summary
    from vitmap.commands.review.place import Workplace
    from vitmap.commands.review.run import Review


def run(arguments: Sequence[str]) -> int:
    """Parse, look, write, print; returns the exit code."""
    from vitmap.commands.review.lot import lot_of, parse_shard
    from vitmap.commands.review.settings import ReviewSettings, parse_exports

    options = parse(parser_of(), arguments)
    if not options.images and not options.list:
        raise UsageError("No picture was given: vitmap review FOLDER (--help says more).")
    chosen = {
        f.name: getattr(options, f.name) for f in fields(ReviewSettings) if f.name != "exports"
    }
    settings = ReviewSettings(**chosen, exports=parse_exports(options.export))
    settings.check()
    if settings.recipe:
        from vitmap.rank.recipe import conflicts, read_recipe

        plain = vars(parser_of().parse_args([]))
        given = {name: value for name, value in vars(options).items() if value != plain[name]}
        conflicts(read_recipe(settings.recipe), given)
    shard = parse_shard(options.shard) if options.shard else (1, 1)
    out = Path(options.out or "outputs/review")
    lot = lot_of(options.images, options.list or [], out, shard)
    if not lot.members:
        for _given, why in lot.lost:
            complain(why)
        raise InputError(
            f"{', '.join([*options.images, *(options.list or [])])}: no picture found."
        )
    if shard[1] > 1:
        out = out / f"shard-{shard[0]}-of-{shard[1]}"
    from vitmap.runs.keeping import keep_folder

    with patient(options), keep_folder(out):
        from vitmap.commands.review.run import (
            Review,  # from here on a model is needed, and with it torch
        )

        work = Review(settings, lot, out)
        with closing(work.place):
            for remark in work.remarks:
                complain(remark)
            _work(work, options)
            return finish(work.place, ["vitmap", "review", *recorded(arguments)], options)


def _work(work: Review, options: argparse.Namespace) -> None:
    # With a scale from the lot itself, pictures are drawn in a second pass.
    steps = 1 if work.place.scale else 2
    pictures = len(work.lot.own)
    with closing(Progress(pictures, wanted=not options.quiet, steps=steps)) as progress:
        for outcome in work.outcomes(progress.step):
            with progress.aside():
                if options.debug:
                    traceback.print_exception(outcome.error)
                complain(str(outcome.error))


def finish(place: Workplace, command: Sequence[str], options: argparse.Namespace) -> int:
    """Write what concerns the whole lot, say what came out; returns the exit code."""
    from vitmap.commands.review.lot_files import write_lot

    for _, why in place.lot.lost:
        complain(why)
    for remark in place.changes():
        complain(remark)
    summary = write_lot(place, command)
    place.finish(summary.files)
    for word in summary.said:
        complain(word)
    if options.json:
        print(json.dumps(as_json(place, summary)), flush=True)
    elif not options.quiet:
        for line in lines(place, summary):
            say(line)
    if summary.failed:
        complain(f"{summary.failed} of {summary.pictures} inputs failed.")
    return InputError.exit_code if summary.failed else 0


def lines(place: Workplace, summary: Summary) -> list[str]:
    """What came out, for people."""
    terms, scale = place.terms, place.scale
    done = summary.pictures - summary.failed
    again = f", {place.known} of them by an earlier run" if place.known else ""
    found = [f"{place.lot.title}: {done} of {summary.pictures} pictures done{again}"]
    found.append(f"  {terms.label}, in {terms.unit}; regions: {place.cut}")
    if summary.highest is not None:
        found.append(f"  highest score {summary.highest[0]:.3g}: {summary.highest[1]}")
    if terms.threshold is None:
        found.append("  not judged: a verdict needs a recipe, which knows good pictures")
    else:
        verdicts = f"{summary.defects} with a defect, {summary.good} good"
        found.append(f"  {verdicts}; threshold of the score {terms.threshold:.3g}")
    if place.sharded:
        found.append(f"  shard {place.lot.shard[0]} of {place.lot.shard[1]} in {place.out}")
        found.append("  vitmap merge makes the page and the exports of all shards")
    else:
        assert scale is not None
        found.append(f"  colours: {scale.name} ({scale.meaning}), up to {scale.upper:.3g}")
        found.append(f"  {summary.regions} regions in {place.out}: start with index.html")
    return found


def as_json(place: Workplace, summary: Summary) -> dict[str, Any]:
    """The same for machines."""
    return {
        "out": str(place.out),
        "pictures": summary.pictures,
        "failed": summary.failed,
        "known": place.known,
        "regions": summary.regions,
        "defects": summary.defects,
        "files": list(summary.files),
    }
