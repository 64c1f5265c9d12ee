"""COCO's own reading of run lengths, by pycocotools."""

from __future__ import annotations

import warnings

import numpy as np
from pycocotools import mask


def decoded(runs: dict) -> np.ndarray:
    """The pixels [y x] that the runs mark; pycocotools warns of a numpy newer than it knows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return mask.decode(runs).astype(bool)
