"""Measure what a click on the explore page costs, how large the page is, and how fast it opens.

    python scripts/bench-explore/bench.py                 # 28 × 28 patches, 12 layers × 6 heads
    python scripts/bench-explore/bench.py --model NAME --picture FILE

A click makes every layer's and head's row anew, draws all maps and says what they show. Beside it,
in the same page, the same number of float32 products in a plain loop, and the model's own forward.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
CLICK, SIZE = 50, 25  # milliseconds; MB a photo


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="(default: random weights in the shape of a ViT-S/8)")
    parser.add_argument("--picture", help="(default: noise of 800 × 800 px)")
    parser.add_argument("--clicks", type=int, default=40)
    return parser.parse_args()


def random_model(place: Path) -> Path:
    import tiny

    shape = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6}
    model = tiny.build("vit", **shape, intermediate_size=1536, patch_size=8, image_size=224)
    return tiny.save(model, place / "model")


def noise(place: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(place / "noise.jpg")
    return place / "noise.jpg"


def forward_of(model: Any, picture: Path, seen: tuple[int, int]) -> float:
    """Seconds of the model alone, at the size of the page."""
    import torch

    from vitmap.photo.read import read_photo
    from vitmap.photo.view import View

    photo = read_photo(picture)
    view = View(photo.size, seen, model.facts.patch)
    pixels = torch.from_numpy(model.pixels(photo, view))
    times = []
    with torch.no_grad():
        for _ in range(4):
            begun = time.perf_counter()
            model.trunk(pixels)
            times.append(time.perf_counter() - begun)
    return min(times)


# As many products of float32 numbers as a click needs, one sum at a time.
_PRODUCTS = """(count) => {
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: 64 }, Math.random));
  const times = [];
  for (let round = 0; round < 12; round++) {
    const begun = performance.now();
    let sum = 0;
    for (let n = 0; n < count; n += 64) for (let k = 0; k < 64; k++) sum += a[k] * b[k];
    if (sum < 0) throw sum;
    times.push(performance.now() - begun);
  }
  return times.sort((x, y) => x - y)[6];
}"""


def main() -> None:
    from browser import Opened, launched
    from vitmap.commands.explore.look import stack_of
    from vitmap.commands.explore.run import explore, load_model
    from vitmap.commands.explore.settings import ExploreSettings

    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = ExploreSettings(model=str(options.model or random_model(place)))
        picture = Path(options.picture) if options.picture else noise(place)
        model, _ = load_model(settings)
        begun = time.perf_counter()
        found = explore([picture], settings, model, [], place / "out", ["bench"])
        made = time.perf_counter() - begun
        told = found.record["pictures"][0]
        (gy, gx), stack = told["patch_grid_yx"], stack_of(model.facts)
        layers = len(found.record["layers"])
        print(f"{gy * gx} patches, {layers} layers × {stack.heads} heads, {os.cpu_count()} CPUs")
        size = found.record["bytes"] / 1e6
        print(f"page {size:.1f} MB, goal under {SIZE}; made in {made:.1f} s after loading")
        print(found.record["exact"])
        with launched() as browser:
            begun = time.perf_counter()
            opened = Opened(browser, place / "out" / "explore.html")
            opened.page.wait_for_selector("html[data-shown=yes]")
            shown = time.perf_counter() - begun
            opened.page.wait_for_selector("html[data-ready=yes]")
            ready = time.perf_counter() - begun
            print(f"first view after {shown:.2f} s, all layers decoded after {ready:.2f} s")
            clicks = timed_clicks(opened, options.clicks, gx, gy)
            count = layers * stack.heads * (gy * gx + stack.prefix) * stack.dim
            products = opened.page.evaluate(_PRODUCTS, count)
        forward = 1000 * forward_of(model, picture, tuple(told["seen_at_yx"]))
        low, high = sorted(clicks)[2], sorted(clicks)[-3]
        took = median(clicks)
        print(
            f"a click {took:.1f} ms ({low:.1f} to {high:.1f}; the first {clicks[0]:.1f}), "
            f"goal under {CLICK}"
        )
        print(f"click / {count / 1e6:.1f} million products in a plain loop {took / products:.1f}")
        print(f"click / the model's forward {took / forward:.1%}")


def timed_clicks(opened: Any, count: int, gx: int, gy: int) -> list[float]:
    """Milliseconds from the click to the last thing drawn and said."""
    box = opened.page.locator("#canvas-0").bounding_box()
    chance, times = np.random.default_rng(0), []
    for _ in range(count):
        x, y = (chance.integers(side) + 0.5 for side in (gx, gy))
        at = (box["x"] + x / gx * box["width"], box["y"] + y / gy * box["height"])
        opened.page.mouse.click(*at)
        times.append(opened.page.evaluate("vitmap.took()"))
    return times


if __name__ == "__main__":
    main()
