"""A lot of small coloured parts for SOART: good ones, ones without a mark, ones without a disc.

Each is a blue plate with four screws, a pale disc and an orange arrow as its mark, on a dark
belt. Good parts differ by a little shift, turn, light and noise; so do the others.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from pixels import Picture, Plane

SIDE, FINE = 240, 3  # pixels a side; samples a pixel, both ways
COUNTS = {"good": 24, "missing-mark": 12, "missing-disc": 12}

BELT, PLATE, EDGE = (58, 60, 62), (38, 84, 148), (24, 52, 96)
DISC, RING, MARK, SCREW, SLOT = (
    (226, 222, 208), (150, 146, 134), (240, 138, 32), (178, 182, 186), (84, 86, 90)
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """How one part came under the camera."""

    x: float = 0.0  # pixels
    y: float = 0.0
    degrees: float = 0.0
    light: float = 1.0
    noise: float = 0.0  # levels
    seed: int = 0


def standard() -> Image.Image:
    """The part as it is meant: nothing moved, no noise."""
    return part("good", Shot())


def lot() -> dict[str, Image.Image]:
    """Every part by `class/number`, from one fixed seed."""
    chance = np.random.default_rng(30)
    found = {}
    for kind, count in COUNTS.items():
        for number in range(1, count + 1):
            shot = Shot(
                x=chance.normal(0, 1.2),
                y=chance.normal(0, 1.2),
                degrees=chance.normal(0, 0.5),
                light=chance.normal(1, 0.025),
                noise=4.0,
                seed=int(chance.integers(1 << 30)),
            )
            found[f"{kind}/{number:02d}"] = part(kind, shot)
    return found


def part(kind: str, shot: Shot) -> Image.Image:
    """One part as one shot shows it."""
    axis = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    x, y = np.meshgrid(axis - shot.x, axis - shot.y)
    turn = np.deg2rad(shot.degrees)
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    colors = np.broadcast_to(np.array(BELT, dtype=np.float64), (*u.shape, 3)).copy()
    colors += (3 * np.sin(y * 1.3))[..., None]  # the belt's weave stays where it is
    paint(colors, box(u - 3, v - 4, 92, 80, 16), (40, 41, 43))  # shadow
    paint(colors, box(u, v, 92, 80, 16), EDGE)
    paint(colors, box(u, v, 88, 76, 13), PLATE)
    for side in (-1, 1):
        for end in (-1, 1):
            screw(colors, u - side * 74, v - end * 62, 25 * side + 40 * end)
    if kind != "missing-disc":
        paint(colors, np.hypot(u + 36, v) - 32, RING)
        paint(colors, np.hypot(u + 36, v) - 28, DISC)
        paint(colors, np.hypot(u + 36, v) - 8, RING)
    if kind != "missing-mark":
        paint(colors, arrow(u - 38, v), MARK)
    shine = 1 + 0.10 * (-x - y) / SIDE  # the lamp is at the upper left, whatever the part does
    small = (colors * shine[..., None] * shot.light).reshape(SIDE, FINE, SIDE, FINE, 3)
    levels = small.mean(axis=(1, 3))
    levels += np.random.default_rng(shot.seed).normal(0, shot.noise, levels.shape)
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def paint(colors: Picture, distance: Plane, color: tuple[int, int, int]) -> None:
    """Lay a colour over everything inside a shape (distance below zero)."""
    colors[distance < 0] = color


def box(u: Plane, v: Plane, half_u: float, half_v: float, radius: float) -> Plane:
    """Signed distance to a rectangle with round corners."""
    over_u, over_v = np.abs(u) - half_u + radius, np.abs(v) - half_v + radius
    outside = np.hypot(np.maximum(over_u, 0), np.maximum(over_v, 0))
    return outside + np.minimum(np.maximum(over_u, over_v), 0) - radius


def arrow(u: Plane, v: Plane) -> Plane:
    """Signed distance, about, to an arrow that points up."""
    head = np.maximum(np.abs(u) * 0.8 - (v + 38) * 0.6, v + 6)
    return np.minimum(head, box(u, v - 12, 11, 24, 3))


def screw(colors: Picture, u: Plane, v: Plane, degrees: float) -> None:
    """A slotted screw head."""
    turn = np.deg2rad(degrees)
    across = np.cos(turn) * v - np.sin(turn) * u
    paint(colors, np.hypot(u, v) - 8, SCREW)
    paint(colors, np.maximum(np.abs(across) - 1.3, np.hypot(u, v) - 7), SLOT)
