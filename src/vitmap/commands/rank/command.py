"""vitmap rank DATASET: which layer and head shows the defect, and the recipe that says so."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vitmap.commands.terminal.console import complain, say, table
from vitmap.commands.terminal.options import Parser, add_wait, number, patient, recorded
from vitmap.commands.terminal.progress import Progress
from vitmap.errors import InputError, UsageError

if TYPE_CHECKING:
    from vitmap.commands.rank.run import Found, RankSettings
    from vitmap.datasets import Dataset

_EPILOG = """\
examples:
  vitmap rank screws/                              an MVTec or VisA folder, or good/ and bad/
  vitmap rank --images lot/ --masks masks/         pictures, and masks of the same names
  vitmap rank --images lot/ --boxes boxes.json     COCO, or a CSV: image,x0,y0,x1,y1
  vitmap rank lot/ --golden good/                  also as the difference from good pictures
  vitmap rank photos/                              no labels: what each head does, none ranked
  vitmap image.jpg --recipe outputs/rank/recipe.json     use what was found

A layer (L) is a block of the model; a head (H) is one of the several attentions inside a layer.
Every score is held out: a cell is chosen on some pictures and scored on others.
Exit codes: 0 done, 2 wrong use, 3 inputs failed (the others are finished), 4 no model.
"""


def run(arguments: Sequence[str]) -> int:
    """Parse, look, rank, write, print; returns the exit code."""
    options = _parser().parse_args(list(arguments))
    from vitmap.commands.rank.run import RankSettings
    from vitmap.runs.keeping import keep_result

    settings = RankSettings(
        model=options.model,
        size=options.size,
        fit=options.fit,
        query=options.query,
        precision=options.precision,
        device=options.device,
        by=options.by,
        threshold=options.threshold,
        folds=options.folds,
        seed=options.seed,
        align=options.align,
        false_alarms=options.false_alarms,
    )
    settings.check()
    out = Path(options.out or "outputs/rank")
    dataset = _dataset(options)
    golden = _golden(options, dataset)
    if dataset.golden and not golden and options.golden is None:
        few = f"{len(dataset.golden)} of 4 good pictures in train/good: too few to compare with."
        dataset = replace(dataset, remarks=(*dataset.remarks, few))
    command = ["vitmap", "rank", *recorded(arguments)]
    if dataset.layout == "no labels":
        with patient(options), keep_result(out):
            return _portray(options, settings, dataset, out, command)
    with patient(options), keep_result(out, Path(options.rows) if options.rows else None):
        return _rank(options, settings, dataset, golden, out, command)


def _rank(
    options: argparse.Namespace,
    settings: RankSettings,
    dataset: Dataset,
    golden: Sequence[Path],
    out: Path,
    command: Sequence[str],
) -> int:
    from vitmap.commands.rank.report import write_ranking
    from vitmap.commands.rank.run import level_of, load_model, rank_pictures
    from vitmap.rank.answer import check_alarms

    level_of(dataset, settings)  # what cannot be ranked is said before a model is loaded
    good = len(golden) or sum(sample.kind == "good" for sample in dataset.samples)
    check_alarms(settings.false_alarms, good)
    model, remarks = load_model(settings)
    for remark in remarks:
        complain(remark)
    pictures = len(golden) + len(dataset.samples)
    rows = Path(options.rows) if options.rows else None
    with closing(Progress(pictures, wanted=not options.quiet, steps=1)) as progress:
        found = rank_pictures(dataset, golden, settings, model, progress.step, rows)
    files = write_ranking(out, found, command)
    _complain(options, found.failed, [*found.again, *found.remarks])
    _tell(options, found, out, files)
    return _exit_code(found.failed, pictures)


def _portray(
    options: argparse.Namespace,
    settings: RankSettings,
    dataset: Dataset,
    out: Path,
    command: Sequence[str],
) -> int:
    """Without labels nothing can be ranked: what each head does is told instead."""
    from vitmap.commands.rank.portrait import portray
    from vitmap.commands.rank.portrait_report import write_portrait
    from vitmap.commands.rank.portrait_told import tell_portrait
    from vitmap.commands.rank.run import load_model

    for name in ("golden", "by", "false_alarms", "rows"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} was given, but {dataset.name} has no labels to rank "
                "by: put pictures into good/ and others, or give --images with --masks or --boxes."
            )
    model, remarks = load_model(settings)
    pictures = len(dataset.samples)
    with closing(Progress(pictures, wanted=not options.quiet, steps=1)) as progress:
        portrait = portray(dataset, settings, model, progress.step)
    files = write_portrait(out, portrait, command)
    _complain(options, portrait.failed, [*remarks, *portrait.remarks])
    if options.json:
        print(json.dumps({"folder": str(out), "files": files, "recipe": None}), flush=True)
    elif not options.quiet:
        for line in tell_portrait(portrait):
            say(line)
        say(f"  {len(files)} files in {out}: start with portrait.png")
    return _exit_code(portrait.failed, pictures)


def _complain(
    options: argparse.Namespace, failed: Sequence[Exception], remarks: Sequence[str]
) -> None:
    for error in failed:
        if options.debug:
            traceback.print_exception(error)
        complain(str(error))
    for remark in remarks:
        complain(remark)


def _exit_code(failed: Sequence[Exception], pictures: int) -> int:
    if failed and pictures > 1:
        complain(f"{len(failed)} of {pictures} inputs failed.")
    return InputError.exit_code if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="vitmap rank",
        description="Which layer and head shows the defect?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("which pictures").add_argument
    add("dataset", nargs="?", metavar="DATASET", help="MVTec or VisA folder, or good/ and others")
    add("--images", nargs="+", metavar="PICTURE|DIR", help="pictures, with --masks or --boxes")
    add("--masks", metavar="DIR", help="a mask for each picture; all black: a good one")
    add("--boxes", metavar="FILE", help="COCO .json or .csv with the defects' boxes")
    add(
        "--golden",
        nargs="+",
        metavar="PICTURE|DIR",
        help="4 or more good pictures to compare with; none: do not (default: train/good of an "
        "MVTec folder)",
    )
    add(
        "--no-align",
        dest="align",
        action="store_false",
        help="compare parts as they lie; else a shift against the first good picture is undone",
    )
    add = parser.add_argument_group("which model").add_argument
    add("--model", metavar="NAME", help="as vitmap map takes it (default: facebook/dino-vits8)")
    add("--size", type=int, metavar="PX", help="the model sees about PX² pixels (default: 480)")
    add("--fit", metavar="keep|squash", help="keep the aspect ratio, or squash (default: keep)")
    add("--query", metavar="TOKEN", help="whose attention: cls, register:0, mean (default: cls)")
    add("--precision", default="fp32", metavar="fp32|bf16", help="(default: fp32)")
    add("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: cuda if there is one)")
    add = parser.add_argument_group("how cells are ranked").add_argument
    add(
        "--by",
        metavar="METRIC",
        help="auroc, ap, pro, mass, hit, iou, picture-auroc or picture-ap (default: auroc; "
        "picture-auroc without masks)",
    )
    add(
        "--threshold",
        type=number,
        default=0.6,
        metavar="SHARE",
        help="iou is of the mask that holds this share of the mass (default: 0.6)",
    )
    add("--folds", type=int, default=5, metavar="N", help="parts to hold out (default: 5)")
    add("--seed", type=int, default=0, metavar="N", help="of folds and resamples (default: 0)")
    add(
        "--false-alarms",
        type=number,
        metavar="SHARE",
        help="of good pictures that may be called defective by the recipe's threshold (default: "
        "0.05, or the finest that so many good pictures can tell)",
    )
    group = parser.add_argument_group("where it goes")
    add = group.add_argument
    add("--out", metavar="DIR", help="(default: outputs/rank)")
    add_wait(group)
    add(
        "--rows",
        metavar="DIR",
        help="keep there what was measured of each picture; a later run does not measure it again "
        "(good pictures to compare with it does)",
    )
    add("--json", action="store_true", help="one JSON line, for machines")
    add("--quiet", action="store_true", help="print failures alone")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _dataset(options: argparse.Namespace) -> Dataset:
    from vitmap.datasets import read_boxed, read_dataset, read_masked

    if options.dataset and options.images:
        raise UsageError("DATASET and --images exclude each other: give one of them.")
    if options.masks and options.boxes:
        raise UsageError("--masks and --boxes exclude each other: give one of them.")
    if options.images and not (options.masks or options.boxes):
        raise UsageError("--images needs to know where the defects are: give --masks or --boxes.")
    given = options.images or ([options.dataset] if options.dataset else [])
    if not given:
        raise UsageError("No pictures were given: vitmap rank DATASET (--help says more).")
    if options.masks:
        return read_masked(given, options.masks)
    if options.boxes:
        return read_boxed(given, options.boxes)
    return read_dataset(given[0])


def _golden(options: argparse.Namespace, dataset: Dataset) -> list[Path]:
    """The good pictures to compare with; those of the data set where nobody said."""
    from vitmap.photo.find import find_pictures
    from vitmap.reference.statistics import FEWEST, check_count

    if options.golden is None:
        return list(dataset.golden) if len(dataset.golden) >= FEWEST else []
    if options.golden == ["none"]:
        return []
    paths, missing = find_pictures(options.golden)
    for error in missing.values():
        raise error
    check_count(len(paths))
    return paths


def _tell(options: argparse.Namespace, found: Found, out: Path, files: Sequence[str]) -> None:
    from vitmap.commands.rank.words import cautions, headline

    if options.json:
        told = {
            "folder": str(out),
            "files": list(files),
            "headline": headline(found),
            "recipe": found.recipe.label,
            "evidence": found.recipe.evidence,
        }
        print(json.dumps(told), flush=True)
        return
    if options.quiet:
        return
    ranking = found.ranking
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(found.counts.items()))
    golden = found.recipe.evidence["golden"]
    against = f"; {golden} good ones to compare with" if golden else ""
    field = ranking.field
    say(f"{found.dataset.name} ({found.dataset.layout}): {counts}{against}")
    say(f"  {field.depth} layers × {field.heads} heads, query: {found.recipe.query}")
    say(f"  {headline(found)}")
    rows = [["on held-out pictures", ranking.by, "95 %", "lead of the choice", "p", ""]]
    held = ranking.procedure.held
    rows.append(["the cell chosen on others", *_figures(held.estimate), "", "", ""])
    for other, test in zip(ranking.held, ranking.comparisons, strict=True):
        lead = f"{test.difference.value:+.3f}"
        rows.append([other.name, *_figures(other.estimate), lead, f"{test.p:.3f}", test.verdict])
    for line in table(rows):
        say(f"  {line}")
    for line in cautions(found):
        say(f"  {line}")
    if found.recipe.alarm is not None:
        say(f"  threshold for a picture: {found.recipe.alarm}")
    say(f"  {len(files)} files in {out}: start with rank.png")


def _figures(estimate: object) -> tuple[str, str]:
    value, low, high = (getattr(estimate, name) for name in ("value", "low", "high"))
    return f"{value:.3f}", f"{low:.3f}-{high:.3f}"
