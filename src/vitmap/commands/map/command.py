"""vitmap IMAGE…: the maps of one or more pictures."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.map.summary import as_json, as_text
from vitmap.commands.terminal.arguments import parse
from vitmap.commands.terminal.console import complain
from vitmap.commands.terminal.options import parser_of, patient, recorded
from vitmap.commands.terminal.progress import Progress
from vitmap.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitmap.runs.jobs import Job, Outcome
    from vitmap.runs.record import Replay
    from vitmap.runs.settings import Settings


def run(arguments: Sequence[str]) -> int:
    """Parse, run, print; returns the exit code."""
    options = parse(parser_of(), arguments)
    if options.font:
        from vitmap.render.fonts import use_font

        use_font(options.font)
    if options.replay:
        _require_alone(_given(arguments))
    if not options.replay and not options.images:
        raise UsageError(
            "No picture was given: vitmap IMAGE, or a folder of pictures (vitmap --help says more)."
        )
    with patient(options):
        return _run(options, ["vitmap", *recorded(arguments)])


def _given(arguments: Sequence[str]) -> dict[str, object]:
    """The options that stand on the command line, also where they say what is the default."""
    parser = parser_of()
    for action in parser._actions:
        if action.option_strings:
            action.default = argparse.SUPPRESS
    options = vars(parse(parser, arguments))
    return {name: value for name, value in options.items() if value != []}  # no pictures


def _require_alone(given: Mapping[str, object]) -> None:
    """A replay does what its record says: nothing else may be asked of it."""
    allowed = {"replay", "out", "wait", "json", "quiet", "debug", "font"}
    for name in given:
        if name not in allowed:
            what = "pictures" if name == "images" else f"--{name.replace('_', '-')}"
            raise UsageError(
                f"--replay takes its pictures and settings from the record: leave out {what}, "
                "or run it anew without --replay."
            )


def _run(options: argparse.Namespace, command: Sequence[str]) -> int:
    from vitmap.photo.find import find_pictures
    from vitmap.runs.jobs import Job, Outcome, failed
    from vitmap.runs.names import folder_names
    from vitmap.runs.record import read_record
    from vitmap.runs.settings import Settings

    replay: Replay | None = None
    if options.replay:
        replay = read_record(Path(options.replay))
        settings, out, command = replay.settings, Path(options.out or replay.out), replay.command
        jobs = [Job(*entry) for entry in replay.pictures]
        lost = [Outcome(Path(e["path"]), e, error=InputError(e["error"])) for e in replay.lost]
    else:
        settings = Settings(**{f.name: getattr(options, f.name) for f in fields(Settings)})
        given = _given(command[1:])
        if settings.recipe:
            from vitmap.commands.map.recipe_settings import by_recipe

            settings = by_recipe(settings, given)
        if {"method", "reference"} & set(given):
            from vitmap.commands.map.by_method import check_method

            settings = check_method(settings, given)
        out = Path(options.out or "outputs")
        paths, missing = find_pictures(options.images)
        jobs = [Job(p, name) for p, name in zip(paths, folder_names(paths), strict=True)]
        lost = [failed(Path(given), error) for given, error in missing.items()]
    if not jobs:  # no model is needed to say that there is nothing to look at
        settings.check()
        return _report(lost, [], options)
    from vitmap.runs.keeping import keep_folder

    with keep_folder(out):
        return _work(settings, out, command, replay, jobs, lost, options)


def _work(
    settings: Settings,
    out: Path,
    command: Sequence[str],
    replay: Replay | None,
    jobs: Sequence[Job],
    lost: Sequence[Outcome],
    options: argparse.Namespace,
) -> int:
    from vitmap.commands.map.run import Run  # from here on a model is needed, and with it torch

    work = Run(settings, out, command, replay)
    for remark in [*work.lineup.remarks, *(work.changes(replay) if replay else [])]:
        complain(remark)
    outcomes: list[Outcome] = []
    with closing(Progress(len(jobs), wanted=not options.quiet)) as progress:
        for outcome in work.outcomes(jobs, progress.step):
            with progress.aside():
                outcomes.append(_told(outcome, options))
            progress.step()
    if len(jobs) + len(lost) > 1:
        by_path = {outcome.path: outcome for outcome in outcomes}  # as they failed or finished
        work.write_summary([*(by_path[job.path] for job in jobs), *lost])
    return _report(lost, outcomes, options)


def _report(
    lost: Sequence[Outcome], outcomes: Sequence[Outcome], options: argparse.Namespace
) -> int:
    for outcome in lost:
        _told(outcome, options)
    failed = sum(outcome.error is not None for outcome in [*lost, *outcomes])
    total = len(lost) + len(outcomes)
    if failed and total > 1:
        complain(f"{failed} of {total} inputs failed.")
    return InputError.exit_code if failed else 0


def _told(outcome: Outcome, options: argparse.Namespace) -> Outcome:
    if outcome.error is not None and options.debug:
        traceback.print_exception(outcome.error)
    if outcome.error is not None or not options.quiet:
        (as_json if options.json else as_text)(outcome)
    if outcome.error is None and not options.quiet:
        _say_undrawable(outcome)
    return outcome


def _say_undrawable(outcome: Outcome) -> None:
    from vitmap.render.fonts import undrawable

    if signs := undrawable(outcome.path.name):
        complain(
            f"{outcome.path}: no installed font can draw {signs}: the figure shows question marks. "
            "Install one, or name one with --font FILE."
        )
