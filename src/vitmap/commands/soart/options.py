"""Options that several `vitmap soart` commands share, and how their values are read."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence

from vitmap.commands.terminal.options import Parser, add_wait
from vitmap.errors import UsageError


def parser_of(command: str, description: str, epilog: str = "") -> Parser:
    """A parser with the options of every command."""
    parser = Parser(
        prog=f"vitmap soart {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--out", metavar="DIR", help="where the files go")
    add_wait(parser)
    parser.add_argument("--json", action="store_true", help="one JSON line, for machines")
    parser.add_argument("--quiet", action="store_true", help="print failures alone")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def add_pictures(parser: Parser) -> None:
    """What is measured, and against what."""
    parser.add_argument(
        "--standard",
        required=True,
        metavar="PICTURE|DIR",
        help="the reference: one picture, or the mean of a folder of good ones",
    )
    parser.add_argument(
        "--images",
        required=True,
        nargs="+",
        metavar="PICTURE|DIR",
        help="pictures, folders or patterns; a picture's class is the name of its folder",
    )


def add_settings(parser: Parser) -> None:
    """How pictures become metrics."""
    group = parser.add_argument_group("how pictures become metrics")
    group.add_argument(
        "--variant",
        default="mean-l2",
        metavar="mean-l2|sum-chebyshev|rt",
        help="mean-l2 (the original's CSV files), sum-chebyshev (the author's last form), or "
        "Taguchi's own rt (default: mean-l2)",
    )
    group.add_argument("--size", type=int, default=30, metavar="PX", help="shrunk to (default: 30)")
    group.add_argument("--kernel", type=int, default=5, metavar="PX", help="(default: 5)")
    group.add_argument(
        "--grid", default="2x2", metavar="RxC", help="areas, a column each (default: 2x2)"
    )
    group.add_argument(
        "--color",
        default="gray",
        metavar="gray|rgb-joint|rgb-split",
        help="rgb-split has columns for each channel (default: gray)",
    )
    group.add_argument(
        "--decimals", type=int, metavar="N", help="round; 3 as the original's files (default: no)"
    )


def add_attention(parser: Parser) -> None:
    """How the attention step is taken."""
    group = parser.add_argument_group("the attention step")
    group.add_argument(
        "--mode",
        default="safe",
        metavar="exact|safe",
        help="the original's arithmetic, or the form without its faults (default: safe)",
    )
    group.add_argument(
        "--qkv",
        default="Y3,Y1,Y2",
        metavar="Y3,Y1,Y2",
        help="which table is Q, K and V, in any order (default: Y3,Y1,Y2)",
    )
    group.add_argument("--no-excel", dest="excel", action="store_false", help="no workbook")


def pair(text: str, noun: str, example: str) -> tuple[int, int]:
    """`2x2` or `4,8` as two numbers of up to nine digits; a single one stands for both.

    Raises UsageError for anything else.
    """
    found = re.fullmatch(r"(\d{1,9})(?:[x×,](\d{1,9}))?", text.strip())
    if not found:
        raise UsageError(f"{noun} {text!r} is not of the form {example}.")
    return int(found[1]), int(found[2] or found[1])


def numbers(text: str, count: int, noun: str, example: str) -> Sequence[float]:
    """`1,2,3` as finite numbers; raises UsageError for anything else."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise UsageError(f"{noun} {text!r} is not of the form {example}.")
    return found
