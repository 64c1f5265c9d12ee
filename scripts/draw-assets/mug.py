"""A stoneware mug of coffee on a wooden table, lit by a window on the left."""

import numpy as np
from camera import expose
from kitchen import FIGURE, SPECKS, TABLE_SIDE, backdrop, direct, room
from march import dot, mirror, normals, open_sky
from mug_body import BOX, FILL, RADIUS, TALL, WALL, distance
from PIL import Image
from pixels import Colours, Points, step
from scipy.ndimage import gaussian_filter
from texture import sample
from view import View, layers

VIEW = View(640, 960, eye=(0.0, -5.0, 2.35), target=(0.10, 0.0, 0.50), focal=2050)


def mug() -> Image.Image:
    back, front, share = layers(VIEW, backdrop, distance, BOX, glazed, stride=0.9)

    # The lens is focused on the mug: what lies behind it goes soft, the more so the higher up.
    rows = np.arange(VIEW.height)[:, None, None]
    for blur, top in ((1.2, 640), (3.0, 480), (6.0, 360)):
        soft = gaussian_filter(back, (blur, blur, 0))
        back = back + step(top, top - 140, rows) * (soft - back)
    light = back * (1 - share) + front
    return expose(light, np.random.default_rng(22), exposure=1.0, vignette=0.45, grain=0.6)


def glazed(points: Points, direction: Points) -> Colours:
    """Light off the mug and off the coffee."""
    normal = normals(distance, points)
    x, y, z = points
    around = np.hypot(x, y)
    turn = np.arctan2(y, x)
    specks = sample(SPECKS, turn * 163, z * 400)
    drift = sample(FIGURE, turn * 163, z * 90)

    glaze = np.array([[0.035], [0.165], [0.190]], np.float32) * (1 + 0.13 * drift)
    glaze = glaze * (1 - 0.7 * step(2.1, 2.7, specks))
    clay = np.array([[0.42], [0.31], [0.22]], np.float32) * (1 + 0.07 * specks)
    cream = np.array([[0.70], [0.64], [0.54]], np.float32) * (1 - 0.5 * step(2.3, 2.9, specks))
    # Raw clay at the foot, a thin brown lip where the glaze ran off the edge, cream inside.
    foot = step(0.150, 0.140, z + 0.010 * np.sin(turn * 3) + 0.004 * drift)
    lip = step(TALL - 0.030, TALL - 0.006, z + 0.003 * drift)
    inner = (around < RADIUS - 0.6 * WALL) & (z > FILL - 0.01)
    base = glaze * (1 - foot) + clay * foot
    base = np.where(inner, cream, base)
    base = base * (1 - lip) + lip * np.array([[0.30], [0.17], [0.09]], np.float32)
    gloss = 1 - 0.92 * foot

    coffee = inner & (z < FILL + 0.004) & (normal[2] > 0.9)
    edge = step(RADIUS - WALL - 0.05, RADIUS - WALL, around)
    brew = np.array([[0.022], [0.010], [0.005]]) + edge * np.array([[0.15], [0.075], [0.030]])
    base = np.where(coffee, brew, base).astype(np.float32)

    bounce = mirror(direction, normal)
    facing = np.clip(-dot(direction, normal), 0, 1)
    fresnel = (0.04 + 0.96 * (1 - facing) ** 5) * gloss
    seen = room(bounce) * (0.35 + 0.65 * open_sky(distance, points, bounce, 0.3))
    # Below the horizon the glaze mirrors the table, as far as that goes.
    lands = x + bounce[0] * z / np.maximum(-bounce[2], 1e-3)
    oak = np.array([[0.20], [0.115], [0.062]], np.float32)
    seen = np.where((bounce[2] < 0) & (lands > TABLE_SIDE), oak, seen)
    return base * direct(points, normal) + fresnel * seen
