"""What a case is asked for, what it answers, and the cases that there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

# A case is a module with `run(Asked) -> Answer`; its name, and what it measures in one line.
CASES = {
    "faults": "tampered files, simultaneous commands, kills and odd files: what goes wrong",
}


@dataclass(frozen=True)
class Asked:
    """What the command line asked a case for."""

    seed: int
    share: float  # of the full count of each campaign
    jobs: int = 1  # trials at a time
    only: str | None = None  # a campaign (`tamper`), or one trial of it (`tamper:37`)
    work: Path | None = None  # where trials take place; None: a temporary folder
    say: Callable[[str], None] = print

    def count(self, full: int) -> int:
        """So many of the full count; one at least."""
        return max(1, round(full * self.share))


@dataclass(frozen=True)
class Failure:
    """One trial that went wrong: `trial` and the seed bring it about again."""

    trial: str  # `tamper:37`
    what: str  # the figure that it counts for: "traceback"
    told: str  # what was done, and what was seen


@dataclass
class Answer:
    """A table of numbers, and what went wrong."""

    title: str
    table: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def lines(self, seed: int) -> list[str]:
        """For people: the table, then a line a failure."""
        if not self.table:
            return [self.title]
        columns = list(dict.fromkeys(name for row in self.table for name in row))
        cells = [columns, *([str(row.get(name, "")) for name in columns] for row in self.table)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        said = [self.title]
        for row in cells:
            first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            said.append("  ".join([row[0].ljust(len(first)), *others]).rstrip())
        for one in self.failures:
            said.append(f"FAILED {one.trial} --seed {seed}: {one.what}: {one.told}")
        return said

    def as_json(self, name: str, asked: Asked) -> str:
        """For machines."""
        about = {
            "case": name,
            "seed": asked.seed,
            "share": asked.share,
            "only": asked.only,
            "table": self.table,
            "failures": [asdict(one) for one in self.failures],
        }
        return json.dumps(about, indent=1) + "\n"


def case(name: str) -> Callable[[Asked], Answer]:
    """The case of that name."""
    found: Callable[[Asked], Answer] = import_module(f"bench.{name}").run
    return found
