"""What lies flat on the car's flank: windows, gaps between panels, lamps, as maps of it."""

import numpy as np
from car_body import Corners
from PIL import Image, ImageDraw, ImageFilter
from pixels import Plane, Points, Scalars
from texture import sample

LEFT, TOP, FINENESS = -2.4, 1.75, 0.0025  # of the maps: metres, metres, metres a pixel
SIZE = (1920, 700)

WINDOWS = (
    ((-0.72, 1.020), (-0.30, 1.300), (-0.10, 1.385), (0.26, 1.415), (0.26, 1.020)),
    ((0.36, 1.020), (0.36, 1.415), (0.80, 1.395), (1.10, 1.350), (1.20, 1.045)),
    ((1.27, 1.050), (1.18, 1.325), (1.38, 1.265), (1.52, 1.075)),
)
DOORS = (
    ((-0.78, 0.34), (-0.84, 0.62), (-0.80, 0.985), (-0.28, 1.345), (0.00, 1.430), (0.30, 1.435),
     (0.33, 1.00), (0.31, 0.60), (0.31, 0.30), (-0.74, 0.30), (-0.78, 0.34)),
    ((0.31, 0.30), (0.84, 0.30), (0.96, 0.50), (1.20, 0.80), (1.24, 1.03), (1.14, 1.36)),
    ((-1.92, 0.785), (-1.50, 0.855), (-0.96, 0.935)),
    ((-1.68, 0.44), (-1.72, 0.60), (-1.74, 0.70)),
    ((1.72, 0.44), (1.76, 0.66)),
)  # fmt: skip


def flank(polygons: tuple[Corners, ...], lines: tuple[Corners, ...] = (), thick: float = 0.0,
          grow: float = 0.0, round_off: float = 0.0) -> Plane:  # fmt: skip
    """A map of the flank, 1 on the polygons and lines; `grow` and `round_off` in metres."""
    picture = Image.new("L", SIZE, 0)
    pen = ImageDraw.Draw(picture)
    for corners in polygons:
        pen.polygon(_on_map(corners), fill=255)
    for corners in lines:
        pen.line(_on_map(corners), fill=255, width=round(thick / FINENESS), joint="curve")
    if grow:
        picture = picture.filter(ImageFilter.MaxFilter(2 * round(grow / FINENESS) + 1))
    if round_off:
        # Blurring and cutting at half rounds corners off and leaves straight edges alone.
        soft = picture.filter(ImageFilter.GaussianBlur(round_off / FINENESS))
        picture = Image.fromarray(np.where(np.asarray(soft) > 127, 255, 0).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    return np.asarray(picture, np.float32) / 255


def _on_map(corners: Corners) -> list[tuple[float, float]]:
    return [((x - LEFT) / FINENESS, (TOP - z) / FINENESS) for x, z in corners]


def on_flank(plane: Plane, points: Points) -> Scalars:
    """A map of the flank, looked up at points of the car."""
    return sample(plane, (points[0] - LEFT) / FINENESS, (TOP - points[2]) / FINENESS)


GLASS = flank(WINDOWS, round_off=0.012)
SEAL = flank(WINDOWS, grow=0.028, round_off=0.02)
GAPS = flank((), DOORS, thick=0.009)
HANDLES = flank((), (((0.10, 0.875), (0.25, 0.880)), ((1.00, 0.905), (1.14, 0.910))), thick=0.026)
SILL = flank((((-0.95, 0.10), (-0.95, 0.285), (0.95, 0.285), (0.95, 0.10)),
              ((-2.3, 0.10), (-2.3, 0.345), (-1.95, 0.33), (-1.62, 0.27), (-1.62, 0.10)),
              ((1.62, 0.10), (1.62, 0.29), (1.92, 0.37), (2.3, 0.39), (2.3, 0.10))))  # fmt: skip
LAMP = flank((((-2.2, 0.60), (-2.2, 0.735), (-1.90, 0.765), (-1.70, 0.735), (-1.84, 0.62)),),
             round_off=0.02)  # fmt: skip
BULBS = flank((((-2.05, 0.635), (-2.05, 0.715), (-1.985, 0.725), (-1.965, 0.640)),
               ((-1.935, 0.645), (-1.925, 0.722), (-1.86, 0.728), (-1.86, 0.650))),
              round_off=0.02)  # fmt: skip
TAIL = flank((((1.72, 0.88), (1.80, 0.98), (2.2, 0.97), (2.2, 0.76), (1.92, 0.78)),),
             round_off=0.02)  # fmt: skip
STOP = flank((((1.84, 0.885), (1.87, 0.95), (2.2, 0.94), (2.2, 0.88)),), round_off=0.015)
SEATS = flank((((-0.10, 0.9), (-0.02, 1.25), (0.10, 1.27), (0.17, 0.9)),
               ((0.72, 0.9), (0.80, 1.22), (0.93, 1.23), (1.00, 0.9))), round_off=0.03)  # fmt: skip
