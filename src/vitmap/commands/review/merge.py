"""Merge: the shards of a review as one, with the files that a run of the whole lot would write."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitmap.commands.review.earlier import state_name
from vitmap.commands.review.facts import fact_of
from vitmap.commands.review.files import State, copy
from vitmap.commands.review.finding import view_of
from vitmap.commands.review.lot import Lot, Member
from vitmap.commands.review.place import Workplace
from vitmap.commands.review.plan import JOURNAL, PLAN, Plan, read_plan
from vitmap.errors import InputError, OutputError
from vitmap.files.lock import folder_locks
from vitmap.runs.journal import LINES, read_facts
from vitmap.runs.keeping import keep_folder


@dataclass(frozen=True)
class Shard:
    """A shard's folder and what its plan says."""

    folder: Path
    plan: Plan

    @property
    def lot(self) -> Lot:
        """The whole lot, and which of its shards this is."""
        return self.plan.lot


def shard_folders(places: Sequence[Path]) -> list[Path]:
    """The folders of shards among these, or inside them, in the shards' order.

    Raises InputError where there is none, or where a plan cannot be read.
    """
    # The folder around them may hold a merge that was killed: that is a run too, but no shard.
    found = [
        folder
        for place in places
        for folder in (sorted(filter(_is_run, place.glob("shard-*-of-*"))) or [place])
        if _is_run(folder)
    ]
    if not found:
        raise InputError(
            f"{', '.join(map(str, places))}: no shards here: expected folders that "
            "vitmap review --shard i/n wrote."
        )
    return sorted(found, key=lambda folder: _plan(folder).lot.shard)


@contextmanager
def kept_alone(folders: Sequence[Path], out: Path) -> Iterator[None]:
    """Keep other runs out of the shards and of the folder that they are merged into.

    Raises FolderInUse where one writes there, OutputError where nothing can be written in `out`.
    """
    with keep_folder(out):
        # Where nothing can be written no shard is at work either.
        shards = [(folder, "SHARD") for folder in folders if os.access(folder, os.W_OK)]
        with folder_locks(shards, nested=True):
            yield


def read_shards(folders: Sequence[Path]) -> list[Shard]:
    """The shards in these folders, complete and of one lot.

    Raises InputError where one is missing, unfinished, damaged, given twice, or of another lot.
    """
    shards = [_shard(folder) for folder in folders]
    first = shards[0]
    for shard in shards:
        _require_alike(first, shard)
    numbers, count = {shard.lot.shard[0] for shard in shards}, first.lot.shard[1]
    if len(numbers) != count or len(shards) != count:
        missing = next((n for n in range(1, count + 1) if n not in numbers), None)
        what = f"shard {missing} of {count} is missing" if missing else "a shard is given twice"
        raise InputError(f"{what}: vitmap merge needs each of the {count} once.".capitalize())
    return shards


def merged(shards: Sequence[Shard], out: Path) -> Workplace:
    """The workplace of the whole lot, with everything that the shards have finished.

    Raises InputError or OutputError.
    """
    plan, lot = shards[0].plan, replace(shards[0].lot, shard=(1, 1))
    place = Workplace(out, plan.settings, lot, plan.terms, plan.about)
    try:
        place.begin()
        for shard in shards:
            for member, facts in _finished(shard):
                _adopt(place, member, shard.folder, facts)
    except OSError as error:
        place.close()
        raise OutputError(f"{out}: the shards cannot be copied ({error.strerror}).") from error
    except BaseException:
        place.close()
        raise
    return place


def _adopt(place: Workplace, member: Member, folder: Path, facts: dict[str, Any]) -> None:
    """Take over what a shard has finished of a picture, or that it failed there."""
    if "failed" in facts:
        place.fail(member, facts["failed"]["error"])
        return
    seen, drawn, state = facts["seen"], facts.get("drawn"), state_name(member.name)
    State.read(folder, state, seen["state"], view_of(seen))
    copy(folder, place.out, state)
    for name, size in {**seen["files"], **(drawn["files"] if drawn else {})}.items():
        copy(folder, place.out, name, size)
    place.take_over(member, seen, drawn)


def _is_run(folder: Path) -> bool:
    return os.path.lexists(folder / JOURNAL / PLAN)


def _plan(folder: Path) -> Plan:
    try:
        return read_plan(folder)
    except OSError as error:
        raise InputError(
            f"{folder / JOURNAL / PLAN}: cannot be read ({error.strerror}): give the shard's "
            "command again."
        ) from error


def _shard(folder: Path) -> Shard:
    plan, done = _plan(folder), False
    for kind, _, value in _facts(folder):
        done = value["all"] if kind == "done" else done
    if not done:
        number, count = plan.lot.shard
        raise InputError(
            f"{folder / JOURNAL / LINES}: shard {number} of {count} is not finished: give its "
            "command again first."
        )
    return Shard(folder, plan)


def _facts(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    try:
        yield from read_facts(folder / JOURNAL, fact_of)
    except OSError as error:
        raise InputError(
            f"{folder / JOURNAL / LINES}: cannot be read ({error.strerror}): give the shard's "
            "command again."
        ) from error


def _require_alike(first: Shard, other: Shard) -> None:
    same = first.lot.digest == other.lot.digest and first.lot.shard[1] == other.lot.shard[1]
    keys = ("settings", "terms", "about")
    if not same or any(getattr(first.plan, key) != getattr(other.plan, key) for key in keys):
        what = "settings" if same else "pictures"
        raise InputError(
            f"{other.folder}: not the same {what} as {first.folder}: merge the shards of one run."
        )


def _finished(shard: Shard) -> Iterator[tuple[Member, dict[str, Any]]]:
    """Each picture of a shard with the facts about it."""
    facts: dict[str, dict[str, Any]] = {}
    for kind, name, value in _facts(shard.folder):
        facts.setdefault(name, {})[kind] = value
    for member in shard.lot.own:
        own = facts.get(member.name, {})
        if "failed" not in own and "seen" not in own:
            raise InputError(f"{shard.folder}: {member.file} is missing: give its command again.")
        yield member, own
