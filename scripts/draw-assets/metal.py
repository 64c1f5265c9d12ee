"""How cut metal shines: lights over an inspection bench, seen by a camera straight above."""

from dataclasses import dataclass

import numpy as np
from pixels import Picture, Plane

CAMERA_HEIGHT = 1050.0  # in picture pixels, as all lengths here
ALUMINIUM = np.array([0.90, 0.91, 0.925], np.float32)


@dataclass(frozen=True)
class Light:
    """A lamp at x, y (down) and z (towards the camera), from the picture's centre."""

    x: float
    y: float
    z: float
    colour: tuple[float, float, float]


KEY = Light(-400, -460, 640, (1.04, 1.0, 0.95))  # the ring lamp's bright side, upper left
FILL = Light(760, 300, 900, (0.30, 0.34, 0.40))  # daylight from the right
LIGHTS = (KEY, FILL)


def metal(
    x: Plane,
    y: Plane,
    normal: tuple[Plane, Plane, Plane],
    groove: tuple[Plane, Plane],
    *,
    along: float | Plane,
    across: float = 0.70,
) -> Picture:
    """Light off a metal surface whose tool marks run along `groove`.

    Ward's anisotropic lobe (1992): narrow (`along`) in the direction of the marks, wide
    (`across`) over them. A turned face gets its bow tie and a brushed one its band from this.
    """
    nx, ny, nz = normal
    tx, ty = groove
    # The other tangent: normal x groove, with the groove in the picture's plane.
    bx, by, bz = -nz * ty, nz * tx, nx * ty - ny * tx
    to_camera = _unit(-x, -y, np.full_like(x, CAMERA_HEIGHT))
    light = np.zeros((*x.shape, 3), np.float32)
    for lamp in LIGHTS:
        to_lamp = _unit(lamp.x - x, lamp.y - y, np.full_like(x, lamp.z))
        hx, hy, hz = _unit(*(a + b for a, b in zip(to_camera, to_lamp, strict=True)))
        facing = np.maximum(hx * nx + hy * ny + hz * nz, 0.05)
        slant = ((hx * tx + hy * ty) / along) ** 2 + ((hx * bx + hy * by + hz * bz) / across) ** 2
        lx, ly, lz = to_lamp
        lit = np.maximum(lx * nx + ly * ny + lz * nz, 0)
        lobe = np.exp(-slant / facing**2) * np.sqrt(lit)
        light += (0.46 * lobe + 0.10 * lit)[..., None] * np.array(lamp.colour, np.float32)
    # The rest of the room: brighter overhead than at the sides.
    room = 0.02 + 0.075 * nz**4
    return (light + room[..., None]) * ALUMINIUM


def _unit(x: Plane, y: Plane, z: Plane) -> tuple[Plane, Plane, Plane]:
    length = np.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length
