"""The top of the flange, with its tool marks."""

import numpy as np
from camera import OVERSAMPLE
from defect import Damage
from flange import BOSS, BOSS_HEIGHT, CHAMFER, SEAL_GROOVE, plate_distance
from metal import KEY, metal
from pixels import Picture, Plane, step
from texture import brushed, rough, sample


def face(u: Plane, v: Plane, rng: np.random.Generator, damage: Damage | None) -> Picture:
    """The plate's top: brushed along u, with a turned boss in the middle and its seal groove."""
    radius = np.hypot(u, v)
    out_u, out_v = u / np.maximum(radius, 1), v / np.maximum(radius, 1)
    on_boss = radius < BOSS

    streaks = sample(brushed(2048, 4096, rng, length=350), u * OVERSAMPLE, v * OVERSAMPLE)
    fine = sample(brushed(2048, 2048, rng, length=60), u * OVERSAMPLE, v * OVERSAMPLE)
    rings = sample(rough(1, 2048, rng, slope=0.25), radius * 4, np.zeros_like(radius))
    chatter = sample(rough(512, 2048, rng, slope=0.9), np.arctan2(v, u) * 326, radius * 4)
    handled = sample(rough(1024, 1024, rng, slope=1.6), u + 512, v + 512)

    # Slopes: the chamfers lean outwards, the groove leans in on both sides.
    edge = plate_distance(u, v)
    edge_v, edge_u = np.gradient(edge, 1 / OVERSAMPLE)
    worn = CHAMFER + 0.35 * fine
    lean = 0.60 * step(-worn - 0.5, -worn + 0.5, edge)
    slope_u, slope_v = lean * edge_u, lean * edge_v
    rim = 0.75 * ((radius > BOSS - 4) & on_boss)
    middle, half = SEAL_GROOVE
    wall = (radius - middle) / half
    rim = rim - 0.85 * wall * (np.abs(wall) < 1)
    slope_u, slope_v = slope_u + rim * out_u, slope_v + rim * out_v
    slope_v = slope_v + np.where(on_boss, 0, 0.06 * streaks + 0.03 * fine)
    turned = 0.03 * rings * on_boss
    slope_u, slope_v = slope_u + turned * out_u, slope_v + turned * out_v
    kept = 1 + np.where(on_boss, 0.05 * rings + 0.025 * chatter, 0.075 * streaks + 0.035 * fine)
    kept = kept * (1 + 0.022 * handled) * (1 - 0.30 * (np.abs(wall) < 0.75))
    # Marks run along u on the face, around on the boss, along the edge on the chamfer.
    on_chamfer = edge > -worn
    groove_u = np.where(on_boss, -out_v, np.where(on_chamfer, -edge_v, 1.0))
    groove_v = np.where(on_boss, out_u, np.where(on_chamfer, edge_u, 0.0))
    if damage:
        slope_u, slope_v = slope_u + damage.slope_x, slope_v + damage.slope_y
        kept = kept * damage.kept

    length = np.sqrt(slope_u**2 + slope_v**2 + 1)
    normal = (slope_u / length, slope_v / length, 1 / length)
    # The lathe leaves a finer finish than the belt, so the boss shines in narrower wedges.
    # A milled chamfer shines more widely along its edge than a brushed face along its streaks.
    along = np.where(on_boss, 0.13, np.where(on_chamfer, 0.6, 0.22))
    light = metal(u, v, normal, (groove_u, groove_v), along=along)
    # Where the chamfer meets the face the edge is worn round, and glints towards the lamp.
    to_lamp = (edge_u * KEY.x + edge_v * KEY.y) / np.hypot(KEY.x, KEY.y)
    glint = np.exp(-(((edge + worn) / 0.8) ** 2)) * np.clip(0.25 + to_lamp, 0, 1)
    light = light + 0.22 * glint[..., None]
    light = light * (kept * boss_shadow(u, v, radius))[..., None]
    if damage:
        oxide = np.array([0.74, 0.60, 0.48], np.float32)
        tint = 1 + damage.stain[..., None] * (oxide - 1)
        # Torn metal has no lay: it is as bright from any side.
        torn = 0.55 * damage.kept * (1 - damage.stain) * damage.bare
        light = light * tint + torn[..., None]
    return light


def boss_shadow(u: Plane, v: Plane, radius: Plane) -> Plane:
    """Light left on the plate beside the boss: its short shadow and the fillet at its foot."""
    fall_u, fall_v = -KEY.x / KEY.z * BOSS_HEIGHT, -KEY.y / KEY.z * BOSS_HEIGHT
    away = np.hypot(u - fall_u, v - fall_v) - BOSS
    fillet = np.exp(-np.maximum(radius - BOSS, 0) / 3.5)
    return np.where(radius < BOSS, 1, (1 - 0.62 * step(4, -4, away)) * (1 - 0.35 * fillet))
