"""vitmap soart …: the metric-based path, a file a command."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from vitmap.commands.terminal.console import say
from vitmap.errors import UsageError
from vitmap.registry import suggest

COMMANDS = {
    "metrics": "pictures against a standard → three tables of metrics",
    "attend": "tables → attention, features, a workbook and a figure",
    "verdict": "pictures in folders by class → which method tells them apart, and what it says",
    "map": "pictures against a standard → where they differ",
}
_HELP = """\
usage: vitmap soart COMMAND …

The metric-based path (SOART): no model, no training, no torch.

{commands}

vitmap soart COMMAND --help says more. Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others
are finished)."""


def run(arguments: Sequence[str]) -> int:
    """Hand over to the command named first."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name in ("-h", "--help"):
        lines = [f"  {command:8} {what}" for command, what in COMMANDS.items()]
        say(_HELP.format(commands="\n".join(lines)))
        return 0
    if not name:
        raise UsageError(f"No command was given: vitmap soart {', '.join(COMMANDS)} (or --help).")
    if name not in COMMANDS:
        raise suggest("soart command", name, COMMANDS)
    code: int = import_module(f"vitmap.commands.soart.{name}_command").run(rest)
    return code
