"""The shape of a mug, in tenths of a metre; z is up and the table is z = 0."""

import numpy as np
from pixels import Points, Scalars, step
from solid import carve, extrude, join

BOX = ((-0.5, -0.75, 0.0), (0.95, 0.5, 1.02))
RADIUS, TALL, WALL, FILL = 0.41, 0.98, 0.036, 0.80


def distance(points: Points) -> Scalars:
    """To the mug with its handle (coffee included, so that rays stop at its surface)."""
    x, y, z = points
    around = np.hypot(x, y)
    # Barely tapered, with a rounded foot.
    taper = 0.03 * step(0.5, 0.0, z)
    outer = extrude(around - RADIUS + taper, np.abs(z - TALL / 2) - TALL / 2, 0.02)
    # The handle leans towards the camera by a third of a right angle.
    side, depth = 0.87 * x - 0.49 * y, 0.49 * x + 0.87 * y
    high = np.maximum(np.abs(z - 0.52) - 0.10, 0)
    ring = np.hypot(side - RADIUS + 0.02, high) - 0.225
    handle = np.hypot(ring, np.maximum(np.abs(depth) - 0.030, 0)) - 0.042
    joined = join(outer, handle, 0.06)
    inside = np.maximum(around - (RADIUS - WALL), FILL - z)
    return carve(joined, inside, 0.014)
