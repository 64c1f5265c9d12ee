"""Arguments as people type them: in any order, and values that begin with a dash."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Options and pictures in any order, `--layer -3:` and names that begin with a dash too."""
    arguments = list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_intermixed_args(_glue(arguments[:end]))
    options.images = [*options.images, *arguments[end + 1 :]]  # after `--` also `-1.png` is a name
    return options


def _glue(arguments: Sequence[str]) -> list[str]:
    """`--layer -3:` as `--layer=-3:`, which argparse would take for a flag."""
    glued: list[str] = []
    for argument in arguments:
        if glued and glued[-1] in ("--layer", "--head") and re.match(r"-\d", argument):
            glued[-1] += f"={argument}"
        else:
            glued.append(argument)
    return glued
