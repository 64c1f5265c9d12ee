"""Measure what `vitmap review` costs beside its model, what its memory grows by, and its page.

    python scripts/bench-review/bench.py
    python scripts/bench-review/bench.py --model ../shared/models/dinov2-small-saliency
    python scripts/bench-review/bench.py --memory
    python scripts/bench-review/bench.py --page

A review of pictures of one megapixel with heatmap, overlay and CSV, against the same number of
forwards on a prepared picture, before and after it in the same process.
"""

import argparse
import gc
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
GOAL, GROWTH = 0.85, 5.0  # of the model's throughput; MB for 1,000 pictures
SIZE = (1224, 816)  # one megapixel


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5, help="the pictures in so many lots")
    parser.add_argument("--memory", action="store_true", help="memory over 3,000 small pictures")
    parser.add_argument("--page", action="store_true", help="a page of 500 pictures in Chromium")
    return parser.parse_args()


def write_lot(folder: Path, count: int, size: tuple[int, int] = SIZE) -> None:
    """The cat, enlarged, each time with other grain: as large on the disk as photos are."""
    folder.mkdir()
    with Image.open(ROOT / "assets/chelsea.png") as image:
        large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), dtype=float)
    for number in range(count):
        grain = np.random.default_rng(number).normal(0, 3, large.shape)
        pixels = np.clip(large + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.jpg", quality=90)


def review_of(model: str, lot: Path, out: Path, exports: str, size: int | None = None) -> Any:
    from vitmap.commands.review.lot import lot_of
    from vitmap.commands.review.run import Review
    from vitmap.commands.review.settings import ReviewSettings, parse_exports

    settings = ReviewSettings(model=model, size=size, exports=parse_exports(exports))
    return Review(settings, lot_of([str(lot)], [], out), out)


def whole(work: Any, seen: Any = lambda: None) -> None:
    """What the command does once its model is loaded."""
    from vitmap.commands.review.lot_files import write_lot as write_files

    failures = list(work.outcomes(seen))
    assert not failures, failures[0].error
    work.place.finish(write_files(work.place, ["vitmap", "review"]).files)
    work.place.close()


Timed = tuple[float, float]  # seconds on the clock, seconds of CPU time


def timed(act: Any) -> Timed:
    begun, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - begun, time.process_time() - cpu


def model_alone(work: Any, picture: Path, count: int) -> Timed:
    """So many forwards on one prepared picture."""
    from vitmap.methods.attention import look
    from vitmap.photo.read import read_photo

    photo = read_photo(picture)
    view = work.model.facts.view(photo.size)
    pixels = work.model.pixels(photo, view)
    layers = list(work.reading.layers)

    def forward() -> None:
        look(work.model, [(photo, view)], pixels, layers)

    forward()
    return timed(lambda: [forward() for _ in range(count)])


def throughput(model: str, count: int, rounds: int, place: Path) -> None:
    each = max(2, count // rounds)
    shares: list[Timed] = []
    alone: list[Timed] = []
    for number in range(rounds):
        lot = place / f"lot-{number}"
        write_lot(lot, each)
        work = review_of(model, lot, place / f"out-{number}", "csv,heatmap,overlay")
        picture = next(lot.iterdir())
        half = each // 2
        before = model_alone(work, picture, half)
        took = timed(lambda work=work: whole(work))
        after = model_alone(work, picture, half)
        alone.append(tuple((a + b) / (2 * half) for a, b in zip(before, after, strict=True)))
        shares.append(tuple(a * each / b for a, b in zip(alone[-1], took, strict=True)))
    clock, cpu = (median(share[kind] for share in shares) for kind in (0, 1))
    low, high = (end(share[0] for share in shares) for end in (min, max))
    print(f"{rounds} × {each} pictures of {SIZE[0]} × {SIZE[1]} px, {os.cpu_count()} CPUs, {model}")
    print(f"model alone {1 / median(one[0] for one in alone):.2f} pictures a second")
    print(f"review / model alone {clock:.1%} ({low:.1%} to {high:.1%}), goal {GOAL:.0%}")
    print(f"CPU time of the model / of the review {cpu:.1%}")


def resident() -> float:
    """MB of this process, on Linux."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(place: Path, count: int = 3000) -> None:
    import tiny

    model = tiny.save(tiny.build("vit"), place / "tiny")
    write_lot(place / "lot", count, (240, 160))
    work = review_of(str(model), place / "lot", place / "out", "csv,heatmap,overlay", 64)
    held: dict[int, float] = {}
    steps = 0

    def seen() -> None:
        nonlocal steps
        steps += 1
        if steps % 500 == 0:
            held[steps] = resident()

    whole(work, seen)
    for step, now in held.items():
        print(f"{'seen' if step <= count else 'drawn'} {step:5}: {now:.1f} MB")
    first, last = held[1000], held[count]
    growth = 1000 * (last - first) / (count - 1000)
    print(
        f"growth {growth:.1f} MB for 1,000 pictures, goal under {GROWTH:g}; end {resident():.1f} MB"
    )


def page(place: Path, count: int = 500) -> None:
    from browser import Opened, launched

    lot, out = place / "lot", place / "out"
    write_lot(lot, count)
    whole(review_of("embedded", lot, out, "csv"))
    path = out / "index.html"
    print(f"page of {count} pictures: {path.stat().st_size / 1e6:.1f} MB, goal under 60")
    with launched() as browser:
        for _ in range(3):
            begun = time.perf_counter()
            opened = Opened(browser, path)
            opened.page.wait_for_selector(".row")
            print(f"opened in {time.perf_counter() - begun:.2f} s, goal under 3")
            print("milliseconds:", opened.page.evaluate(_TIMED))
            opened.context.close()


_TIMED = """() => {
  const found = {};
  const timed = (name, act) => {
    const begun = performance.now();
    act();
    document.body.offsetHeight; // laid out
    found[name] = Math.round(performance.now() - begun);
  };
  const set = (id, value, kind) => {
    const field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event(kind));
  };
  for (const order of ["low", "name", "lot", "high"]) {
    timed(order, () => set("sort", order, "change"));
  }
  timed("filter", () => document.querySelector("#verdicts button:last-child").click());
  timed("search", () => set("search", "7", "input"));
  return found;
}"""


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            memory(Path(folder))
        elif options.page:
            page(Path(folder))
        else:
            throughput(options.model, options.pictures, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
