"""A process that has imported the large libraries, and begins a copy of itself for every command.

    python warm.py

A line of its standard input is a JSON list: the arguments, the file of standard output and that of
standard error. A line of its standard output is the exit code. Of vitmap nothing is imported before
the copy begins, and the copy goes on as `python -m vitmap` does. It needs fork: not on Windows.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO

LARGE = (
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "torch",
    "torchvision",
    "transformers.image_processing_utils",
    "transformers.modeling_utils",
    "transformers.models.vit.modeling_vit",
)


def main() -> None:
    """Answer line after line; in a copy, be the command."""
    for name in LARGE:
        with suppress(ImportError):  # then every command looks for it by itself
            import_module(name)
    gc.collect()
    gc.freeze()  # a copy would walk through all that is imported, and so copy it in earnest
    sys.path[0] = str(Path.cwd())  # as `python -m` has it
    answers = os.fdopen(os.dup(1), "w")  # a copy says other things on standard output
    arguments = next_command(answers)
    if arguments is not None:
        sys.argv = ["vitmap", *arguments]
        runpy.run_module("vitmap", run_name="__main__", alter_sys=True)


def next_command(answers: IO[str]) -> list[str] | None:
    """In a copy: the arguments of its command. In the first process: nothing, at the end."""
    for line in iter(sys.stdin.readline, ""):
        arguments, *places = json.loads(line)
        copy = os.fork()
        if not copy:
            redirect(*places)
            return arguments
        _, status = os.waitpid(copy, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
    return None


def redirect(out: str, err: str) -> None:
    """Nothing comes in; what is said goes to these files."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, place in ((1, out), (2, err)):
        os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)


if __name__ == "__main__":
    main()
