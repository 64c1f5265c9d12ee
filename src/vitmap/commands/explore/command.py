"""vitmap explore IMAGE: one offline page with every layer and head, where any patch may ask."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.terminal.arguments import parse
from vitmap.commands.terminal.console import complain, say
from vitmap.commands.terminal.options import Parser, add_wait, number, patient, recorded
from vitmap.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitmap.commands.explore.run import Explored
    from vitmap.commands.explore.settings import ExploreSettings

_EPILOG = """\
examples:
  vitmap explore car.jpg                          every layer and head of the default model
  vitmap explore car.jpg cat.jpg                  two photos, linked to the same layer and head
  vitmap explore car.jpg --model ./my-vit --layer 8:  your own checkpoint, its last layers
  vitmap explore car.jpg --size 640 --query mean  a finer grid; the mean over patches asks first

The page is one file: it opens from a disk or a mail, without a network and without a server.
A layer (L) is a block of the model; a head (H) is one of the several attentions inside a layer.
Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others are finished), 4 no model.
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, look, write, print; returns the exit code."""
    options = parse(_parser(), arguments)
    if not options.images:
        raise UsageError("No picture was given: vitmap explore IMAGE (--help says more).")
    settings = _settings(options)
    paths = _paths(options.images)
    from vitmap.runs.keeping import keep_result

    out = Path(options.out) if options.out else _default_out(paths)
    with patient(options), keep_result(out):
        from vitmap.commands.explore.run import explore, load_model  # torch from here on

        model, remarks = load_model(settings)
        found = explore(
            paths, settings, model, remarks, out, ["vitmap", "explore", *recorded(arguments)]
        )
        return _told(found, options)


def _settings(options: argparse.Namespace) -> ExploreSettings:
    from vitmap.commands.explore.settings import ExploreSettings

    chosen = {field.name: getattr(options, field.name) for field in fields(ExploreSettings)}
    settings = ExploreSettings(**chosen)
    settings.check()
    return settings


def _paths(given: Sequence[str]) -> list[Path]:
    from vitmap.photo.find import find_pictures

    paths, missing = find_pictures(given)
    if len(paths) + len(missing) > 2:
        raise UsageError(
            f"{len(paths) + len(missing)} pictures were given: a page shows one, or two side by "
            "side. vitmap compare draws more of them in one figure."
        )
    found = dict.fromkeys([*paths, *(Path(name) for name in missing)])
    return list(found)


def _default_out(paths: Sequence[Path]) -> Path:
    from vitmap.runs.names import folder_names

    return Path("outputs/explore") / "-".join(folder_names(paths))


def _told(found: Explored, options: argparse.Namespace) -> int:
    for error in found.failed:
        if options.debug:
            traceback.print_exception(error)
        complain(str(error))
    for remark in found.remarks:
        complain(remark)
    if options.json:
        print(json.dumps({"folder": str(found.out), **found.record}), flush=True)
    elif not options.quiet:
        _say(found)
    if found.failed:
        complain(f"{len(found.failed)} of {len(found.record['pictures'])} inputs failed.")
    return InputError.exit_code if found.failed else 0


def _say(found: Explored) -> None:
    record = found.record
    for picture in record["pictures"]:
        if picture["status"] != "done":
            continue
        (height, width), (gy, gx) = picture["photo_yx"], picture["patch_grid_yx"]
        seen = picture["seen_at_yx"]
        notes = "".join(f"; {note}" for note in picture["notes"])
        say(f"{picture['name']}: {width} × {height} px{notes}")
        say(f"  seen at {seen[1]} × {seen[0]} px, {gx} × {gy} patches")
    say(f"  {record['exact']}")
    say(f"  {record['bytes'] / 1e6:.1f} MB in {found.out}: open explore.html")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="vitmap explore",
        description="One offline HTML page: every layer and head, and a click shows what any patch "
        "of the photo attends to.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="one picture, or two to compare")
    add = parser.add_argument_group("which model").add_argument
    add("--model", metavar="NAME", help="as vitmap map takes it (default: facebook/dino-vits8)")
    add("--precision", default="fp32", metavar="fp32|bf16", help="(default: fp32)")
    add("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: cuda if there is one)")
    add = parser.add_argument_group("how it is seen").add_argument
    add(
        "--size",
        type=int,
        metavar="PX",
        help="the model sees about PX² pixels (default: what gives the finest grid of at most 784 "
        "patches; a model of one size: that). A finer grid keeps fewer layers, so that the page "
        "stays within 25 MB a photo",
    )
    add("--fit", metavar="keep|squash", help="keep the aspect ratio, or squash (default: keep)")
    add(
        "--layer",
        metavar="LAYERS",
        help="which are on the page: -1, 0,3,11, 4:8 (4 to 7) or all, however large the page grows "
        "(default: all that fit)",
    )
    add = parser.add_argument_group("how the page opens").add_argument
    add(
        "--query",
        metavar="TOKEN",
        help="whose attention is shown first: cls, register:0, pool, mean, patch:X,Y in the "
        "photo's pixels (default: cls, or what the model has in its place)",
    )
    add(
        "--threshold",
        type=number,
        default=0.6,
        metavar="SHARE",
        help="the share of the mass that the outlined patches hold (default: 0.6)",
    )
    add("--colormap", default="viridis", metavar="NAME", help="of matplotlib (default: viridis)")
    group = parser.add_argument_group("where it goes")
    add = group.add_argument
    add("--out", metavar="DIR", help="(default: outputs/explore/ and the pictures' names)")
    add_wait(group)
    add("--json", action="store_true", help="one JSON line, for machines")
    add("--quiet", action="store_true", help="print failures alone")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser
