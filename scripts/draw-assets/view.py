"""A camera in a solid scene: which ray each sample follows, and what they bring back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from camera import pixel_grid, pixel_mean
from einops import rearrange
from march import Box, Distance, march, unit
from pixels import Colours, Picture, Plane, Points

BANDS = 24  # a band of rows at a time, so that its arrays stay in the cache


@dataclass(frozen=True)
class View:
    """A picture of width x height from `eye` towards `target`; `focal` is in pixels."""

    width: int
    height: int
    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    focal: float

    def rays(self, x: Plane, y: Plane) -> tuple[Points, Points]:
        """The eye and the unit directions through the samples x, y."""
        start = np.array(self.eye, np.float32)
        forward = np.array(self.target, np.float32) - start
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        across = right[:, None] * x.ravel() + down[:, None] * y.ravel()
        return start[:, None], unit((forward[:, None] * self.focal + across).astype(np.float32))


def layers(
    view: View,
    backdrop: Callable[[Points, Points], Colours],
    distance: Distance,
    box: Box,
    surface: Callable[[Points, Points], Colours],
    *,
    stride: float,
) -> tuple[Picture, Picture, Picture]:
    """What lies behind the subject, the subject's own light, and its share of each pixel.

    They come apart so that the background can be put out of focus. `backdrop` takes eye and
    directions, `surface` takes points and the directions they were seen along.
    """
    x, y = pixel_grid(view.width, view.height)
    behind, in_front, covered = [], [], []
    for rows_x, rows_y in zip(np.array_split(x, BANDS), np.array_split(y, BANDS), strict=True):
        eye, direction = view.rays(rows_x, rows_y)
        back = backdrop(eye, direction)
        front = np.zeros_like(back)
        along = march(distance, eye, direction, box, stride=stride)
        hit = np.isfinite(along)
        if hit.any():
            front[:, hit] = surface(eye + direction[:, hit] * along[hit], direction[:, hit])
        rows = len(rows_x)
        behind.append(rearrange(back, "rgb (y x) -> y x rgb", y=rows))
        in_front.append(rearrange(front, "rgb (y x) -> y x rgb", y=rows))
        covered.append(rearrange(hit.astype(np.float32), "(y x) -> y x 1", y=rows))
    back, front, share = (
        pixel_mean(np.concatenate(bands)) for bands in (behind, in_front, covered)
    )
    return back, front, share
