"""Two digest files side by side: what was added, removed or changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Recorded = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not alike: a file's `what` is added, removed or changed."""

    case: str
    what: str
    name: str

    def __str__(self) -> str:
        return f"{self.case}: {self.what}: {self.name}"


def differences(old: Recorded, new: Recorded, only: Collection[str] = ()) -> list[Difference]:
    """All differences, case by case in the order of the old file; `only` these cases, if any.

    >>> one = {"cases": {"map": {"commands": ["m"], "exits": [0], "files": {"a": "1", "b": "2"}}}}
    >>> two = {"cases": {"map": {"commands": ["m"], "exits": [0], "files": {"a": "3", "c": "2"}}}}
    >>> for difference in differences(one, two):
    ...     print(difference)
    map: changed: a
    map: removed: b
    map: added: c
    """
    before, after = (recorded["cases"] for recorded in (old, new))
    found = []
    for case in dict.fromkeys([*before, *after]):
        if only and case not in only:
            continue
        if case not in after:
            found.append(Difference(case, "not run", "the new file lacks this case"))
        elif case not in before:
            found.append(Difference(case, "not run", "the old file lacks this case"))
        else:
            found += [Difference(case, *pair) for pair in _of_case(before[case], after[case])]
    return found


def _of_case(old: Recorded, new: Recorded) -> Iterator[tuple[str, str]]:
    if old["commands"] != new["commands"]:
        yield "other commands", "the two files are of different lists of cases"
    for number, (was, now) in enumerate(zip(old["exits"], new["exits"], strict=False), 1):
        if was != now:
            yield "exit code", f"command {number} ended with {was}, now with {now}"
    before, after = old["files"], new["files"]
    for name in sorted({*before, *after}):
        if name not in after:
            yield "removed", name
        elif name not in before:
            yield "added", name
        elif before[name] != after[name]:
            yield "changed", name


def equal_files(old: Recorded, new: Recorded, only: Collection[str] = ()) -> int:
    """How many files are the same in both."""
    shared = [name for name in old["cases"] if name in new["cases"] and (not only or name in only)]
    pairs = [(old["cases"][name]["files"], new["cases"][name]["files"]) for name in shared]
    return sum(len(before.items() & after.items()) for before, after in pairs)


def other_versions(old: Recorded, new: Recorded) -> list[str]:
    """Packages that were not the same: they may be why outputs differ."""
    before, after = old.get("versions", {}), new.get("versions", {})
    return [
        f"{name} {before.get(name, 'none')}, now {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
