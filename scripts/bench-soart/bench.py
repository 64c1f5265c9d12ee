"""Time SOART against a plain loop over the same formulas, in one run on one core.

    python scripts/bench-soart/bench.py

Both sides get decoded pictures. The loop (tests/support/oracles/soart.py) is plain Python without
numpy; it is given lists, so that it does not pay for numpy's boxes. For the map it is timed on a
sample of patches and scaled up to all of them. Every figure is the best of several rounds; the
two sides are also compared, so that what is timed is the same thing.
"""

# ruff: noqa: E402, I001
import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before numpy is imported

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from oracles import soart as loop

from vitmap.commands.soart.metrics import measure
from vitmap.soart.defect_map import Reference
from vitmap.soart.map_settings import MapSettings
from vitmap.soart.patches import places
from vitmap.soart.settings import TableSettings
from vitmap.soart.tables import measure_pictures, standard_of
from vitmap.soart.vectors import gray

SAMPLE = 400  # patches that the loop is timed on
AUTHOR = MapSettings(patches=(268, 238), blur=0, tolerance=0, align=False, gain=False)


def best(work: Callable[[], object], rounds: int) -> float:
    """The shortest of several rounds, in seconds; the machine may be busy with other things."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """A picture with blocks and noise."""
    chance = np.random.default_rng(seed)
    blocks = chance.integers(40, 220, (height // 20 + 1, width // 20 + 1, 3))
    large = np.repeat(np.repeat(blocks, 20, 0), 20, 1)[:height, :width]
    return np.clip(large + chance.integers(-9, 10, (height, width, 3)), 0, 255).astype(np.uint8)


def time_tables() -> None:
    pictures = [scene(500, 500, seed) for seed in range(64)]
    standard = standard_of(pictures[:1])
    ours = best(lambda: measure_pictures(standard, pictures), 20) / len(pictures)
    few = [picture.tolist() for picture in pictures[:4]]
    x = loop.vectors_of(loop.small_channels(few[0], 30, "gray", 255.0), 5, (2, 2), "gray")

    def plain() -> list:
        found = []
        for picture in few:
            channels = loop.small_channels(picture, 30, "gray", 255.0)
            y = loop.vectors_of(channels, 5, (2, 2), "gray")
            found.append([loop.metrics_of(a, b, "mean-l2") for a, b in zip(x, y, strict=True)])
        return found

    theirs = best(plain, 5) / len(few)
    expected = np.moveaxis(np.array(plain()), 2, 0)
    assert np.allclose(measure_pictures(standard, pictures[:4]).values, expected)
    print("tables of decoded 500 x 500 pictures (mean-l2, gray, 30 x 30)")
    print(f"  loop    {theirs * 1e3:8.3f} ms a picture")
    print(f"  vitmap  {ours * 1e3:8.3f} ms a picture   {theirs / ours:6.0f} times faster")


def time_maps() -> None:
    standard = scene(1080, 1920, 0)
    measured = standard.copy()
    measured[500:530, 900:940] = 20
    reference = Reference(standard, AUTHOR)
    ours = best(lambda: reference.map(measured), 10)
    rows, columns = places(1080, 268, 5), places(1920, 238, 5)
    chance = np.random.default_rng(0)
    sample = [(int(chance.integers(2, 266)), int(chance.integers(2, 236))) for _ in range(SAMPLE)]
    first, second = ((gray(p) / 255).tolist() for p in (standard, measured))
    known = [loop.patch_numbers(first, rows[i], columns[j], 5) for i, j in sample]

    def plain() -> list[float]:
        found = []
        for (i, j), a in zip(sample, known, strict=True):
            b = loop.patch_numbers(second, rows[i], columns[j], 5)
            families = [
                sum(abs(p[f] - q[f]) ** 4 for p, q in zip(a, b, strict=True)) ** 0.25
                for f in range(3)
            ]
            found.append(families[0] + 2 * families[1] + 3 * families[2])
        return found

    theirs = best(plain, 3) / SAMPLE * 268 * 238
    found = reference.map(measured).anomaly
    assert np.allclose([found[i, j] for i, j in sample], plain(), rtol=1e-3, atol=1e-4)
    print("SOARTC of a decoded 1080 x 1920 picture, 268 x 238 patches, the standard's side kept")
    print(f"  loop    {theirs:8.2f} s a picture (timed on {SAMPLE} of 63784 patches and scaled)")
    print(f"  vitmap  {ours:8.3f} s a picture   {theirs / ours:6.0f} times faster")
    forms = {
        "the author's form": AUTHOR,
        "default (blur, tolerance, alignment, light)": MapSettings(patches=(268, 238)),
        "default, tolerance 2": MapSettings(patches=(268, 238), tolerance=2),
        "default, steps 4,4 (270 x 480 patches)": MapSettings(),
        "default, colour": replace(MapSettings(patches=(268, 238)), color="rgb"),
    }
    for name, settings in forms.items():
        kept = Reference(standard, settings)
        took = best(lambda kept=kept: kept.map(measured), 5)
        print(f"  {name:44} {1 / took:5.1f} pictures a second")


def time_memory() -> None:
    """Peak memory of the process, before and after folders of 50 and 400 pictures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "good"
        folder.mkdir()
        Image.fromarray(scene(500, 500, 0)).save(folder / "000.jpg")
        content = (folder / "000.jpg").read_bytes()
        print("memory of metrics over a folder of 500 x 500 pictures (peak of the process)")
        for count in (50, 400):
            for number in range(count):
                (folder / f"{number:03d}.jpg").write_bytes(content)
            begun = time.perf_counter()
            measure(str(folder / "000.jpg"), [str(folder)], TableSettings())
            took = time.perf_counter() - begun
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"  {count:4} pictures  {peak:6.0f} MB  {count / took:5.0f} pictures a second, read"
            )


def main() -> None:
    time_memory()  # first: the peak only ever grows
    time_tables()
    time_maps()


if __name__ == "__main__":
    main()
