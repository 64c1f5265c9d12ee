"""vitmap IMAGE…: the maps of one or more pictures."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitmap.cli.options import parser_of
from vitmap.cli.summary import as_json, as_text
from vitmap.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitmap.run.local import Job, Outcome
    from vitmap.run.record import Replay


def run(arguments: Sequence[str]) -> int:
    """Parse, run, print; returns the exit code."""
    parser = parser_of()
    options = parser.parse_args(_glue(arguments))
    if options.replay and options.images:
        raise UsageError("--replay names its own pictures: give either --replay or pictures.")
    if not options.replay and not options.images:
        parser.print_usage(sys.stderr)
        raise UsageError("No picture was given: vitmap IMAGE, or a folder of pictures.")
    return _run(options, ["vitmap", *arguments])


def _run(options: argparse.Namespace, command: Sequence[str]) -> int:
    from vitmap.folders import find_pictures
    from vitmap.run.local import Job, Outcome, Run
    from vitmap.run.names import folder_names
    from vitmap.run.record import read_record
    from vitmap.run.settings import Settings

    replay: Replay | None = read_record(Path(options.replay)) if options.replay else None
    missing: list[Any] = []
    if replay is None:
        chosen = {f.name: getattr(options, f.name) for f in fields(Settings)}
        settings, out = Settings(**chosen), Path(options.out or "outputs")
        paths, missing = find_pictures(options.images)
        jobs = [Job(p, name) for p, name in zip(paths, folder_names(paths), strict=True)]
    else:
        settings, out, command = replay.settings, Path(options.out or replay.out), replay.command
        jobs = [Job(*entry) for entry in replay.pictures]
    tell = as_json if options.json else as_text
    lost = [Outcome(Path(), {"status": "failed", "error": str(e)}, error=e) for e in missing]
    if not jobs:  # no model is needed to say that there is nothing to look at
        settings.check()
        return _report(lost, [], tell, options.quiet)
    work = Run(settings, out, command, replay)
    for remark in work.lineup.remarks if not options.quiet else ():
        print(f"vitmap: {remark}", file=sys.stderr)
    outcomes = []
    with _progress(jobs, options) as bar:
        for outcome in work.outcomes(jobs, bar.update if bar else lambda: None):
            outcomes.append(_told(outcome, tell, options.quiet))
    if len(jobs) > 1:
        work.write_summary(outcomes)
    return _report(lost, outcomes, tell, options.quiet)


def _report(
    lost: Sequence[Outcome],
    outcomes: Sequence[Outcome],
    tell: Callable[[Outcome], None],
    quiet: bool,
) -> int:
    for outcome in lost:
        _told(outcome, tell, quiet)
    failed = sum(outcome.error is not None for outcome in [*lost, *outcomes])
    total = len(lost) + len(outcomes)
    if failed and total > 1:
        print(f"vitmap: {failed} of {total} inputs failed.", file=sys.stderr)
    return InputError.exit_code if failed else 0


def _told(outcome: Outcome, tell: Callable[[Outcome], None], quiet: bool) -> Outcome:
    if not quiet or outcome.error is not None:
        tell(outcome)
    return outcome


def _progress(jobs: Sequence[Job], options: argparse.Namespace) -> AbstractContextManager[Any]:
    if len(jobs) < 2 or options.quiet:
        return nullcontext()
    from tqdm import tqdm

    return tqdm(total=len(jobs), unit="picture", disable=None, ascii=_plain_console())


def _plain_console() -> bool:
    return "utf" not in (sys.stderr.encoding or "").lower()


def _glue(arguments: Sequence[str]) -> list[str]:
    """`--layer -3:` as `--layer=-3:`, which argparse would take for a flag."""
    glued: list[str] = []
    for argument in arguments:
        if glued and glued[-1] in ("--layer", "--head") and re.match(r"-\d", argument):
            glued[-1] += f"={argument}"
        else:
            glued.append(argument)
    return glued
