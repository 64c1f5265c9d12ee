"""The options of `vitmap map`, grouped as a reader looks for them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from vitmap import __version__
from vitmap.commands.terminal.console import complain, say
from vitmap.errors import UsageError

_EPILOG = """\
examples:
  vitmap cat.jpg                                  the last layer, every head
  vitmap cat.jpg --layer 0,5,11 --head 3          three layers of one head
  vitmap lot/ --model ./my-finetuned-vit          a folder, with your own checkpoint
  vitmap cat.jpg --fit squash --scale cell --at model    the original DINO program's files
  vitmap part.jpg --method distance --reference good/ --layer 8    unlike normal images
  vitmap part.jpg --recipe outputs/rank/recipe.json      as `vitmap rank` found it best
  vitmap --replay outputs/cat/run.json            the same files again
  vitmap soart --help                             the metric-based path: no model, no training

other commands (each has its own --help):
  vitmap compare car.jpg cat.jpg                  heads across pictures, or across models
  vitmap explore cat.jpg                          one page: every layer and head, click a patch
  vitmap rank DATASET                             which layer and head shows the defect
  vitmap review lot/                              regions, exports and one page of a whole lot
  vitmap models                                   what --model takes, what lies on this machine

A layer (L) is a block of the model; a head (H) is one of the several attentions inside a layer.
Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others are finished), 4 no model.
"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line and help on any console."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]} ({self.prog} --help says more).")

    def print_help(self, file: Any = None) -> None:
        super().print_help(file) if file else say(self.format_help().rstrip())


def parser_of() -> argparse.ArgumentParser:
    """The parser; it imports nothing that is slow."""
    parser = Parser(
        prog="vitmap",
        description="What did this Vision Transformer look at, and which layer and head shows it?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="pictures, folders or patterns")
    parser.add_argument("--version", action="version", version=f"vitmap {__version__}")
    _add_model(parser.add_argument_group("which model"))
    _add_maps(parser.add_argument_group("which maps"))
    _add_look(parser.add_argument_group("how they are drawn"))
    _add_output(parser.add_argument_group("where they go"))
    return parser


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--model",
        metavar="NAME",
        help="Hugging Face id (owner/name or owner/name@revision), timm:NAME, torchvision:NAME, "
        "local folder or DINO's .pth file; one with a classifier also gives the label "
        "(default: facebook/dino-vits8; `vitmap models` lists more)",
    )
    group.add_argument(
        "--classifier",
        metavar="NAME",
        help="the model that gives the label (default: the one of --model, else "
        "google/vit-base-patch16-224)",
    )
    group.add_argument(
        "--no-classify", dest="classify", action="store_false", help="maps alone, no label"
    )
    group.add_argument(
        "--precision",
        default="fp32",
        metavar="fp32|bf16",
        help="bf16 is faster and changes the numbers a little (default: fp32)",
    )
    group.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:1, mps (default: cuda if there is one)"
    )


def _add_maps(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--method",
        default="attention",
        metavar="NAME",
        help="what the maps show: attention, distance (how unlike each patch is to all patches of "
        "the --reference), or an installed one (default: attention; docs/methods.md says more)",
    )
    group.add_argument(
        "--reference",
        metavar="FOLDER",
        help="normal images to compare with, for a method that does",
    )
    group.add_argument(
        "--layer",
        default="-1",
        metavar="LAYERS",
        help="-1 (the last), 0,3,11, 4:8 (4 to 7) or all (default: -1)",
    )
    group.add_argument("--head", default="all", metavar="HEADS", help="the same (default: all)")
    group.add_argument(
        "--reduce",
        default="none",
        metavar="none|heads|layers|mean",
        help="average the chosen heads, the chosen layers, or both (mean); the labels say so "
        "(default: none)",
    )
    group.add_argument(
        "--recipe",
        metavar="RECIPE.JSON",
        help="what `vitmap rank` found: its layer and head, against its good pictures, with its "
        "threshold and scale",
    )
    group.add_argument(
        "--query",
        metavar="TOKEN",
        help="whose attention: cls, register:0, pool, mean (over patches), patch:X,Y in the "
        "photo's pixels, patch:X,Y+X,Y (default: cls, or what the model has in its place)",
    )
    group.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help="the model sees about PX² pixels (default: 480; a model of one size: that)",
    )
    group.add_argument(
        "--fit",
        metavar="keep|squash",
        help="keep the aspect ratio, or squash to a square (default: keep; a model of one size: "
        "squash)",
    )
    group.add_argument(
        "--threshold",
        type=number,
        default=0.6,
        metavar="SHARE",
        help="a mask keeps the fewest patches that hold this share of the mass (default: 0.6)",
    )


def _add_look(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--scale",
        metavar="cell|image|run",
        help="one colour scale a map, a photo or a run (default: image; run for several photos)",
    )
    group.add_argument(
        "--upsample",
        default="nearest",
        metavar="nearest|bilinear",
        help="patches as they are, or smoothed (default: nearest)",
    )
    group.add_argument(
        "--colormap", default="viridis", metavar="NAME", help="of matplotlib (default: viridis)"
    )
    group.add_argument(
        "--font",
        metavar="FILE",
        help="draws the letters that the figure's own font lacks (default: VITMAP_FONT, or an "
        "installed font that has them)",
    )
    group.add_argument(
        "--at",
        default="photo",
        metavar="photo|model",
        help="files at the photo's own size, or at the model's as the original program wrote them "
        "(default: photo)",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", metavar="DIR", help="a folder a picture goes here (default: outputs)"
    )
    add_wait(group)
    group.add_argument("--replay", metavar="RUN.JSON", help="do a recorded run again")
    group.add_argument("--json", action="store_true", help="one JSON line a picture, for machines")
    group.add_argument("--quiet", action="store_true", help="print failures alone")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")


def number(text: str) -> float:
    """A number, or the error that argparse turns into a line."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def seconds(text: str) -> float:
    """A time to wait, or the error that argparse turns into a line."""
    value = number(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: expected seconds, 0 or more")
    return value


def add_wait(group: argparse._ActionsContainer) -> None:
    """--wait, which every command has that writes into a folder."""
    group.add_argument(
        "--wait",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="wait so long for another vitmap that writes into the same folder (default: 60)",
    )


def recorded(arguments: Sequence[str]) -> list[str]:
    """The arguments as run.json holds them: without --wait, on which no file depends.

    >>> recorded(["a.png", "--wait", "5", "--head", "1", "--", "--wait"])
    ['a.png', '--head', '1', '--', '--wait']
    """
    kept: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        if word == "--wait":
            next(rest, None)
        elif not word.startswith("--wait="):
            kept.append(word)
    return kept


def patient(options: argparse.Namespace) -> AbstractContextManager[None]:
    """All locks inside are waited for as --wait says, with a word on standard error."""
    from vitmap.files.lock import patience

    return patience(options.wait, None if options.quiet else complain)
