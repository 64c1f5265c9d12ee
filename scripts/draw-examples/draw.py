"""Draw the pictures of examples/: what its commands give, and what their pages look like.

    python scripts/draw-examples/draw.py

The pages are seen with headless Chromium, from a file and with the network off.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import Opened, launched  # noqa: E402 (it lies beside the tests)
from vitmap.commands import main  # noqa: E402

CAR, MUG, CAT = (f"assets/{name}.png" for name in ("scene-car", "scene-mug", "chelsea"))
EMBEDDED = ("--model", "embedded")
FIGURES = {
    "heads": ["compare", CAR, MUG, CAT, "--no-classify", "--parts", "examples/parts.csv"],
    "layers": ["compare", CAR, CAT, "--no-classify", "--layer", "all", "--head", "5"],
}
WHEELS = "12-7-16-11_12-23-16-28"  # patches: top, left, bottom, right
PAGES = {
    "explore-wheels": ([CAR], f"cell=L5H5&part0={WHEELS}", (1400, 960)),
    "explore-patch": ([CAR], "cell=L5H0&query0=patch:286,430", (1400, 900)),
    "explore-two": ([CAR, MUG], "cell=L5H2", (1400, 900)),
}


def draw_figures(out: Path, work: Path) -> None:
    for name, command in FIGURES.items():
        run([*command, *EMBEDDED, "--out", str(work / name), "--quiet"])
        shutil.copyfile(work / name / "compare.png", out / f"{name}.png")
    shutil.copyfile(work / "heads" / "agreement.png", out / "agreement.png")


def draw_pages(out: Path, work: Path) -> None:
    with launched() as browser:
        for name, (pictures, view, (width, height)) in PAGES.items():
            folder = work / name
            run(["explore", *pictures, *EMBEDDED, "--out", str(folder), "--quiet"])
            opened = Opened(browser, folder / "explore.html")
            opened.page.set_viewport_size({"width": width, "height": height})
            opened.page.evaluate("(view) => { location.hash = view; }", view)
            opened.page.wait_for_timeout(1500)
            opened.page.screenshot(path=out / f"{name}.png")
            if opened.said or opened.asked[1:]:
                raise SystemExit(f"{name}: the page said {opened.said}, asked {opened.asked}")


def run(command: list[str]) -> None:
    if main(command):
        raise SystemExit(f"failed: vitmap {' '.join(command)}")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        draw_figures(ROOT / "examples", Path(folder))
        draw_pages(ROOT / "examples", Path(folder))
