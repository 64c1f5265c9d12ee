"""Sphere tracing (Hart 1996): rays against a scene given as a signed distance.

A scene is one function from points to distances; shadows and normals come out of it too.
"""

from collections.abc import Callable

import numpy as np
from pixels import Points, Scalars, step

Distance = Callable[[Points], Scalars]
Box = tuple[tuple[float, float, float], tuple[float, float, float]]  # two opposite corners


def unit(vectors: Points) -> Points:
    return vectors / np.sqrt((vectors * vectors).sum(0))


def dot(a: Points, b: Points) -> Scalars:
    return (a * b).sum(0)


def mirror(direction: Points, normal: Points) -> Points:
    return direction - 2 * dot(direction, normal) * normal


def march(
    distance: Distance,
    eye: Points,
    direction: Points,
    box: Box,
    *,
    steps: int = 140,
    stride: float = 0.9,
    tolerance: float = 6e-4,
) -> Scalars:
    """How far each ray goes before it meets the scene; inf where it does not.

    Only the part of a ray inside `box` is searched. `stride` below 1 is for
    distances that are not quite exact.
    """
    eye = np.broadcast_to(eye, direction.shape)
    low, high = (np.array(corner, np.float32)[:, None] for corner in box)
    safe = np.where(np.abs(direction) < 1e-9, 1e-9, direction)
    first, second = (low - eye) / safe, (high - eye) / safe
    near = np.maximum(np.minimum(first, second).max(0), 1e-4)
    far = np.maximum(first, second).min(0)

    found = np.full(direction.shape[1], np.inf, np.float32)
    live = np.flatnonzero(near < far)
    along = near[live]
    gap = np.full_like(along, np.inf)
    for _ in range(steps):
        if not live.size:
            break
        gap = distance(eye[:, live] + direction[:, live] * along)
        hit = gap < tolerance
        found[live[hit]] = along[hit]
        along = along + stride * gap
        keep = ~hit & (along < far[live])
        live, along, gap = live[keep], along[keep], gap[keep]
    # A ray that grazes a surface runs out of steps beside it: count that as met.
    grazing = gap < 5 * tolerance
    found[live[grazing]] = along[grazing]
    return found


def normals(distance: Distance, points: Points, size: float = 1e-3) -> Points:
    """The way out of the surface at points on it, from four distances around each."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    total = np.zeros_like(points)
    for corner in corners[:, :, None]:
        total += corner * distance(points + size * corner)
    return unit(total)


def shade_of(
    distance: Distance, points: Points, to_light: Points, *, width: float, reach: float
) -> Scalars:
    """Share of a light of angular radius `width` that reaches each point (Aaltonen 2018)."""
    left = np.ones(points.shape[1], np.float32)
    along = np.full(points.shape[1], 0.02, np.float32)
    for _ in range(34):
        gap = distance(points + to_light * along)
        left = np.minimum(left, 0.5 + 0.5 * gap / (width * along))
        along = along + np.clip(gap, 0.012 * reach, 0.08 * reach)
    return step(0, 1, left)


def open_sky(distance: Distance, points: Points, normal: Points, reach: float) -> Scalars:
    """Share of the surroundings that each point sees: 1 in the open, less in corners."""
    blocked = np.zeros(points.shape[1], np.float32)
    for weight, share in ((0.4, 0.15), (0.3, 0.4), (0.3, 1.0)):
        out = reach * share
        blocked += weight * np.clip(1 - distance(points + normal * out) / out, 0, 1)
    return 1 - blocked
