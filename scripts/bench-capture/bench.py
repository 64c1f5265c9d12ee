"""What maps cost beside the model itself: every way side by side, in ratios to a plain forward.

Each way lives in a process of its own, loaded and warm; the parent asks them in turn, so that all
meet the same disturbances. Times are medians; memory is the peak above the loaded model.

    python scripts/bench-capture/bench.py --shapes vit-s-8 vit-b-16 --sizes 224 480 1024
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEPTH = 12


@dataclass(frozen=True)
class Shape:
    width: int
    heads: int
    patch: int

    def tokens(self, size: int) -> int:
        return (size // self.patch) ** 2 + 1

    def layer(self, size: int) -> float:
        """Multiply-adds of one layer, twice: its four projections, the MLP, QKᵀ and the product."""
        n, d = self.tokens(size), self.width
        return 24 * n * d * d + 4 * n * n * d

    def until_row(self, size: int) -> float:
        """Of a layer, what its CLS row needs: all keys, one query, one row."""
        n, d = self.tokens(size), self.width
        return 2 * n * d * d + 2 * d * d + 2 * n * d

    def embedding(self, size: int) -> float:
        return 2 * self.tokens(size) * self.width * 3 * self.patch**2

    def floor(self, size: int, layer: int) -> float:
        """The least share of a forward's operations that the CLS row of a layer can cost."""
        whole = self.embedding(size) + DEPTH * self.layer(size)
        return (self.embedding(size) + layer * self.layer(size) + self.until_row(size)) / whole


SHAPES = {"vit-s-8": Shape(384, 6, 8), "vit-b-16": Shape(768, 12, 16)}
WAYS = {
    "plain": "plain forward under SDPA, no maps",
    "last": "vitmap, last layer",
    "layer5": "vitmap, layer 5 of 12",
    "all": "vitmap, all layers",
    "bf16": "vitmap, last layer, bf16",
    "bf16-all": "vitmap, all layers, bf16",
    "eager": "transformers eager, all N × N",
}
EAGER_LIMIT = 9e9  # bytes of attention matrices beyond which eager is not run


# ---- a way, in its own process --------------------------------------------------------------


def serve(way: str, shape: Shape, size: int) -> None:
    """Load, then answer each line on standard input with seconds and bytes of one run."""
    import torch
    from transformers import ViTConfig, ViTModel

    import vitmap
    from vitmap.methods.attention import look

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=shape.width,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.width,
        num_hidden_layers=DEPTH,
        patch_size=shape.patch,
        image_size=224,
        attn_implementation="eager" if way == "eager" else "sdpa",
    )
    network = ViTModel(config, add_pooling_layer=False).eval()
    photo = vitmap.read_photo(_photo(size))
    pixels = torch.rand(1, 3, size, size) * 2 - 1
    if way in ("plain", "eager"):

        def run() -> None:
            with torch.inference_mode():
                network(pixels, interpolate_pos_encoding=True, output_attentions=way == "eager")
    else:
        model = vitmap.from_transformers(network, None)
        model = model.in_bf16() if way.startswith("bf16") else model
        layers = {"layer5": 5, "all": "all", "bf16-all": "all"}.get(way, -1)
        seen = [(photo, model.facts.view(photo.size, size, "squash"))]

        def run() -> None:
            look(model, seen, pixels.numpy(), layers)

    before = _memory("VmRSS")
    for _ in sys.stdin:
        _forget_peak()
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        answer = {"s": seconds, "above": _memory("VmHWM") - before, "peak": _memory("VmHWM")}
        print(json.dumps(answer), flush=True)


