"""A red hatchback on an empty road, in the afternoon sun."""

import numpy as np
from afternoon import SUN, SUNSHINE, direct, surroundings
from camera import expose
from car_body import BOX, RIM, distance, mirrors, shell, wheel_frame, wheels
from car_flank import BULBS, GAPS, GLASS, HANDLES, LAMP, SEAL, SEATS, SILL, STOP, TAIL, on_flank
from march import dot, mirror, normals, open_sky
from PIL import Image
from pixels import Colours, Points, Scalars, step
from road import backdrop
from scipy.ndimage import gaussian_filter
from view import View, layers

VIEW = View(1024, 683, eye=(-2.3, -9.6, 1.20), target=(0.02, 0.0, 0.74), focal=1790)
PAINT = (0.235, 0.009, 0.011)


def car() -> Image.Image:
    back, front, share = layers(VIEW, backdrop, distance, BOX, surface, stride=0.75)

    # The lens is focused on the car, so what lies beyond the kerb is soft.
    rows = np.arange(VIEW.height)[:, None, None]
    soft = gaussian_filter(back, (2.2, 2.2, 0))
    back = back + step(470, 380, rows) * (soft - back)
    light = back * (1 - share) + front
    return expose(light, np.random.default_rng(32), exposure=0.85, vignette=0.30, grain=0.6)


def surface(points: Points, direction: Points) -> Colours:
    """Light off the car: which material each point is, and how that shines."""
    normal = normals(distance, points, size=4e-3)
    x, y, z = points
    on_shell = shell(points) < 0.004
    sideways = step(0.35, 0.55, np.abs(normal[1])) * on_shell
    base = np.full_like(points, 0.02)
    gloss = np.full(x.shape, 0.05, np.float32)  # mirrored light head on

    def cover(share: Scalars, colour: tuple[float, ...], shine: float) -> None:
        nonlocal base, gloss
        base = base + share * (np.array(colour, np.float32)[:, None] - base)
        gloss = gloss + share * (shine - gloss)

    cover(on_shell.astype(np.float32), PAINT, 0.075)
    cover((mirrors(points) < 0.004).astype(np.float32), PAINT, 0.075)
    cover(on_shell * on_flank(SILL, points), (0.022, 0.022, 0.024), 0.03)
    cover(sideways * on_flank(SEAL, points), (0.008, 0.008, 0.009), 0.06)
    cover(sideways * on_flank(GLASS, points), (0.030, 0.037, 0.038), 0.11)
    cover(sideways * on_flank(GLASS, points) * on_flank(SEATS, points), (0.008,) * 3, 0.10)
    screen = (
        on_shell
        * step(0.40, 0.50, np.abs(normal[0]))
        * step(0.985, 1.0, z)
        * step(1.405, 1.39, z)
        * step(0.0, -0.02, np.abs(y) + 0.42 * (z - 1) - 0.70)
    )
    cover(screen, (0.030, 0.036, 0.038), 0.10)
    cover(sideways * on_flank(GAPS, points) * (1 - on_flank(SEAL, points)), (0.006,) * 3, 0.0)
    cover(sideways * on_flank(HANDLES, points), (0.20, 0.20, 0.21), 0.35)
    nose = on_shell * step(-0.45, -0.60, normal[0]) * (x < -1.8)
    grille = step(0.66, 0.64, np.abs(y)) * step(0.26, 0.28, z) * step(0.44, 0.42, z)
    number = step(0.27, 0.26, np.abs(y)) * step(0.45, 0.46, z) * step(0.56, 0.55, z)
    cover(nose * grille, (0.01,) * 3, 0.03)
    cover(nose * number, (0.7, 0.7, 0.66), 0.04)
    corner = on_shell * (np.abs(y) > 0.40)
    cover(corner * on_flank(LAMP, points), (0.10, 0.11, 0.12), 0.16)
    cover(corner * on_flank(BULBS, points), (0.62, 0.63, 0.62), 0.30)
    cover(corner * on_flank(TAIL, points), (0.085, 0.002, 0.004), 0.14)
    cover(corner * on_flank(STOP, points), (0.55, 0.02, 0.02), 0.14)
    well = (
        on_shell & (np.abs(y) < 0.76) & (z < 0.72) & (np.abs(normal[1]) < 0.6) & (np.abs(x) < 1.72)
    )
    cover(well.astype(np.float32), (0.006,) * 3, 0.0)

    along, up, out = wheel_frame(points)
    radius = np.hypot(along, up)
    on_wheel = (wheels(points) < 0.004).astype(np.float32)
    rubber = (0.024 + 0.006 * np.sin(radius * 420)) * np.ones((3, 1))
    base = base + on_wheel * (rubber - base)
    gloss = gloss * (1 - on_wheel)
    alloy = on_wheel * step(RIM + 0.006, RIM, radius)
    cover(alloy, (0.36, 0.37, 0.385), 0.30)
    cover(alloy * step(0.040, 0.030, out), (0.012,) * 3, 0.0)
    cover(alloy * step(0.040, 0.030, out) * step(0.165, 0.160, radius), (0.10,) * 3, 0.10)

    bounce = mirror(direction, normal)
    facing = np.clip(-dot(direction, normal), 0, 1)
    # Schlick; what hardly mirrors head on is rough, and hardly mirrors at a slant either.
    fresnel = gloss + (np.minimum(1.0, 12 * gloss) - gloss) * (1 - facing) ** 5
    clear = open_sky(distance, points, bounce, 0.5)
    at_sun = np.maximum(dot(bounce, SUN), 0)
    glint = 18 * at_sun**900 + 0.6 * at_sun**60
    mirrored = (surroundings(bounce) + glint * SUNSHINE) * clear
    return (base * direct(points, normal) + fresnel * mirrored).astype(np.float32)
