"""Measure how well a small ViT's maps follow its teacher's, on pictures it has never seen.

    python scripts/evaluate-embedded/evaluate.py --model ../embedded/model
    python scripts/evaluate-embedded/evaluate.py --pictures photos/ --json figures.json

Every picture is resized by its short side and cut to the central square. The model sees it at
``--size``; the teacher sees the same square at 14 px a patch instead of the model's 16, so that
both have one grid. Compared is the last layer's CLS row over the patches, mean of heads, beside

    random    the same architecture with random weights
    centre    a map that ignores the picture: a Gaussian in its middle
    mirror    the teacher itself on the mirrored picture, mirrored back: the ceiling, more or less
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from attention import centre_prior, head_maps, load
from PIL import Image
from scores import agreement, interval
from transformers import AutoImageProcessor, PreTrainedModel

from pictures import read

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
# The classes that scripts/train-embedded holds out.
HELD_OUT = tuple((ROOT / "scripts/train-embedded/held-out-classes.txt").read_text().split())
SCORES = {
    "spearman": "Spearman",
    "pointing": "pointing",
    "iou": "IoU 60 %",
    "heads_iou": "between heads",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=ROOT / "src/vitmap/embedded")
    parser.add_argument("--teacher", type=Path, default=SHARED / "models/dinov2-small-saliency")
    parser.add_argument(
        "--pictures",
        type=Path,
        nargs="+",
        help="archives or folders, taken whole; default: held-out classes and the ImageNet sample",
    )
    parser.add_argument("--size", type=int, nargs="+", default=[224, 480])
    parser.add_argument(
        "--limit", type=int, help="at most so many pictures of each source, evenly spread"
    )
    parser.add_argument("--json", type=Path, help="also write every figure here")
    return parser.parse_args()


def sources(args: argparse.Namespace) -> dict[str, list[Image.Image]]:
    """The pictures, by the name under which they are reported."""
    if args.pictures:
        found = {str(path): list(read(path)) for path in args.pictures}
    else:
        found = {
            "held-out classes": list(read(SHARED / "train/caltech101-part.tar", HELD_OUT)),
            "imagenet sample": list(read(SHARED / "eval/imagenet-sample-200.tar")),
        }
    for name, pictures in found.items():
        if not pictures:
            raise SystemExit(f"No pictures in {name}.")
        if args.limit and len(pictures) > args.limit:
            picked = np.linspace(0, len(pictures) - 1, args.limit).round().astype(int)
            found[name] = [pictures[i] for i in picked]
    return found


def measure(
    folders: dict[str, Path],
    models: dict[str, PreTrainedModel],
    pictures: list[Image.Image],
    size: int,
) -> dict[str, dict[str, dict[str, float]]]:
    """``figures[row][score]``, each with mean, low and high, at one size."""
    grid = size // models["student"].config.patch_size
    colours = {}
    for name, folder in folders.items():
        processor = AutoImageProcessor.from_pretrained(folder)
        colours[name] = (processor.image_mean, processor.image_std)
    teacher = head_maps(models["teacher"], pictures, grid, *colours["teacher"])
    rows = {
        "student": head_maps(models["student"], pictures, grid, *colours["student"]),
        "random": head_maps(models["random"], pictures, grid, *colours["student"]),
        "centre": np.broadcast_to(centre_prior(grid), (len(pictures), 1, grid * grid)),
        "mirror": head_maps(models["teacher"], pictures, grid, *colours["teacher"], mirror=True),
    }
    figures = {}
    for name, maps in rows.items():
        each = [agreement(mine, its) for mine, its in zip(maps, teacher, strict=True)]
        figures[name] = {
            score: interval(np.array([one[score] for one in each])) for score in SCORES
        }
    return figures


def table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """One line a row, one column a score, ``mean [low, high]``."""
    lines = [f"{'':10}" + "".join(f"{title:>22}" for title in SCORES.values())]
    for name, row in figures.items():
        cells = []
        for score in SCORES:
            one = row[score]
            known = not np.isnan(one["mean"])
            text = f"{one['mean']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" if known else "-"
            cells.append(f"{text:>22}")
        lines.append(f"{name:10}" + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    args = arguments()
    folders = {"student": args.model, "teacher": args.teacher}
    models = {name: load(folder) for name, folder in folders.items()}
    models["random"] = load(args.model, random=True)
    report = {}
    for name, pictures in sources(args).items():
        for size in args.size:
            print(f"measuring {len(pictures)} pictures of {name} at {size} px", file=sys.stderr)
            figures = measure(folders, models, pictures, size)
            report[f"{name}, {size} px"] = {"pictures": len(pictures), "figures": figures}
            print(f"\n{name}, {size} px, {len(pictures)} pictures\n{table(figures)}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=2, allow_nan=True) + "\n")


if __name__ == "__main__":
    main()
