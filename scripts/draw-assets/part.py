"""A machined bearing flange on a granite surface plate, seen by an inspection camera above it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from bench import bench
from camera import expose, mask_picture, pixel_grid, pixel_mean
from defect import Damage
from face import face
from flange import BOLT, BOLTS, BORE, COUNTERSINK, plate_distance
from hole import drill
from PIL import Image
from pixels import Picture, Plane

WIDTH, HEIGHT = 960, 640

Spoil = Callable[[Plane, Plane, np.random.Generator], Damage]


@dataclass(frozen=True)
class Pose:
    """Where the fixture left the part: pixels off centre and degrees of turn."""

    x: float
    y: float
    degrees: float


def good_part(pose: Pose, seed: int) -> Image.Image:
    """A part as it should be. `seed` is for what differs between shots: the sensor's noise."""
    u, v = on_part(pose)
    return photograph(pose, face(u, v, marks(), None), seed)


def spoilt_part(pose: Pose, spoil: Spoil, seed: int) -> tuple[Image.Image, Image.Image]:
    """The same part with a defect, and the mask of exactly that defect."""
    u, v = on_part(pose)
    damage = spoil(u, v, np.random.default_rng(seed))
    return photograph(pose, face(u, v, marks(), damage), seed), mask_picture(damage.area)


def marks() -> np.random.Generator:
    """Every part has the same tool marks, so that only pose, noise and defect tell two apart."""
    return np.random.default_rng(11)


def on_part(pose: Pose) -> tuple[Plane, Plane]:
    """The samples of the picture in the part's own coordinates u, v."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    turn = np.deg2rad(pose.degrees)
    u = np.cos(turn) * (x - pose.x) + np.sin(turn) * (y - pose.y)
    v = -np.sin(turn) * (x - pose.x) + np.cos(turn) * (y - pose.y)
    return u, v


def photograph(pose: Pose, top: Picture, seed: int) -> Image.Image:
    """Lay the part with that top on the bench, drill its holes and expose it.

    The lamps are fixed to the bench; the part turns by a degree at most, so its surfaces are lit
    in its own coordinates.
    """
    x, y = pixel_grid(WIDTH, HEIGHT)
    u, v = on_part(pose)
    light = bench(x, y, u, v, np.random.default_rng(7))
    light = np.where((plate_distance(u, v) < 0)[..., None], top, light)
    rng = np.random.default_rng(12)
    light = drill(light, u, v, 0.0, 0.0, BORE, BORE + 4, rng)
    for centre_u, centre_v in BOLTS:
        light = drill(light, u, v, centre_u, centre_v, BOLT, COUNTERSINK, rng)
    sensor = np.random.default_rng(seed + 1)
    return expose(pixel_mean(light), sensor, exposure=1.0, vignette=0.42, grain=0.5)
