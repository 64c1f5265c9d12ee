"""Measure how often a defect map's hottest place lies on a defect.

    python scripts/evaluate-soart/evaluate.py
    python scripts/evaluate-soart/evaluate.py --pairs boards/ --json figures.json

A folder of pairs holds template/NAME.jpg, test/NAME.jpg and boxes/NAME.txt with a line
`x1 y1 x2 y2 type` for each defect. SOARTC is measured in the author's own form and in the
default one, beside the plain absolute difference of the gray pictures, blurred and not, each as
the pictures lie and after the same alignment; then again with the test pictures moved, dimmed,
turned, and moved by half a pixel.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pairs import Pair, read_pairs
from PIL import Image
from places import Hits, judge

from maps import absolute_difference, soartc
from vitmap.soart.map_settings import MapSettings

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ROOT.parent / "shared/defects/pcb"
AUTHOR = MapSettings(blur=0, tolerance=0, align=False, gain=False)
WAYS = {
    "absolute difference": absolute_difference(0, align=False),
    "absolute difference, aligned": absolute_difference(0, align=True),
    "absolute difference, blur 2 px": absolute_difference(2, align=False),
    "absolute difference, blur 2 px, aligned": absolute_difference(2, align=True),
    "SOARTC, the author's form": soartc(AUTHOR),
    "SOARTC, the author's form, steps 4,8": soartc(replace(AUTHOR, step=(4, 8))),
    "SOARTC, the author's form, aligned": soartc(replace(AUTHOR, align=True)),
    "SOARTC, aligned, blur 1": soartc(replace(AUTHOR, align=True, blur=1)),
    "SOARTC, aligned, tolerance 1": soartc(replace(AUTHOR, align=True, tolerance=1)),
    "SOARTC, default but for alignment": soartc(MapSettings(align=False)),
    "SOARTC, default": soartc(MapSettings()),
    "SOARTC, tolerance 2": soartc(MapSettings(tolerance=2)),
    "SOARTC, steps 4,8": soartc(MapSettings(step=(4, 8))),
    "SOARTC, equal weights": soartc(MapSettings(weights=(1, 1, 1))),
}
Change = Callable[[np.ndarray], np.ndarray]


def half_a_pixel(picture: np.ndarray) -> np.ndarray:
    """The mean with the next pixel, both ways."""
    values = picture.astype(np.float32)
    values = (values + np.roll(values, -1, axis=0)) / 2
    values = (values + np.roll(values, -1, axis=1)) / 2
    return np.rint(values).astype(np.uint8)


def turned(picture: np.ndarray) -> np.ndarray:
    """Turned by half a degree about the middle; what comes in at the border repeats it."""
    wide = Image.fromarray(np.pad(picture, ((20, 20), (20, 20), (0, 0)), mode="edge"))
    return np.asarray(wide.rotate(0.5, Image.Resampling.BILINEAR))[20:-20, 20:-20].copy()


CHANGES: dict[str, tuple[Change, tuple[int, int]]] = {
    "as they are": (lambda picture: picture, (0, 0)),
    "moved by 12, -7 px": (lambda picture: np.roll(picture, (-7, 12), (0, 1)), (-7, 12)),
    "moved by half a pixel": (half_a_pixel, (0, 0)),
    "turned by half a degree": (turned, (0, 0)),
    "light at 70 %": (lambda picture: np.rint(picture * 0.7).astype(np.uint8), (0, 0)),
}


def measure(pairs: list[Pair], way: Callable, change: Change, moved: tuple[int, int]) -> Hits:
    """All pairs by one way."""
    hits = Hits()
    for pair in pairs:
        found = way(pair.standard, change(pair.test))
        hits.add(judge(found, pair.boxes, moved))
    return hits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    parser.add_argument("--json", type=Path, help="also write every figure here")
    parser.add_argument("--only", help="ways whose name holds this text")
    parser.add_argument("--change", choices=CHANGES, help="with this change alone")
    args = parser.parse_args()
    pairs = read_pairs(args.pairs)
    print(f"{len(pairs)} pairs, {sum(len(pair.boxes) for pair in pairs)} defects in {args.pairs}")
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for title, (change, moved) in CHANGES.items():
        if args.change not in (None, title):
            continue
        print(f"\n{title:42} pixel  region  found before a false one  seconds")
        for name, way in WAYS.items():
            if args.only and args.only not in name:
                continue
            begun = time.perf_counter()
            hits = measure(pairs, way, change, moved)
            took = time.perf_counter() - begun
            print(
                f"{name:42} {hits.pixels:2}/{hits.pairs:2}   {hits.regions:2}/{hits.pairs:2}"
                f"                    {hits.found:5.1%}  {took:7.1f}",
                flush=True,
            )
            figures.setdefault(title, {})[name] = hits.figures()
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
