"""Measure what `vitmap IMAGE` costs around its model: decoding, drawing, writing; and start-up.

    python scripts/bench-drawing/bench.py
    python scripts/bench-drawing/bench.py --rounds 15 --megapixels 12 --layer all

The model is a ViT-S/8 with random weights, the photo one megapixel, all else as the command has it.
Every round takes the picture through a whole run; the model's part of it is timed inside.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GOAL = 0.15  # of the model's time, for everything around it
# What to time, and where the run calls it by; an indented step is part of the one above it.
STEPS = {
    "decode": "vitmap.commands.map.run:read_photo",
    "resize and normalise": "vitmap.models.torch_engine:TorchEngine.pixels",
    "model": "vitmap.commands.map.run:look",
    "maps.safetensors": "vitmap.commands.map.run:write_maps",
    "all pictures": "vitmap.commands.map.run:write_files",
    "  the figure, drawn": "vitmap.commands.map.files:draw_heads",
    "  overlays, drawn": "vitmap.commands.map.files:overlay",
    "  overlays, written": "vitmap.commands.map.files:write_picture",
    "  heatmaps, written": "vitmap.commands.map.files:write_heatmap",
    "  masks, written": "vitmap.commands.map.files:write_mask",
    "maps in numbers": "vitmap.commands.map.run:describe",
    "run.json": "vitmap.commands.map.run:write_json",
}
START = """
import time
from pathlib import Path
from vitmap.commands.map.run import Run
from vitmap.runs.settings import Settings
imported = time.time(), time.process_time()
Run(Settings(model={model!r}, classify=False), Path({out!r}), [])
print(*imported, time.time(), time.process_time())
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megapixels", type=float, default=1.0)
    parser.add_argument("--layer", default="-1")
    parser.add_argument("--starts", type=int, default=3, help="fresh processes for the start-up")
    return parser.parse_args()


def write_model(folder: Path) -> None:
    """A ViT-S/8 in the hub's layout: what facebook/dino-vits8 is, its weights apart."""
    import torch
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=384, num_attention_heads=6, intermediate_size=1536, patch_size=8, image_size=224
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    settings = {
        "image_processor_type": "ViTImageProcessor",
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "size": {"height": 224, "width": 224},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def write_photo(path: Path, megapixels: float) -> tuple[int, int]:
    """The cat, enlarged, with a little grain: enlarging alone would compress too well."""
    import numpy as np
    from PIL import Image

    with Image.open(ROOT / "assets/chelsea.png") as image:
        factor = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = round(image.width * factor), round(image.height * factor)
        large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 3, large.shape)
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(path, quality=90)
    return size


class Clock:
    """Milliseconds a round of each step, threads added up."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []

    def watch(self, step: str, place: str) -> None:
        """Time every call that goes through this name."""
        module, _, name = place.partition(":")
        owner: Any = sys.modules[module]
        *holders, name = name.split(".")
        for holder in holders:
            owner = getattr(owner, holder)
        setattr(owner, name, self._timed(step, getattr(owner, name)))

    def _timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            begun, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*given, **named)
            finally:
                self.rounds[-1][step] += 1e3 * (time.perf_counter() - begun)
                self.rounds[-1][f"{step}, CPU"] += 1e3 * (time.process_time() - cpu)

        return call

    def median(self, step: str) -> float:
        return median(one[step] for one in self.rounds)


def measure(options: argparse.Namespace, folder: Path, photo: Path) -> Clock:
    """Whole runs of one picture, as the command makes them once its model is loaded."""
    from vitmap.commands.map.run import Run
    from vitmap.commands.map.summary import as_text
    from vitmap.runs.jobs import Job
    from vitmap.runs.settings import Settings

    clock = Clock()
    for step, place in STEPS.items():
        clock.watch(step, place)
    settings = Settings(model=str(folder), classify=False, layer=options.layer)
    run = Run(settings, folder.parent / "out", ["vitmap", str(photo)])
    for _ in range(options.rounds + 1):
        clock.rounds.append(defaultdict(float))
        begun, cpu = time.perf_counter(), time.process_time()
        with redirect_stdout(io.StringIO()):
            for outcome in run.outcomes([Job(photo, photo.stem)], lambda: None):
                as_text(outcome)
        now = clock.rounds[-1]
        now["whole"] = 1e3 * (time.perf_counter() - begun)
        now["whole, CPU"] = 1e3 * (time.process_time() - cpu)
        now["around"] = now["whole"] - now["model"]
        now["rest"] = now["whole"] - sum(now[step] for step in STEPS if step[0] != " ")
        now["around, CPU"] = now["whole, CPU"] - now["model, CPU"]
        now["share"] = now["around"] / now["model"]
    del clock.rounds[0]  # caches warm up in it
    return clock


def starts(options: argparse.Namespace, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds from a process's start until imported and until loaded: on the clock, on the CPU."""
    code = START.format(model=str(folder), out=str(folder.parent / "out"))
    seconds, cpu = [], []
    for _ in range(options.starts):
        begun = time.time()
        told = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        imported, imported_cpu, loaded, loaded_cpu = map(float, told.stdout.split())
        seconds.append((imported - begun, loaded - begun))
        cpu.append((imported_cpu, loaded_cpu))
    return [median(v) for v in zip(*seconds, strict=True)], [
        median(v) for v in zip(*cpu, strict=True)
    ]


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as place:
        folder, photo = Path(place, "vit-s8"), Path(place, "photo.jpg")
        write_model(folder)
        size = write_photo(photo, options.megapixels)
        began = starts(options, folder)
        clock = measure(options, folder, photo)
        out = Path(place, "out", "photo")
        files = sorted(path.stat().st_size for path in out.iterdir())
    print(f"photo {size[0]} × {size[1]} px, {os.cpu_count()} CPUs, {options.rounds} rounds")
    for step in [*(step for step in STEPS if step != "model"), "rest"]:
        print(f"{step:22}{clock.median(step):8.1f} ms")
    for what, step in (("around the model", "around"), ("model", "model")):
        cpu = f"{clock.median(f'{step}, CPU'):.1f} ms of CPU time"
        print(f"{what:22}{clock.median(step):8.1f} ms   {cpu}")
    print(f"{'files':22}{len(files):8}    {sum(files) / 1e6:.2f} MB")
    shares = sorted(one["share"] for one in clock.rounds)
    spread = f"{shares[0]:.1%} to {shares[-1]:.1%}, goal {GOAL:.0%}"
    print(f"{'around / model':22}{clock.median('share'):8.1%}    {spread}")
    for what, (imported, loaded) in zip(("start-up", "start-up, CPU"), began, strict=True):
        print(f"{what:22}{imported:8.2f} s imported, {loaded:.2f} s loaded")


if __name__ == "__main__":
    main()
