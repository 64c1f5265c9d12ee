"""Holes through the flange: bore and bolt holes differ in size only."""

import numpy as np
from flange import THICKNESS
from metal import CAMERA_HEIGHT, KEY, metal
from pixels import Picture, Plane, step
from texture import rough, sample


def drill(
    light: Picture,
    u: Plane,
    v: Plane,
    centre_u: float,
    centre_v: float,
    hole: float,
    sink: float,
    rng: np.random.Generator,
) -> Picture:
    """Put a through hole into `light`: countersink, the wall that perspective shows, the floor."""
    du, dv = u - centre_u, v - centre_v
    radius = np.hypot(du, dv)
    out_u, out_v = du / np.maximum(radius, 0.5), dv / np.maximum(radius, 0.5)
    rings = sample(rough(1, 2048, rng, slope=0.3), radius * 5, np.zeros_like(radius))
    lay = np.sin(np.arctan2(dv, du) * 9 + radius)  # drill chatter, nine lobes

    # Countersink: a cone that leans into the hole, so its lower right faces the lamp.
    slope = 0.62 + 0.03 * rings
    length = np.sqrt(1 + slope**2)
    cone = metal(u, v, (-slope * out_u / length, -slope * out_v / length, 1 / length),
                 (-out_v, out_u), along=0.30, across=0.5)  # fmt: skip
    cone = cone * (0.86 + 0.03 * lay + 0.03 * rings)[..., None]
    rim = np.exp(-(((radius - sink) / 0.9) ** 2))  # the sharp edge glints
    light = light + 0.10 * rim[..., None]
    light = np.where((radius < sink)[..., None], cone, light)

    # Wall: its lower edge is further from the camera, so drawn smaller around the centre.
    away = 1 - THICKNESS / CAMERA_HEIGHT
    floor_u, floor_v = u - centre_u * away, v - centre_v * away
    floor_radius = np.hypot(floor_u, floor_v)
    toward_lamp = -(out_u * KEY.x + out_v * KEY.y) / np.hypot(KEY.x, KEY.y)
    wall = 0.05 + 0.34 * np.clip(toward_lamp + 0.15, 0, 1) ** 1.5 * (1 + 0.08 * rings)
    light = np.where((radius < hole)[..., None], wall[..., None] * 0.9, light)

    # Floor: granite, lit only where the lamp looks through the hole.
    fall_u, fall_v = -KEY.x / KEY.z * THICKNESS, -KEY.y / KEY.z * THICKNESS
    lit = step(5, -7, np.hypot(floor_u - fall_u, floor_v - fall_v) - hole * away)
    granite = sample(rough(512, 512, rng, slope=0.5), u * 2, v * 2)
    floor = (0.006 + 0.040 * lit) * (1 + 0.18 * granite)
    through = (floor_radius < hole * away) & (radius < hole)
    return np.where(through[..., None], floor[..., None], light)
