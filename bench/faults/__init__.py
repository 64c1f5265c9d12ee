"""Faults: what vitmap does with tampered files, beside itself, when killed, and with odd files."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from bench.cases import Answer, Asked, Failure
from bench.faults.ground import Ground
from bench.faults.kills import Killing
from bench.faults.odd_files import OddFiles
from bench.faults.pairs import Pairing
from bench.faults.tamper import Tampering

Task = tuple[str, int]  # a campaign, and the number of a trial


class Campaign(Protocol):
    """Trials of one kind."""

    full: int  # trials at a share of 1
    figures: tuple[str, ...]  # what can go wrong

    def __init__(self, ground: Ground, seed: int) -> None: ...

    def trials(self, count: int) -> Iterable[int]:
        """The numbers of so many trials."""

    def group(self, number: int) -> str:
        """Trials of one group are compared with the same untouched runs."""

    def trial(self, number: int) -> list[Failure]:
        """Do one, and tell what went wrong."""


CAMPAIGNS: dict[str, type[Campaign]] = {
    "tamper": Tampering,
    "pairs": Pairing,
    "kills": Killing,
    "odd-files": OddFiles,
}
_BROKEN = "no trial"  # the untouched run failed, so that nothing can be compared with it
_workers: dict[str, Campaign] = {}  # in a worker: its own campaigns


def run(asked: Asked) -> Answer:
    """All campaigns, or the one asked for; several trials at a time."""
    work = asked.work or Path(tempfile.mkdtemp(prefix="vitmap-bench-"))
    try:
        return _run(asked, work)
    finally:
        if asked.work is None:
            shutil.rmtree(work, ignore_errors=True)


def _run(asked: Asked, work: Path) -> Answer:
    name, _, number = (asked.only or "").partition(":")
    if name and name not in CAMPAIGNS:
        raise SystemExit(f"--only {name}: expected one of {', '.join(CAMPAIGNS)}")
    ground = Ground(work)
    tasks: list[Task] = []
    groups: dict[Task, str] = {}
    for title, kind in CAMPAIGNS.items():
        if name in ("", title):
            campaign = kind(ground, asked.seed)
            some = [int(number)] if number else campaign.trials(asked.count(kind.full))
            tasks += [(title, one) for one in some]
            groups |= {(title, one): f"{title}/{campaign.group(one)}" for one in some}
    found: dict[Task, list[Failure]] = {}
    with ExitStack() as stack:
        context = multiprocessing.get_context("fork")
        workers = [
            stack.enter_context(ProcessPoolExecutor(1, context, _begin, (ground, asked.seed)))
            for _ in range(asked.jobs)
        ]
        waiting = {}
        for worker, own in zip(workers, _shares(tasks, groups, asked.jobs), strict=True):
            waiting |= {worker.submit(_trial, *task): task for task in own}
        for done in as_completed(waiting):
            found[waiting[done]] = done.result()
            wrong = sum(map(bool, found.values()))
            asked.say(f"{len(found)} of {len(tasks)} trials, {wrong} went wrong")
    answer = Answer(f"faults, seed {asked.seed}, {asked.share:.0%} of all trials")
    for title, kind in CAMPAIGNS.items():
        own = [found[task] for task in tasks if task[0] == title]
        if own:
            _add(answer, title, kind, own)
    return answer


def _shares(tasks: list[Task], groups: dict[Task, str], jobs: int) -> list[list[Task]]:
    """The tasks of each worker: those of a group together, as long as all have as much to do."""
    most = max(4, len(tasks) // (4 * jobs))
    by_group: dict[str, list[Task]] = {}
    for task in tasks:
        by_group.setdefault(groups[task], []).append(task)
    pieces = [
        own[start : start + most] for own in by_group.values() for start in range(0, len(own), most)
    ]
    shares: list[list[Task]] = [[] for _ in range(jobs)]
    for piece in sorted(pieces, key=len, reverse=True):
        min(shares, key=len).extend(piece)
    return shares


def _add(answer: Answer, title: str, kind: type[Campaign], found: list[list[Failure]]) -> None:
    counts = Counter(failure.what for trial in found for failure in trial)
    row: dict[str, Any] = {"campaign": title, "trials": len(found)}
    row["went wrong"] = sum(map(bool, found))
    figures = [*kind.figures, *([_BROKEN] if counts[_BROKEN] else [])]
    row["of these"] = ", ".join(f"{counts[what]} {what}" for what in figures)
    answer.table.append(row)
    answer.failures += [failure for trial in found for failure in trial]


def _begin(ground: Ground, seed: int) -> None:
    """In a worker: a ground of its own."""
    own = ground.apart(f"worker-{os.getpid()}")
    for title, kind in CAMPAIGNS.items():
        _workers[title] = kind(own, seed)


def _trial(title: str, number: int) -> list[Failure]:
    try:
        return _workers[title].trial(number)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return [Failure(f"{title}:{number}", _BROKEN, told)]
