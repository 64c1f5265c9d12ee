"""What the car stands on and in front of: road, kerb, grass and a line of trees."""

import numpy as np
from afternoon import CROWNS, LEAVES, STAINS, SUN, SUNSHINE, TAR, direct, sky
from pixels import Colours, Points, step
from texture import sample


def backdrop(eye: Points, direction: Points) -> Colours:
    """Road with the car's shadow, kerb, grass, trees and sky."""
    light = sky(direction)
    turn = direction[0] / direction[1]
    crowns = 0.040 + 0.010 * sample(CROWNS, turn * 700 + 300, 0 * turn)
    crowns = crowns + 0.020 * np.sin(turn * 9 + 1) + 0.004 * sample(LEAVES, turn * 3000, 0 * turn)
    leaves = sample(LEAVES, turn * 1500, direction[2] * 2500)
    depth = step(crowns, crowns - 0.05, direction[2])
    green = np.array([[0.115], [0.160], [0.060]]) * (1 + 0.28 * leaves) * (1.25 - 0.75 * depth)
    trees = step(0.003, -0.003, direction[2] - crowns)
    light = light + trees * (green - light)

    along = np.where(direction[2] < -1e-3, -eye[2] / np.minimum(direction[2], -1e-3), np.inf)
    on_ground = along < 60
    if on_ground.any():
        points = eye + direction[:, on_ground] * along[on_ground]
        light[:, on_ground] = ground(points)
    return light.astype(np.float32)


def ground(points: Points) -> Colours:
    x, y, _ = points
    far = 1 / (1 + 0.02 * np.maximum(y, 0) ** 2)  # fine texture averages out with distance
    grit = sample(TAR, x * 150, y * 150) * far
    stains = sample(STAINS, x * 45, y * 90)
    tar = (0.135 * (1 + 0.13 * grit + 0.10 * stains)) * np.array([[1.0], [0.985], [0.965]])
    paint = step(0.08, 0.07, np.abs(y + 2.35)) * step(-0.9, 0.3, stains + 0.4 * grit + 1)
    tar = tar + paint * (0.62 - tar)
    stone = 0.34 * (1 + 0.08 * grit) * np.array([[1.0], [0.97], [0.92]])
    stone = stone * (1 - 0.5 * step(0.015, 0.010, np.abs((x / 0.9) % 1 - 0.5) * 0.9))
    blades = sample(LEAVES, x * 60, y * 12)
    grass = np.array([[0.115], [0.175], [0.045]]) * (1 + 0.22 * blades * far + 0.10 * stains)
    kerb, lawn = step(2.10, 2.12, y), step(2.50, 2.56, y)
    base = tar + kerb * (stone - tar)
    base = base + lawn * (grass - base)
    gutter = 1 - 0.45 * np.exp(-(((y - 2.08) / 0.05) ** 2))

    up = np.zeros_like(points)
    up[2] = 1
    near = (np.abs(x) < 5) & (np.abs(y) < 4)
    arrives = np.repeat(SUNSHINE * SUN[2] + np.array([[0.36], [0.44], [0.56]]), x.size, axis=1)
    arrives[:, near] = direct(points[:, near], up[:, near])
    return base * arrives * gutter
