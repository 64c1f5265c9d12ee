"""vitmap models: the families that maps can be read from, and what lies on this machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vitmap.commands.terminal.console import say, table
from vitmap.commands.terminal.options import Parser

if TYPE_CHECKING:
    from vitmap.models.catalog import Entry

_NAMES = {
    "timm:NAME": "vit, deit, eva02, beit, dinov3, siglip (pip install 'vitmap[timm]')",
    "torchvision:NAME": "vit_b_16, vit_b_32, vit_l_16, vit_l_32, vit_h_14",
    "FOLDER": "a checkpoint in the layout of Hugging Face or timm",
    "FILE.pth": "a checkpoint as DINO's own code writes it",
}


def run(arguments: Sequence[str]) -> int:
    """Print the catalog; always 0, since a model that is missing is no failure here."""
    parser = Parser(
        prog="vitmap models",
        description="What --model takes, and which models lie on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="the same, for machines")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(list(arguments))
    from vitmap.models.catalog import families, on_this_machine

    entries = on_this_machine()
    if options.json:
        here = [entry.as_dict() for entry in entries]
        about = {"families": families(), "names": _NAMES, "models": here}
        print(json.dumps(about, indent=1))
        return 0
    _say_table("On this machine:", [_HEADER, *(_row(entry) for entry in entries)])
    for entry in entries:
        if entry.trouble:
            say(f"  {entry.name}: no maps ({entry.trouble})")
    rows = [[kind, about["prefix"] or "none", about["query"]] for kind, about in families().items()]
    say()
    _say_table("Families of Hugging Face ids (owner/name):", [_FAMILIES, *rows])
    say()
    _say_table("Other names that --model takes:", [list(pair) for pair in _NAMES.items()])
    return 0


def _say_table(title: str, rows: list[list[str]]) -> None:
    say(title)
    for line in table(rows, numbers=False):
        say(f"  {line}")


_FAMILIES = ["family", "prefix tokens", "query where none is named"]
_HEADER = ["model", "family", "patch", "layers × heads", "prefix tokens", "classes", "weights"]


def _row(entry: Entry) -> list[str]:
    known = entry.layers is not None
    return [
        entry.name,
        entry.family,
        f"{entry.patch} px" if entry.patch else "–",
        f"{entry.layers} × {entry.heads}" if known else "–",
        (", ".join(entry.prefix) or "none") if known else "–",
        str(entry.labels or "–"),
        f"{entry.megabytes:.0f} MB",
    ]
