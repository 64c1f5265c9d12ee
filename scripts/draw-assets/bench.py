"""The granite surface plate that the flange lies on."""

import numpy as np
from flange import THICKNESS, plate_distance
from metal import KEY
from pixels import Picture, Plane, step
from texture import rough


def bench(x: Plane, y: Plane, u: Plane, v: Plane, rng: np.random.Generator) -> Picture:
    """Dark granite: mottled, with pale grains, under the part's shadow."""
    height, width = x.shape
    mottle = rough(height, width, rng, slope=0.9)
    grain = rough(height, width, rng, slope=0.45)
    stone = 0.085 * (1 + 0.05 * mottle + 0.11 * grain)
    stone = stone + 0.05 * step(2.4, 3.6, grain + 0.2 * mottle)
    lamp = np.exp(-((x - KEY.x * 0.5) ** 2 + (y - KEY.y * 0.5) ** 2) / 760**2)
    light = stone * (0.25 + 1.15 * lamp)

    # The lamp is wide, so the shadow of the plate's top is soft and that of its foot is sharp.
    fall_x, fall_y = -KEY.x / KEY.z * THICKNESS, -KEY.y / KEY.z * THICKNESS
    shadow = np.zeros_like(x)
    for level in np.linspace(0.05, 1, 8):
        away = plate_distance(u - fall_x * level, v - fall_y * level)
        blur = 1.5 + 15 * level
        shadow = np.maximum(shadow, step(blur, -blur, away))
    corner = np.exp(-np.maximum(plate_distance(u, v), 0) / 26)
    light = light * (1 - 0.78 * shadow) * (1 - 0.45 * corner)
    return light[..., None] * np.array([0.96, 1.0, 1.06], np.float32)
