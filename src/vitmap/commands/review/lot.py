"""Lot: the pictures of a review in a fixed order, what each one's files are called, which shard."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from vitmap.errors import InputError, PictureError, UnsafeName, UsageError
from vitmap.files.checked import convert, damaged, digest_of
from vitmap.files.opener import MIB, open_file, read_file
from vitmap.files.place import parts_of
from vitmap.photo.find import find_pictures, real
from vitmap.runs.names import folder_names

_LIST_LIMIT = 256 * MIB
_MOST_SHARDS = 999_999
_Number = Annotated[int, Meta(ge=1, le=_MOST_SHARDS)]


class LotPlan(TypedDict):
    """A lot as the plan of its review has it."""

    shard: tuple[_Number, _Number]
    pictures: list[tuple[str, str, str]]  # path, name, file
    lost: list[tuple[str, str]]
    title: str


@dataclass(frozen=True)
class Member:
    """One picture of a lot."""

    path: Path
    name: str  # of its files, never two the same
    file: str  # its path below the lot's folder, with slashes: what pages and exports show


@dataclass(frozen=True)
class Lot:
    """All pictures in order, inputs that named none, and which of the shards this one is."""

    members: tuple[Member, ...]
    lost: tuple[tuple[str, str], ...] = ()  # (input, why)
    shard: tuple[int, int] = (1, 1)
    title: str = "lot"  # the name of the folder that all pictures share

    @property
    def own(self) -> tuple[Member, ...]:
        """The pictures of this shard: every n-th one."""
        number, count = self.shard
        return self.members[number - 1 :: count]

    @property
    def digest(self) -> str:
        """Of the pictures' places and names: shards of one lot have the same."""
        about = self.as_json()
        return digest_of([about["pictures"], about["lost"], self.title])

    def as_json(self) -> dict[str, Any]:
        """For the plan that lies beside the journal."""
        return {
            "shard": list(self.shard),
            "pictures": [[str(m.path), m.name, m.file] for m in self.members],
            "lost": [list(pair) for pair in self.lost],
            "title": self.title,
        }

    @classmethod
    def from_json(cls, about: Any, where: str, kind: str) -> Lot:
        """What `as_json` wrote; `where` and `kind` are for the message.

        Raises DamagedFile, also for a name that leads out of the review's folder.
        """
        plan: LotPlan = convert(about, LotPlan, where, kind, "lot")
        number, count = plan["shard"]
        if number > count:
            raise damaged(where, kind, f"field lot.shard: shard {number} of {count} cannot be")
        taken: set[str] = set()
        for place, (path, name, _) in enumerate(plan["pictures"]):
            field = f"field lot.pictures[{place}]"
            try:
                parts_of(name)
            except UnsafeName as error:
                raise damaged(where, kind, f"{field}[1]: {str(error).rstrip('.')}") from error
            if name.casefold() in taken:
                raise damaged(where, kind, f"{field}[1]: {name!r:.200} stands there twice")
            if "\0" in path:
                raise damaged(where, kind, f"{field}[0]: {path!r:.200} is no path")
            taken.add(name.casefold())
        members = tuple(Member(Path(path), name, file) for path, name, file in plan["pictures"])
        return cls(members, tuple(plan["lost"]), (number, count), plan["title"])


def lot_of(
    inputs: Sequence[str], lists: Sequence[str], out: Path, shard: tuple[int, int] = (1, 1)
) -> Lot:
    """The lot that folders, patterns, pictures and list files name; what lies in `out` is no part.

    Raises InputError for a list that cannot be read.
    """
    named = [*inputs, *(line for name in lists for line in _listed(Path(name)))]
    paths, errors = find_pictures(named)
    inside = Path(real(out))
    paths = [path.absolute() for path in paths if inside not in Path(real(path)).parents]
    files, title = _shown(paths)
    trios = zip(paths, folder_names(paths), files, strict=True)
    lost = tuple((given, str(error)) for given, error in errors.items())
    return Lot(tuple(Member(*trio) for trio in trios), lost, shard, title)


def parse_shard(text: str) -> tuple[int, int]:
    """`2/3`: the second of three.

    Raises UsageError for what is no such share.
    """
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    number, count = (int(part) for part in found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(f"Shard {text!r} asked for: expected i/n such as 2/3, i from 1 to n.")
    return number, count


def sha256_of(path: Path) -> str:
    """sha256 of a file; raises PictureError where it cannot be read."""
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror}).") from error


def _listed(path: Path) -> list[str]:
    """A path a line; relative ones start at the list's own folder."""
    try:
        text = read_file(path, _LIST_LIMIT).decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}): expected a text file with a picture's "
            "path on each line."
        ) from error
    lines = [line.strip("\r") for line in text.split("\n")]
    return [str(path.parent / line) for line in lines if line.strip()]


def _shown(paths: Sequence[Path]) -> tuple[list[str], str]:
    """Paths below the folder that all pictures share, and that folder's name."""
    try:
        shared = Path(os.path.commonpath([path.parent for path in paths]) if paths else "")
    except ValueError:  # on several drives
        return [path.as_posix() for path in paths], "lot"
    return [path.relative_to(shared).as_posix() for path in paths], shared.name or "lot"
