"""The light of the car's picture: low sun, blue sky, and what stands around the road."""

import numpy as np
from car_body import distance
from march import dot, open_sky, shade_of, unit
from pixels import Colours, Points, step
from texture import rough, sample

SUN = unit(np.array([[-0.42], [-0.62], [0.78]], np.float32))
SUNSHINE = np.array([[2.1], [1.95], [1.72]], np.float32)

RNG = np.random.default_rng(31)
TAR = rough(1024, 1024, RNG, slope=0.5)
STAINS = rough(512, 512, RNG, slope=1.4)
CLOUDS = rough(1024, 1024, RNG, slope=1.75, stretch=2.0)
LEAVES = rough(512, 2048, RNG, slope=0.8)
CROWNS = rough(1, 2048, RNG, slope=0.9)


def sky(direction: Points) -> Colours:
    """Blue overhead, pale at the horizon, with fair-weather clouds."""
    up = np.maximum(direction[2], 0.0)
    zenith = np.array([[0.16], [0.34], [0.72]], np.float32)
    haze = np.array([[0.78], [0.87], [0.95]], np.float32)
    light = haze + step(-0.05, 0.42, up) ** 0.8 * (zenith - haze)
    far = 1 / (up + 0.22)
    puff = sample(CLOUDS, direction[0] * far * 260 + 140, direction[1] * far * 260)
    cover = step(0.55, 2.1, puff) * step(0.0, 0.10, up)
    return light + 0.85 * cover * (np.array([[1.12], [1.10], [1.08]]) - light)


def surroundings(direction: Points) -> Colours:
    """What the paint mirrors: sky, a dark line of trees, the road."""
    light = sky(direction)
    turn = np.arctan2(direction[0], direction[1])
    trees = step(0.012, -0.012, direction[2] - 0.10 - 0.02 * sample(CROWNS, turn * 160, 0 * turn))
    light = light + trees * (np.array([[0.050], [0.070], [0.040]]) - light)
    road = step(0.01, -0.03, direction[2])
    return light + road * (np.array([[0.20], [0.19], [0.18]]) - light)


def direct(points: Points, normal: Points) -> Colours:
    """Sunshine and skylight that arrive at a surface."""
    sun = np.maximum(dot(normal, SUN), 0)
    sun = sun * shade_of(distance, points + 0.01 * normal, SUN, width=0.05, reach=1.6)
    open_up = open_sky(distance, points, normal, 0.45)
    over = 0.5 + 0.5 * normal[2]
    blue = np.array([[0.36], [0.44], [0.56]], np.float32)
    ground = np.array([[0.20], [0.18], [0.16]], np.float32)
    return SUNSHINE * sun + open_up * (over * blue + (1 - over) * ground)
