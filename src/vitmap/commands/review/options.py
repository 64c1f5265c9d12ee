"""The options of `vitmap review`, grouped as a reader looks for them."""

from __future__ import annotations

import argparse

from vitmap.commands.terminal.options import Parser, add_wait

_EPILOG = """\
examples:
  vitmap review lot/ --recipe recipe.json                 verdicts, from a recipe of vitmap rank
  vitmap review lot/ --layer 8 --head 1 --threshold 4x    one head, regions above 4 × uniform
  vitmap review 'lots/**/*.png' --list more.txt --export csv,coco,cvat
  vitmap review lot/ --shard 2/3                          a third of it; then: vitmap merge

A run that was stopped goes on where it was when the same command is given again.
Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others are finished), 4 no model.
"""


def parser_of() -> Parser:
    """The parser; it imports nothing that is slow."""
    parser = Parser(
        prog="vitmap review",
        description="A lot of pictures: heatmaps, regions, exports, and one page to review them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("images", nargs="*", metavar="FOLDER", help="folders, pictures or patterns")
    parser.add_argument(
        "--list",
        action="append",
        metavar="FILE",
        help="a text file with a picture's path a line; relative ones start at the file's folder",
    )
    _add_maps(parser.add_argument_group("which map"))
    _add_regions(parser.add_argument_group("what counts as a region"))
    _add_look(parser.add_argument_group("how it is drawn"))
    _add_output(parser.add_argument_group("what is written, and where"))
    return parser


def _add_maps(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recipe", metavar="FILE", help="which layer and head, against good pictures: verdicts"
    )
    group.add_argument("--model", metavar="NAME", help="as vitmap IMAGE takes it")
    group.add_argument("--layer", default="-1", metavar="LAYERS", help="their mean (default: -1)")
    group.add_argument("--head", default="all", metavar="HEADS", help="their mean (default: all)")
    group.add_argument("--query", metavar="TOKEN", help="whose attention (default: cls)")
    group.add_argument("--size", type=int, metavar="PX", help="seen at about PX² (default: 480)")
    group.add_argument("--fit", metavar="keep|squash", help="(default: keep)")
    group.add_argument("--precision", default="fp32", metavar="fp32|bf16", help="(default: fp32)")
    group.add_argument("--device", default="auto", help="cpu, cuda, mps (default: auto)")


def _add_regions(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--threshold",
        metavar="SHARE|LEVELx",
        help="0.6: the fewest patches with 60%% of the mass; 4x: patches at or above 4 in the "
        "map's own unit (default: the recipe's level, else 0.6)",
    )
    group.add_argument(
        "--merge",
        type=int,
        default=0,
        metavar="PX",
        help="parts with at most so many pixels between them are one region (default: 0)",
    )
    group.add_argument(
        "--min-area",
        type=int,
        default=0,
        metavar="PX",
        help="smaller regions are dropped, after merging (default: 0)",
    )
    group.add_argument(
        "--label", default="defect", metavar="NAME", help="of a region (default: defect)"
    )


def _add_look(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--scale",
        metavar="good|run",
        help="one colour scale for the lot: by good pictures, or by all of the lot (default: "
        "good where the recipe has it, else run)",
    )
    group.add_argument("--upsample", default="nearest", metavar="nearest|bilinear")
    group.add_argument("--colormap", default="viridis", metavar="NAME")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--export",
        default="csv,png",
        metavar="NAMES",
        help="csv, heatmap, mask, overlay, png (these three), raw16, tensors, coco, label-studio, "
        "cvat, labelme, all, none (default: csv,png); the page index.html is always written",
    )
    group.add_argument("--out", metavar="DIR", help="(default: outputs/review)")
    add_wait(group)
    group.add_argument("--shard", metavar="I/N", help="do the i-th of n parts of the lot")
    group.add_argument("--json", action="store_true", help="one JSON line at the end")
    group.add_argument("--quiet", action="store_true", help="print failures alone")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
