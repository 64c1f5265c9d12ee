"""The options of `vitmap compare`, grouped as a reader looks for them."""

from __future__ import annotations

import argparse

from vitmap.commands.terminal.options import Parser, add_wait, number

_EPILOG = """\
examples:
  vitmap compare car.jpg cat.jpg                         the last layer, head by head
  vitmap compare car.jpg cat.jpg --layer all --head 4    every layer of one head
  vitmap compare car.jpg cat.jpg --parts parts.json      which head finds the wheels, as a number
  vitmap compare cat.jpg --models a/ b/ timm:NAME        one picture in several models
  vitmap compare cat.jpg --models runs/epoch-* --label 'tabby cat'    right or wrong, by epoch

A layer (L) is a block of the model; a head (H) is one of the several attentions inside a layer.
Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others are finished), 4 a model failed.
"""


def parser_of() -> Parser:
    """The parser; it imports nothing that is slow."""
    parser = Parser(
        prog="vitmap compare",
        description="Heads side by side: several pictures in one model, or one in several models.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="pictures, folders or patterns")
    _add_model(parser.add_argument_group("which model"))
    _add_maps(parser.add_argument_group("which maps"))
    _add_known(parser.add_argument_group("what is known of the pictures"))
    _add_look(parser.add_argument_group("how they are drawn"))
    _add_output(parser.add_argument_group("where they go"))
    return parser


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model", metavar="NAME", help="as vitmap IMAGE takes it")
    group.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="NAME",
        help="one picture, named before, in these models or checkpoints, such as the epochs of a "
        "training",
    )
    group.add_argument("--classifier", metavar="NAME", help="the model that gives the label")
    group.add_argument(
        "--no-classify", dest="classify", action="store_false", help="maps alone, no label"
    )
    group.add_argument("--precision", default="fp32", metavar="fp32|bf16", help="(default: fp32)")
    group.add_argument("--device", default="auto", help="cpu, cuda, mps (default: auto)")


def _add_maps(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--layer", default="-1", metavar="LAYERS", help="-1, 0,3,11, 4:8 or all (default: -1)"
    )
    group.add_argument("--head", default="all", metavar="HEADS", help="the same (default: all)")
    group.add_argument(
        "--reduce",
        default="none",
        metavar="none|heads|layers|mean",
        help="average the chosen heads, the chosen layers, or both (default: none)",
    )
    group.add_argument(
        "--query", metavar="TOKEN", help="whose attention: cls, register:0, mean, patch:X,Y"
    )
    group.add_argument("--size", type=int, metavar="PX", help="seen at about PX² (default: 480)")
    group.add_argument("--fit", metavar="keep|squash", help="(default: keep)")
    group.add_argument(
        "--threshold",
        type=number,
        default=0.6,
        metavar="SHARE",
        help="kept are the fewest patches that hold this share of the mass (default: 0.6)",
    )


def _add_known(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help="what the pictures show, as the classifier calls it: once for all, or once a picture; "
        "each label is marked as correct or wrong",
    )
    group.add_argument(
        "--parts",
        metavar="FILE",
        help="COCO .json or .csv with boxes of parts (image,x0,y0,x1,y1,label): which head finds "
        "them",
    )


def _add_look(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--show",
        default="map",
        metavar="map|overlay|mask",
        help="the map, the map over its photo, or what is kept of the photo (default: map)",
    )
    group.add_argument(
        "--scale",
        metavar="run|image|cell",
        help="one colour scale for all, for each row, or for each map (default: run)",
    )
    group.add_argument("--upsample", default="nearest", metavar="nearest|bilinear")
    group.add_argument("--colormap", default="viridis", metavar="NAME", help="of matplotlib")
    group.add_argument("--font", metavar="FILE", help="draws what the figure's own font lacks")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", metavar="DIR", help="(default: a folder in outputs/compare, named by its rows)"
    )
    add_wait(group)
    group.add_argument("--json", action="store_true", help="one JSON line, for machines")
    group.add_argument("--quiet", action="store_true", help="print failures alone")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
