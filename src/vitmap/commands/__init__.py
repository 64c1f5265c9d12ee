"""The command line: one file a command, and nothing heavy imported before it is needed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from vitmap.commands.terminal.console import complain, prepare_console
from vitmap.errors import InputError, VitmapError, require_models

COMMANDS = {
    "map": "maps of one or more pictures (the default: `vitmap IMAGE` is `vitmap map IMAGE`)",
    "compare": "heads across pictures on one scale, or one picture across models",
    "explore": "one offline page: every layer and head; a click shows what a patch attends to",
    "rank": "which layer and head shows the defect, from labelled pictures",
    "review": "a lot of pictures: regions, exports and one page to review them",
    "merge": "the shards of a review as one",
    "models": "what --model takes, and what lies on this machine",
    "soart": "the metric-based path: metrics, attend, verdict, map",
}

_ELSEWHERE = {"merge": "review.merge_command", "models": "models"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 2 wrong use, 3 failed inputs, 4 no model."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    prepare_console()
    command = given.pop(0) if given and given[0] in COMMANDS else "map"
    try:
        place = _ELSEWHERE.get(command, f"{command}.command")
        code: int = import_module(f"vitmap.commands.{place}").run(given)
        sys.stdout.flush()
    except VitmapError as error:
        return _stop(error, given)
    except ModuleNotFoundError as error:
        known = require_models(error)
        return _stop(known if isinstance(known, VitmapError) else _left_over(error), given)
    except KeyboardInterrupt:
        complain("Stopped. What was finished is kept, what was under way left nothing behind.")
        return 130
    except BrokenPipeError:  # `vitmap lot/ | head -1`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # what nobody thought of is one line, too
        return _stop(_left_over(error), given)
    return code


def _stop(error: VitmapError, given: Sequence[str]) -> int:
    if "--debug" in given:
        traceback.print_exception(error)
    complain(str(error))
    return error.exit_code


def _left_over(error: Exception) -> VitmapError:
    """The net below all commands: what no part of the program has put into words."""
    if isinstance(error, MemoryError):
        said = (
            "More memory is needed than there is: smaller or fewer pictures, a smaller --size or a "
            "smaller model need less."
        )
    elif isinstance(error, OSError) and error.strerror:
        place = f"{os.fsdecode(error.filename)}: " if _names(error.filename) else ""
        said = f"{place}cannot be read or written ({error.strerror})."
    else:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        what = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        said = (
            f"something unexpected went wrong ({what}). This is a fault of vitmap: run the command "
            "again with --debug and report what it prints."
        )
    left = InputError(said)
    left.__cause__ = error
    return left


def _names(filename: object) -> bool:
    return isinstance(filename, str | bytes | os.PathLike)
