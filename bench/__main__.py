"""`python -m bench NAME`: run a case; exit 0 where nothing failed, 1 where something did."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.cases import CASES, Asked, case


def main() -> int:
    """The command line."""
    listed = "\n".join(f"  {name:10}{what}" for name, what in CASES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="What takes too long for a test.",
        epilog=f"cases:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=CASES, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    parser.add_argument(
        "--share", type=float, default=1.0, metavar="SHARE", help="of all trials (default: 1)"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="trials at a time"
    )
    parser.add_argument(
        "--only", metavar="NAME[:TRIAL]", help="one campaign of a case, or one trial of it"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="trials take place there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same, for machines")
    given = parser.parse_args()
    if not 0 < given.share <= 1:
        parser.error(f"argument --share: {given.share:g}: expected more than 0 and at most 1")
    progress = sys.stderr if sys.stderr.isatty() else None

    def say(text: str) -> None:
        if progress is not None:
            print(f"\r\x1b[K{text[:100]}", end="", file=progress, flush=True)

    asked = Asked(given.seed, given.share, given.jobs, given.only, given.work, say)
    answer = case(given.name)(asked)
    say("")
    print("\n".join(answer.lines(given.seed)))
    if given.json is not None:
        given.json.write_text(answer.as_json(given.name, asked), encoding="utf-8")
    return 1 if answer.failures else 0


if __name__ == "__main__":
    sys.exit(main())
