"""The schedule, as a function of the share of the time budget that is spent.

A share of time rather than a count of steps: the run may lose its cores to other work for a while,
and the learning rate must still reach the ground when the time is up.
"""

import math
from dataclasses import dataclass

WARMUP = 0.02
FLOOR = 0.005  # of the peak rate


@dataclass(frozen=True)
class Stage:
    """From ``start`` (share of the budget) on: the odds of each size, and its shards."""

    start: float
    odds: dict[int, float]
    shards: dict[int, int]


# Small pictures first, since they are cheap and maps are coarse; the native size for most of the
# run; large ones at the end, enough for the positions to interpolate well.
STAGES = (
    Stage(0.00, {160: 1.0}, {160: 3}),
    Stage(0.20, {224: 0.60, 160: 0.30, 320: 0.10}, {160: 3, 224: 3, 320: 1}),
    Stage(0.62, {224: 0.72, 320: 0.14, 480: 0.14}, {224: 3, 320: 1, 480: 1}),
)
# Views a step, so that steps of all sizes take a similar time.
BATCH = {160: 32, 224: 16, 320: 8, 480: 3}


def stage(spent: float) -> Stage:
    """The stage that share of the budget falls into."""
    return [s for s in STAGES if s.start <= spent][-1]


def rate(spent: float, peak: float) -> float:
    """Linear warm-up, then a half cosine down to the floor."""
    if spent < WARMUP:
        return peak * max(spent / WARMUP, 0.01)
    fall = min(1.0, (spent - WARMUP) / (1 - WARMUP))
    return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * fall)))
