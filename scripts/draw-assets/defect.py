"""Two ways to spoil the part: a scratch and a cluster of pits, each with its exact area.

Both are drawn in the part's own coordinates, so that they sit on it wherever it lies.
"""

from dataclasses import dataclass

import numpy as np
from metal import KEY
from pixels import Mask, Plane, step
from texture import rough, sample


@dataclass(frozen=True)
class Damage:
    """What a defect does to the surface: slopes added to it, light kept, and where."""

    slope_x: Plane
    slope_y: Plane
    kept: Plane  # share of the light that the damaged surface still gives back
    stain: Plane  # share of that light turned to brown oxide
    bare: Plane  # share of the surface that is fresh, unbrushed metal
    area: Mask


def scratch(u: Plane, v: Plane, rng: np.random.Generator) -> Damage:
    """One stroke of a hard corner over the face: a bright furrow, a burr with a dark edge."""
    start, middle, end = np.array([[104, 182], [172, 86], [226, -58]], np.float32)
    best = np.full(u.shape, 1e9, np.float32)
    side = np.zeros_like(u)
    at = np.zeros_like(u)
    stations = np.linspace(0, 1, 41, dtype=np.float32)
    curve = [(1 - s) ** 2 * start + 2 * s * (1 - s) * middle + s**2 * end for s in stations]
    for s, a, b in zip(stations[:-1], curve[:-1], curve[1:], strict=True):
        run = b - a
        length = float(np.hypot(*run))
        along = ((u - a[0]) * run[0] + (v - a[1]) * run[1]) / length**2
        along = np.clip(along, 0, 1)
        du, dv = u - a[0] - along * run[0], v - a[1] - along * run[1]
        away = np.hypot(du, dv)
        nearer = away < best
        best = np.where(nearer, away, best)
        side = np.where(nearer, (du * run[1] - dv * run[0]) / length, side)
        at = np.where(nearer, s + along * (stations[1] - stations[0]), at)

    # Chatter: the corner bites and skips, so the furrow is never equally wide.
    chatter = rough(1, 1024, rng, slope=0.7)
    bite = sample(chatter, at * 700, np.zeros_like(at))
    taper = step(0.0, 0.05, at) * step(1.0, 0.55, at) ** 0.7
    furrow = (1.9 + 0.4 * bite) * taper
    burr = furrow + (1.7 + 0.3 * bite) * taper
    inside = best < furrow
    edge = (best < burr) & ~inside
    # The stroke runs up and to the right: `side` is positive on its right, away from the lamp.
    tilt = np.where(inside, 0.5 * side / np.maximum(furrow, 0.3), 0)
    normal = np.array([end[1] - start[1], start[0] - end[0]]) / np.hypot(*(end - start))
    lines = 0.10 * sample(chatter, side * 90 + 300, np.zeros_like(side))
    kept = np.where(edge, np.where(side > 0, 0.20, 0.42), 1.0)
    kept = np.where(inside, 1.12 + lines + 0.22 * bite, kept)
    return Damage(
        slope_x=tilt * -normal[0],
        slope_y=tilt * -normal[1],
        kept=kept.astype(np.float32),
        stain=np.zeros_like(u),
        bare=inside.astype(np.float32),
        area=inside | edge,
    )


# u, v, radius: the cluster that a drop of coolant leaves when it dries on the face.
PITS = ((-196, -26, 12.5), (-166, -48, 8.0), (-171, -6, 6.5), (-213, 9, 5.5), (-187, 20, 4.5))


def pits(u: Plane, v: Plane, rng: np.random.Generator) -> Damage:
    """Corrosion pits: ragged dark holes, lit on the far wall, each in a brown stain."""
    ragged = rough(512, 512, rng, slope=1.6)
    grit = rough(512, 512, rng, slope=0.4)
    edge = sample(ragged, u * 3 + 256, v * 3 + 256)
    depth = np.zeros_like(u)
    stain = np.zeros_like(u)
    slope_x, slope_y = np.zeros_like(u), np.zeros_like(u)
    for centre_u, centre_v, radius in PITS:
        du, dv = u - centre_u, v - centre_v
        away = np.hypot(du, dv) + 0.20 * radius * edge
        hole = step(radius, 0.66 * radius, away)
        depth = np.maximum(depth, hole)
        stain = np.maximum(stain, step(1.75 * radius, 0.85 * radius, away))
        # A wall leans towards the hole's middle: steepest at the rim, flat on the floor.
        wall = hole * step(0.2 * radius, 0.9 * radius, away)
        slope_x += wall * -du / np.maximum(np.hypot(du, dv), 0.5)
        slope_y += wall * -dv / np.maximum(np.hypot(du, dv), 0.5)
    rubble = sample(grit, u * 2, v * 2)
    far_wall = np.clip((slope_x * KEY.x + slope_y * KEY.y) / np.hypot(KEY.x, KEY.y), 0, 1)
    kept = 1 - depth * (0.90 - 0.62 * far_wall) + 0.05 * depth * rubble
    kept *= 1 - 0.34 * stain * (1 - depth) * np.clip(1 + 0.35 * rubble, 0, 1.6)
    return Damage(
        slope_x=0.5 * slope_x,
        slope_y=0.5 * slope_y,
        kept=np.maximum(kept, 0.04),
        stain=stain,
        bare=depth,
        area=stain > 0.15,  # fainter than that, it drowns in the sensor noise
    )
