"""What ranking costs beside the model itself: `vitmap rank` against its plain forwards.

Draws a labelled set of pictures of one megapixel, then times in turn, in one process: the plain
forwards of all its pictures, prepared beforehand, and the whole ranking of the same pictures from
their files (decoding, maps, golden samples, histograms, folds, resamples, figures, tables).

    python scripts/bench-rank/bench.py --model embedded --pictures 40 --rounds 3
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vitmap.commands.rank.report import write_ranking
from vitmap.commands.rank.run import RankSettings, load_model, rank_pictures
from vitmap.datasets import Dataset, read_dataset
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.read import read_photo

GOLDEN = 0.4  # of the pictures; half of the others are good


def draw_set(folder: Path, count: int, size: tuple[int, int]) -> Dataset:
    """Textured plates of (y, x) pixels, half of those to be scored with a stain, as JPEG."""
    chance = np.random.default_rng(0)
    golden = max(4, round(GOLDEN * count))
    places = [f"train/good/{i:04d}" for i in range(golden)]
    for i in range(count - golden):
        places.append(f"test/{'good' if i % 2 else 'stain'}/{i:04d}")
    for place in places:
        small = chance.normal(128, 30, (size[0] // 16, size[1] // 16, 3))
        plate = np.asarray(
            Image.fromarray(np.clip(small, 0, 255).astype(np.uint8)).resize(size[::-1])
        ).copy()
        if "stain" in place:
            y, x = (int(chance.integers(0, side - 60)) for side in size)
            plate[y : y + 50, x : x + 40] = (60, 30, 10)
            mask = np.zeros(size, dtype=np.uint8)
            mask[y : y + 50, x : x + 40] = 255
            truth = folder / "ground_truth" / "stain" / f"{place.rsplit('/', 1)[1]}_mask.png"
            truth.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(truth)
        path = folder / f"{place}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plate).save(path, quality=92)
    return read_dataset(folder)


def forwards(model: TorchEngine, dataset: Dataset, settings: RankSettings) -> float:
    """Seconds of the model alone, once a picture, its pixels ready."""
    total = 0.0
    for path in [*dataset.golden, *(sample.path for sample in dataset.samples)]:
        photo = read_photo(path)
        view = model.facts.view(photo.size, settings.size, settings.fit)
        pixels = torch.from_numpy(model.pixels(photo, view))
        start = time.perf_counter()
        with torch.no_grad():
            model.trunk(pixels)
        total += time.perf_counter() - start
    return total


def ranking(model: TorchEngine, dataset: Dataset, settings: RankSettings, out: Path) -> float:
    """Seconds of the whole ranking, from files to files, the model loaded."""
    start = time.perf_counter()
    found = rank_pictures(dataset, dataset.golden, settings, model, lambda: None)
    write_ranking(out, found, ["bench"])
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="Ranking against its plain forwards.")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    settings = RankSettings(model=args.model, size=args.size)
    model, _ = load_model(settings)
    with tempfile.TemporaryDirectory() as place:
        dataset = draw_set(Path(place) / "set", args.pictures, (866, 1155))
        forwards(model, dataset, settings)  # warm
        rows = []
        for _ in range(args.rounds):
            alone = forwards(model, dataset, settings)
            whole = ranking(model, dataset, settings, Path(place) / "out")
            rows.append((alone, whole))
            print(f"  forwards {alone:6.1f} s   ranking {whole:6.1f} s   {whole / alone:.2f}")
    ratio = statistics.median(whole / alone for alone, whole in rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{Path(args.model).name}, {args.size} px, {args.pictures} pictures of 1 MP: ranking / "
        f"forwards alone {ratio:.2f} (median of {args.rounds}); peak of the process {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
