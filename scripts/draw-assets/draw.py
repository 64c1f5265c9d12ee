"""Draw the pictures in assets/.

    python scripts/draw-assets/draw.py [--out assets] [--only part] [--only car] [--cat]

The same numpy, scipy and pillow on the same machine write the same bytes.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Pictures = dict[str, Image.Image]


def draw_parts() -> Pictures:
    from defect import pits, scratch
    from part import Pose, good_part, spoilt_part

    scratched, scratch_mask = spoilt_part(Pose(5, -4, -0.5), scratch, seed=200)
    pitted, pit_mask = spoilt_part(Pose(-2, -5, 0.7), pits, seed=300)
    return {
        "part-good": good_part(Pose(-4, 3, 0.3), seed=100),
        "part-scratch": scratched,
        "part-scratch-mask": scratch_mask,
        "part-pit": pitted,
        "part-pit-mask": pit_mask,
    }


def draw_car() -> Pictures:
    from car import car

    return {"scene-car": car()}


def draw_mug() -> Pictures:
    from mug import mug

    return {"scene-mug": mug()}


def draw_lot() -> Pictures:
    from lot import lot, standard

    return {"lot-standard": standard(), **{f"lot/{name}.jpg": p for name, p in lot().items()}}


def draw_flanges() -> Pictures:
    from flanges import flanges

    return {f"flanges/{place}": picture for place, picture in flanges()}


def copy_cat() -> Pictures:
    from cat import cat

    return {"chelsea": cat()}


# Scenes are imported when drawn: each makes its textures on import.
SCENES: dict[str, Callable[[], Pictures]] = {
    "part": draw_parts,
    "car": draw_car,
    "mug": draw_mug,
    "lot": draw_lot,
    "flanges": draw_flanges,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures in assets/.")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder to write into")
    parser.add_argument("--only", choices=SCENES, action="append", help="draw this scene only")
    parser.add_argument("--cat", action="store_true", help="also chelsea.png, from scikit-image")
    args = parser.parse_args()

    scenes = [SCENES[name] for name in args.only or SCENES]
    if args.cat:
        scenes.append(copy_cat)
    args.out.mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        for name, picture in scene().items():
            path = args.out / (name if name.endswith((".jpg", ".png")) else f"{name}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, optimize=True, **({"quality": 92} if path.suffix == ".jpg" else {}))
            print(f"{path}  {picture.width}x{picture.height}  {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
