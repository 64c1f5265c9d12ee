"""Merge: the shards of a review as one, with the files that a run of the whole lot would write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitmap.errors import InputError
from vitmap.run.journal import read_facts
from vitmap.run.lot import Lot, Member
from vitmap.run.reading import Terms
from vitmap.run.review_earlier import JOURNAL, PLAN
from vitmap.run.review_files import State, copy
from vitmap.run.review_place import Workplace
from vitmap.run.review_settings import ReviewSettings


@dataclass(frozen=True)
class Shard:
    """A shard's folder and what its plan says."""

    folder: Path
    plan: dict[str, Any]
    lot: Lot


def find_shards(places: Sequence[Path]) -> list[Shard]:
    """The shards in these folders, or in folders inside them, complete and of one lot.

    Raises InputError where one is missing, unfinished, given twice, or of another lot.
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
    shards = sorted((_shard(folder) for folder in found), key=lambda shard: shard.lot.shard)
    first = shards[0]
    for shard in shards:
        _require_alike(first, shard)
    numbers, count = [shard.lot.shard[0] for shard in shards], first.lot.shard[1]
    missing = sorted(set(range(1, count + 1)) - set(numbers))
    if missing or len(numbers) != count:
        what = f"shard {missing[0]} of {count} is missing" if missing else "a shard is given twice"
        raise InputError(f"{what}: vitmap merge needs each of the {count} once.".capitalize())
    return shards


def merged(shards: Sequence[Shard], out: Path) -> Workplace:
    """The workplace of the whole lot, with everything that the shards have finished.

    Raises InputError or OutputError.
    """
    plan, lot = shards[0].plan, replace(shards[0].lot, shard=(1, 1))
    settings = plan["settings"]
    place = Workplace(
        out,
        ReviewSettings(**{**settings, "exports": tuple(settings["exports"])}),
        lot,
        Terms.from_json(plan["terms"]),
        plan["about"],
    )
    try:
        place.begin()
        for shard in shards:
            for member, facts in _finished(shard):
                _adopt(place, member, shard.folder, facts)
    except OSError as error:
        place.close()
        raise InputError(f"{out}: the shards cannot be copied ({error.strerror}).") from error
    except BaseException:
        place.close()
        raise
    return place


def _adopt(place: Workplace, member: Member, folder: Path, facts: dict[str, Any]) -> None:
    """Take over what a shard has finished of a picture, or that it failed there."""
    if "failed" in facts:
        place.fail(member, facts["failed"]["error"])
        return
    seen, drawn = facts["seen"], facts.get("drawn")
    state = place.state_path(member.name).relative_to(place.out)
    State.read(folder / state, seen["state"])
    for name in [state.as_posix(), *seen["files"], *(drawn or {"files": ()})["files"]]:
        copy(folder / name, place.out / name)
    place.take_over(member, seen, drawn)


def _is_run(folder: Path) -> bool:
    return (folder / JOURNAL / PLAN).is_file()


def _shard(folder: Path) -> Shard:
    try:
        plan = json.loads((folder / JOURNAL / PLAN).read_text(encoding="utf-8"))
        lot = Lot.from_json(plan["lot"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{folder}: its plan cannot be read ({type(error).__name__}).") from error
    done = {"all": False}
    for kind, _, value in read_facts(folder / JOURNAL):
        done = value if kind == "done" else done
    if not done.get("all"):
        number, count = lot.shard
        raise InputError(
            f"{folder}: shard {number} of {count} is not finished: give its command again first."
        )
    return Shard(folder, plan, lot)


def _require_alike(first: Shard, other: Shard) -> None:
    same = first.lot.digest == other.lot.digest and first.lot.shard[1] == other.lot.shard[1]
    keys = ("settings", "terms", "about")
    if not same or any(first.plan[key] != other.plan[key] for key in keys):
        what = "settings" if same else "pictures"
        raise InputError(
            f"{other.folder}: not the same {what} as {first.folder}: merge the shards of one run."
        )


def _finished(shard: Shard) -> Iterator[tuple[Member, dict[str, Any]]]:
    """Each picture of a shard with the facts about it."""
    facts: dict[str, dict[str, Any]] = {}
    for kind, name, value in read_facts(shard.folder / JOURNAL):
        facts.setdefault(name, {})[kind] = value
    for member in shard.lot.own:
        own = facts.get(member.name, {})
        if "failed" not in own and "seen" not in own:
            raise InputError(f"{shard.folder}: {member.file} is missing: give its command again.")
        yield member, own
