"""The shape of a small hatchback, in metres.

x runs from nose (negative) to tail, y away from the camera, z up; the ground is z = 0.
"""

import numpy as np
from einops import rearrange
from pixels import Plane, Points, Scalars, step
from scipy.ndimage import map_coordinates
from solid import extrude, join

BOX = ((-2.2, -1.02, 0.0), (2.2, 1.02, 1.56))
AXLE, HUB, TYRE, RIM, ARCH = 1.30, 0.325, 0.325, 0.230, 0.375

# Side views, drawn as corners and then rounded. Nose on the left.
BODY = ((-2.04, 0.24), (-2.12, 0.40), (-2.12, 0.62), (-1.98, 0.76), (-1.55, 0.87), (-0.98, 0.955),
        (0.30, 0.985), (1.60, 1.02), (1.96, 1.00), (2.05, 0.78), (2.09, 0.55), (2.04, 0.28),
        (1.80, 0.20), (-1.80, 0.19))  # fmt: skip
CABIN = ((-1.20, 0.86), (-0.98, 0.945), (-0.62, 1.19), (-0.20, 1.425), (0.25, 1.475),
         (0.95, 1.455), (1.50, 1.36), (1.66, 1.26), (1.97, 0.97), (1.97, 0.86))  # fmt: skip
LEFT, TOP, OUTLINE_CELL = -2.4, 1.75, 0.01  # corner and cells of the side views' grids

Corners = tuple[tuple[float, float], ...]


def distance(points: Points) -> Scalars:
    """To the whole car. Not quite exact where its width changes: march with a short stride."""
    return np.minimum(np.minimum(shell(points), wheels(points)), mirrors(points))


def shell(points: Points) -> Scalars:
    x, y, z = points
    y = np.abs(y)
    arch = np.hypot(np.abs(x) - AXLE, z - HUB)
    # The flank bulges, tucks in below and narrows towards nose and tail; the arches flare.
    width = 0.865 - 0.13 * step(0.75, 2.2, np.abs(x)) ** 2 - 0.30 * np.maximum(z - 0.72, 0) ** 1.5
    width = width - 0.42 * np.maximum(0.50 - z, 0) ** 1.5 - 0.010 * step(0.800, 0.775, z)
    width = width + 0.024 * np.exp(-(((arch - ARCH) / 0.07) ** 2)) - 0.012 * _hollow(x, z)
    body = extrude(_look_up(BODY_OUTLINE, x, z), y - width, 0.07)
    lean = 0.800 - 0.46 * np.maximum(z - 0.93, 0) - 0.06 * step(0.6, 2.0, x)
    cabin = extrude(_look_up(CABIN_OUTLINE, x, z), y - lean, 0.06)
    well = np.maximum(arch - ARCH, 0.50 - y)
    return np.maximum(join(body, cabin, 0.05), -well)


def _look_up(outline: Plane, x: Scalars, z: Scalars) -> Scalars:
    at = np.stack([(TOP - z) / OUTLINE_CELL, (x - LEFT) / OUTLINE_CELL])
    return map_coordinates(outline, at, order=1, mode="nearest")


def _hollow(x: Scalars, z: Scalars) -> Scalars:
    """The pressed hollow along the doors."""
    return step(-1.0, -0.6, x) * step(1.1, 0.7, x) * np.exp(-(((z - 0.47) / 0.07) ** 2))


def wheels(points: Points) -> Scalars:
    along, up, out = wheel_frame(points)
    radius = np.hypot(along, up)
    tyre = extrude(radius - TYRE, np.abs(out) - 0.105, 0.035)
    dish = np.maximum(radius - RIM, 0.030 - out)
    # Five double spokes: fold the wheel into one fifth, then into one half of that.
    turn = np.arctan2(up, along)
    fifth = np.abs((turn / (2 * np.pi / 5) + 0.25) % 1 - 0.5) * (2 * np.pi / 5)
    spoke = np.abs(radius * np.sin(fifth) - 0.012 - 0.16 * radius) - 0.017 - 0.02 * radius
    spoke = np.maximum(spoke, radius - RIM - 0.005)
    face = 0.085 - 0.12 * np.maximum(0.16 - radius, 0)
    spoke = np.maximum(spoke, np.abs(out - face + 0.03) - 0.026)
    hub = np.maximum(radius - 0.062, np.abs(out - 0.045) - 0.030)
    return np.minimum(np.maximum(tyre, -dish), np.minimum(spoke, hub)) * 0.9


def wheel_frame(points: Points) -> tuple[Scalars, Scalars, Scalars]:
    """Along, up and outwards from the middle of the nearest of the four wheels."""
    x, y, z = points
    return np.where(x < 0, x + AXLE, x - AXLE), z - HUB, np.abs(y) - 0.765


def mirrors(points: Points) -> Scalars:
    x, y, z = points
    scaled = np.sqrt(
        ((x + 0.66) / 0.10) ** 2 + ((np.abs(y) - 0.90) / 0.10) ** 2 + ((z - 1.03) / 0.075) ** 2
    )
    return (scaled - 1) * 0.07


def _rounded(corners: Corners, rounds: int) -> np.ndarray:
    """Chaikin's corner cutting."""
    line = np.array(corners)
    for _ in range(rounds):
        following = np.roll(line, -1, axis=0)
        pair = [0.78 * line + 0.22 * following, 0.22 * line + 0.78 * following]
        line = rearrange(pair, "end corner xz -> (corner end) xz")
    return line


def _outline(corners: Corners) -> Plane:
    """Signed distances to a rounded side view, on a grid of cells of `OUTLINE_CELL`."""
    line = _rounded(corners, 3)
    x, z = np.meshgrid(LEFT + OUTLINE_CELL * np.arange(480), TOP - OUTLINE_CELL * np.arange(176))
    best, inside = np.full(x.shape, 9.0), np.zeros(x.shape, bool)
    for (ax, az), (bx, bz) in zip(line, np.roll(line, -1, axis=0), strict=True):
        at = ((x - ax) * (bx - ax) + (z - az) * (bz - az)) / ((bx - ax) ** 2 + (bz - az) ** 2)
        at = np.clip(at, 0, 1)
        best = np.minimum(best, np.hypot(x - ax - at * (bx - ax), z - az - at * (bz - az)))
        crosses = (az > z) != (bz > z)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < ax + (z - az) * (bx - ax) / (bz - az))
    return np.where(inside, -best, best).astype(np.float32)


BODY_OUTLINE, CABIN_OUTLINE = _outline(BODY), _outline(CABIN)