def _photo(size: int) -> Any:
    import numpy as np

    return np.zeros((size, size, 3), dtype=np.uint8)


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _forget_peak() -> None:
    """From here on VmHWM is the peak of this run (Linux: proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


# ---- all ways, in turn ----------------------------------------------------------------------


class Way:
    """A process that is asked for one run at a time."""

    def __init__(
        self, way: str, shape: str, size: int, environment: dict[str, str] | None = None
    ) -> None:
        command = [sys.executable, __file__, "--serve", way, "--shapes", shape]
        self.process = subprocess.Popen(
            [*command, "--sizes", str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(name: str, size: int, rounds: int, ways: list[str], fresh: bool) -> None:
    shape = SHAPES[name]
    matrices = DEPTH * shape.heads * shape.tokens(size) ** 2 * 4
    skipped = "eager" in ways and matrices > EAGER_LIMIT
    ways = [way for way in ways if not (way == "eager" and skipped)]
    runs = _fresh(ways, name, size, rounds) if fresh else _warm(ways, name, size, rounds)
    times = {way: [run["s"] for run in runs[way]] for way in ways}
    live = {way: _live_memory(way, name, size) for way in ways if way != "eager"}
    print(f"\n{name}, {size} px: {shape.tokens(size)} tokens, {rounds} rounds")
    print(
        f"  {'way':34} {'median':>9} {'/ plain':>8} {'best':>9} {'/ plain':>8} {'floor':>7}", end=""
    )
    print(f" {'above model':>12} {'tensors':>9} {'peak':>9}")
    for way in ways:
        median, best = statistics.median(times[way]), min(times[way])
        above, peak = (max(run[key] for run in runs[way]) for key in ("above", "peak"))
        floor = {"last": DEPTH - 1, "layer5": 5}.get(way)
        least = f"{shape.floor(size, floor):7.3f}" if floor is not None else " " * 7
        tensors = f"{live[way] / 1e6:6.0f} MB" if way in live else " " * 9
        print(
            f"  {WAYS[way]:34} {median * 1e3:6.0f} ms {_share(median, times['plain'], False)} "
            f"{best * 1e3:6.0f} ms {_share(best, times['plain'], True)} {least} "
            f"{above / 1e6:9.0f} MB {tensors} {peak / 1e6:6.0f} MB"
        )
    if "eager" in ways and "last" in ways:
        eager, last = times["eager"], times["last"]
        slower = statistics.median(eager) / statistics.median(last)
        extra = {way: max(run["above"] for run in runs[way]) for way in ("eager", "last")}
        more = extra["eager"] / extra["last"]
        print(f"  eager / vitmap last layer: {slower:.1f} × the time, {more:.1f} × the memory")
    if skipped:
        print(f"  eager not run: its matrices alone are {matrices / 1e9:.0f} GB")


def _share(seconds: float, plain: list[float], best: bool) -> str:
    return f"{seconds / (min(plain) if best else statistics.median(plain)):8.3f}"


def _warm(ways: list[str], name: str, size: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """A process a way, each asked in turn; the first answer counts for memory alone."""
    servers = {way: Way(way, name, size) for way in ways}
    answers = {way: [server.ask()] for way, server in servers.items()}
    for _ in range(rounds):
        for way, server in servers.items():
            answers[way].append(server.ask())
    for server in servers.values():
        server.close()
    for found in answers.values():
        found[1]["above"] = max(found[0]["above"], found[1]["above"])
    return {way: found[1:] for way, found in answers.items()}


def _fresh(ways: list[str], name: str, size: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """A process a run, as a program that maps one photo: first touches of memory are counted."""
    answers: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            server = Way(way, name, size)
            answers[way].append(server.ask())
            server.close()
    return answers


def _live_memory(way: str, name: str, size: int) -> float:
    """The peak of what is held, above the model: with freed blocks given back at once.

    By default glibc keeps freed blocks in a heap whose holes differ from run to run by as much as
    100 MB; that is in the column before.
    """
    server = Way(way, name, size, {"MALLOC_MMAP_THRESHOLD_": "65536"})
    answer = server.ask()
    server.close()
    return answer["above"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--sizes", nargs="+", type=int, default=[224, 480, 1024])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--rounds", type=int, help="default: 15, 7 and 2 by size")
    parser.add_argument("--fresh", action="store_true", help="a process a run, not a process a way")
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, SHAPES[options.shapes[0]], options.sizes[0])
        return
    for shape in options.shapes:
        for size in options.sizes:
            rounds = options.rounds or (15 if size <= 224 else 7 if size <= 480 else 2)
            measure(shape, size, rounds, options.ways, options.fresh)


if __name__ == "__main__":
    main()
