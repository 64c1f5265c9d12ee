"""Run every command of vitmap on the project's own pictures, and keep a digest of all that it says
and writes: after a change that should change nothing, two such files are the same.

    python scripts/digest-outputs/digest.py --out old.json --keep old
    ... a change ...
    python scripts/digest-outputs/digest.py --out new.json --keep new
    python scripts/digest-outputs/digest.py --compare old.json new.json --explain old new
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cases import CASES, WORK, Case
from comparison import Difference, differences, equal_files, other_versions
from explanation import explain
from hashing import state_of
from running import run_cases

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Record or compare; the exit code is 0, 1 where digests differ, 2 for wrong use."""
    options = parse(arguments)
    if options.compare:
        return compare(*options.compare, options.only, options.explain)
    return record(options)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Digests of all that vitmap writes and says on the project's own pictures.",
        epilog="cases: " + ", ".join(case.name for case in CASES),
    )
    parser.add_argument("--out", type=Path, default=Path("digests.json"), metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the outputs here, too")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        choices=[case.name for case in CASES],
        metavar="NAME",
        help="these cases, and those that they need",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cases at the same time")
    parser.add_argument(
        "--warm", action="store_true", help="import torch once, not once for each command"
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="FOLDER", help="a checkout (default: this one)"
    )
    parser.add_argument(
        "--place",
        type=Path,
        default=Path(tempfile.gettempdir()) / "vitmap-digest",
        metavar="FOLDER",
        help="a new folder to run in; only runs in one place are equal (default: %(default)s)",
    )
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    parser.add_argument(
        "--explain",
        type=Path,
        nargs=2,
        metavar=("OLD", "NEW"),
        help="with --compare: the two folders of --keep; shows what differs inside a file",
    )
    options = parser.parse_args(arguments)
    if options.explain and not options.compare:
        parser.error("--explain goes with --compare")
    if options.keep and options.keep.exists():
        parser.error(f"{options.keep} exists: name a new folder")
    if not options.out.absolute().parent.is_dir():
        parser.error(f"no folder for {options.out}")
    return options


def chosen(only: Sequence[str]) -> list[Case]:
    """The cases of these names and what they need, in the list's order; all, where none is named.

    >>> [case.name for case in chosen(["map-replay"])]
    ['map', 'map-replay']
    """
    wanted = set(only) or {case.name for case in CASES}
    for case in reversed(CASES):  # what is needed stands before
        if case.name in wanted:
            wanted |= set(case.needs)
    return [case for case in CASES if case.name in wanted]


def record(options: argparse.Namespace) -> int:
    """Run the cases in a fresh place and write their digests."""
    root, place = options.root.resolve(), options.place.resolve()
    try:
        place.mkdir()
    except FileExistsError:
        print(f"digest: {place} exists: another run, or what one left: remove it", file=sys.stderr)
        return 2
    start, before = time.perf_counter(), state_of(root / "src")
    try:
        recorded = run_cases(
            chosen(options.only), root, place, jobs=options.jobs, warm=options.warm
        )
        if options.keep:
            options.keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(place / WORK, options.keep)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    options.out.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    if state_of(root / "src") != before:
        print("digest: src/ changed meanwhile: these digests are of no one state", file=sys.stderr)
    files = sum(len(case["files"]) for case in recorded["cases"].values())
    seconds, spent = time.perf_counter() - start, os.times()
    processor = spent.children_user + spent.children_system
    print(
        f"{len(recorded['cases'])} cases, {files:,} files in {seconds:.0f} s "
        f"({processor:.0f} s of processor time): {options.out}"
    )
    return 0


def compare(
    old_file: Path, new_file: Path, only: Sequence[str], trees: Sequence[Path] | None
) -> int:
    """Print what differs between two digest files, and with `trees` what differs inside."""
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (old_file, new_file))
    found = differences(old, new, only)
    if old.get("place") != new.get("place"):
        print("recorded in two places: what holds a digest of a path differs for that alone")
    for line in other_versions(old, new):
        print(f"version: {line}")
    for difference in found:
        print(difference)
        for line in inside(difference, *trees) if trees else ():
            print(f"    {line}")
    print(f"{equal_files(old, new, only):,} files equal, {len(found)} differences")
    return 1 if found else 0


def inside(difference: Difference, old: Path, new: Path) -> list[str]:
    """What differs inside a changed file that both trees hold."""
    paths = [tree / difference.case / difference.name for tree in (old, new)]
    if difference.what != "changed" or not all(path.is_file() for path in paths):
        return []
    return explain(*paths)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the place is removed then, too
    sys.exit(main())
