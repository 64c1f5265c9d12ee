"""Where the mug stands: an oak table by a tall window, a plastered wall behind."""

import numpy as np
from march import dot, march, mirror, open_sky, shade_of, unit
from mug_body import BOX, distance
from pixels import Colours, Points, step
from texture import rough, sample

TABLE_END, TABLE_SIDE = 2.6, -1.15  # where it ends at the back and on the left
WINDOW = unit(np.array([[-0.74], [-0.30], [0.62]], np.float32))

RNG = np.random.default_rng(21)
GRAIN = rough(1024, 2048, RNG, slope=0.85, stretch=26)
FIGURE = rough(512, 1024, RNG, slope=1.7, stretch=7)
SPECKS = rough(1024, 1024, RNG, slope=0.45)


def room(direction: Points) -> Colours:
    """What the mug mirrors: a dim warm room with one tall window of four panes."""
    x, _, z = direction
    wall = 0.20 + 0.16 * z + 0.10 * step(0.6, -0.8, x)
    light = wall * np.array([[1.0], [0.93], [0.84]], np.float32)
    # Seen from the table, the window is a square around its direction.
    ahead = dot(direction, WINDOW)
    across = unit(np.array([[-WINDOW[1, 0]], [WINDOW[0, 0]], [0.0]], np.float32))
    right = dot(direction, across) / np.maximum(ahead, 0.05)
    up = (z - WINDOW[2, 0] * ahead) / np.maximum(ahead, 0.05)
    pane = step(0.50, 0.46, np.abs(right)) * step(0.70, 0.66, up) * step(-1.45, -1.40, up)
    bars = step(0.02, 0.04, np.abs(right)) * step(0.02, 0.04, np.abs(up + 0.15))
    glow = (pane * bars * (ahead > 0.1)) * 7.0
    return light + glow * np.array([[0.95], [1.0], [1.06]], np.float32)


def direct(points: Points, normal: Points) -> Colours:
    """Window light that arrives at a surface, and the room's own light in its corners."""
    lit = np.maximum(dot(normal, WINDOW) * 0.85 + 0.15, 0)
    lit = lit * shade_of(distance, points + 0.004 * normal, WINDOW, width=0.16, reach=2.0)
    fill = open_sky(distance, points, normal, 0.35) * (0.24 + 0.08 * normal[2] - 0.08 * normal[0])
    warm = np.array([[1.0], [0.93], [0.85]], np.float32)
    return 1.75 * lit * np.array([[1.0], [0.99], [0.96]], np.float32) + fill * warm


def backdrop(eye: Points, direction: Points) -> Colours:
    """The table with the mug's shadow and mirror image, and the wall behind it."""
    along = np.where(direction[2] < -1e-4, -eye[2] / np.minimum(direction[2], -1e-4), np.inf)
    on_table = eye[1] + direction[1] * along < TABLE_END
    light = wall(direction)
    if on_table.any():
        points = eye + direction[:, on_table] * along[on_table]
        light[:, on_table] = table(points, direction[:, on_table])
    return light


def wall(direction: Points) -> Colours:
    """A plastered wall far behind, brighter towards the window, and a dark shelf on it."""
    x, z = direction[0] / direction[1], direction[2] / direction[1]
    light = 0.36 - 0.75 * x + 0.35 * (z + 0.3)
    shelf = step(-0.225, -0.222, z) * step(-0.206, -0.209, z) * step(-0.03, -0.02, x)
    light = light * (1 - 0.55 * shelf)
    tint = np.array([[0.98], [0.93], [0.84]], np.float32)
    return (light * tint).astype(np.float32)


def table(points: Points, direction: Points) -> Colours:
    """Oiled oak boards that run to the right, with a dull mirror image of the mug."""
    x, y, _ = points
    board = np.floor(y / 0.62 + 0.35)
    seam = np.abs((y / 0.62 + 0.35) % 1 - 0.5) * 0.62
    offset = board * 317.0
    grain = sample(GRAIN, x * 420 + offset, y * 420 + offset)
    figure = sample(FIGURE, x * 130 + offset, y * 130 + offset)
    tone = 1 + 0.12 * grain + 0.18 * np.sin(figure * 5) + 0.10 * np.sin(board * 2.4)
    oak = np.array([[0.235], [0.125], [0.062]], np.float32) ** (1.0 + 0.10 * (1 - tone)) * tone
    oak = oak * (1 - 0.75 * step(0.304, 0.308, seam))

    up = np.zeros_like(points)
    up[2] = 1
    up[1] = 0.010 * grain  # pores roughen the mirror image
    up = unit(up)
    lit = direct(points, up)
    bounce = mirror(direction, up)
    facing = np.clip(-dot(direction, up), 0, 1)
    fresnel = 0.55 * (0.04 + 0.96 * (1 - facing) ** 5)
    seen = room(bounce) * 0.8
    met = march(distance, points + 0.002 * up, bounce, BOX, steps=40)
    hit = np.isfinite(met)
    seen[:, hit] = np.array([[0.05], [0.10], [0.11]], np.float32)
    return (oak * lit + fresnel * seen).astype(np.float32)
