"""The sizes of the flange: a plate with a turned boss, a bore and four bolt holes."""

import numpy as np
from pixels import Plane

# All in picture pixels; about 5 to the millimetre.
PLATE = (312.0, 212.0, 44.0)  # half width, half height, corner radius
THICKNESS = 44.0
CHAMFER = 5.0
BORE = 80.0
BOSS, BOSS_HEIGHT = 134.0, 9.0
SEAL_GROOVE = (106.0, 4.5)  # radius of its middle, half width
BOLTS = ((-246.0, -146.0), (246.0, -146.0), (-246.0, 146.0), (246.0, 146.0))
BOLT, COUNTERSINK = 20.0, 34.0


def plate_distance(u: Plane, v: Plane) -> Plane:
    """Signed distance to the plate's outline, negative inside."""
    half_u, half_v, radius = PLATE
    over_u, over_v = np.abs(u) - half_u + radius, np.abs(v) - half_v + radius
    outside = np.hypot(np.maximum(over_u, 0), np.maximum(over_v, 0))
    return outside + np.minimum(np.maximum(over_u, over_v), 0) - radius
