"""Review pages of made-up findings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from vitmap.commands.review.page import Card, Sheet, write_page
from vitmap.inspection.finding import Finding, Lost
from vitmap.maps.regions import Cut, find_regions
from vitmap.photo.view import View

SIZE = (90, 120)


VIEW = View(SIZE, (48, 64), (8, 8))  # 6 × 8 patches of 15 × 15 px


HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "</script><script>alert(2)</script>.png",
    "検査 傷 №1.png",
    "=HYPERLINK(1).png",
    "a\"b'c&amp;\u2028d.png",
    "%41#?.png",
]


COUNT = 300


SHEET = Sheet(
    lot="a" * 64,
    title="ロット <b>7</b>",
    model="embedded",
    reading="L8 H1 against 12 good pictures",
    unit="deviations above good",
    scale="good",
    meaning="from good pictures",
    limits=(2.0, 8.0),
    cut=Cut("level", 4.0),
    threshold=5.0,
    label="傷",
    colormap="viridis",
    min_area=0,
    merge=0,
    grounds="",
)


def name_of(number: int) -> str:
    return HOSTILE[number] if number < len(HOSTILE) else f"part-{number:03d}.png"


def heat_of(number: int) -> np.ndarray:
    chance = np.random.default_rng(number)
    return chance.gamma(2.0, 1.1 + 0.002 * number, VIEW.grid).astype(np.float32)


def card_of(number: int, sheet: Sheet, folder: str = "lot") -> Card:
    heat = heat_of(number)
    regions = find_regions(heat, sheet.cut.mask(heat), VIEW)
    score = float(heat.max())
    file = io.BytesIO()
    Image.new("RGB", (SIZE[1], SIZE[0]), (90, 90, 90 + number % 3)).save(file, "JPEG")
    about = {"file": name_of(number), "path": Path(name_of(number)), "sha256": f"{number:064x}"}
    found = Finding(
        name=f"p{number}",
        size=SIZE,
        regions=regions,
        score=score,
        unit=sheet.unit,
        verdict="defect" if score > 5.0 else "good",
        threshold=sheet.threshold,
        **about,
    )
    return Card(found, heat, file.getvalue(), f"{folder}/{name_of(number)}", VIEW)


def write(path: Path, sheet: Sheet = SHEET, count: int = COUNT) -> Path:
    cards: list[Card | Lost] = [card_of(number, sheet) for number in range(count)]
    cards.append(Lost("broken <i>.png", "broken <i>.png: the file is empty (0 bytes)."))
    write_page(path, sheet, cards)
    return path
