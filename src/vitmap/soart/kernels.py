"""The seven kernels of zeros and ones: four bends, two lines and the datum."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float

from vitmap.errors import UsageError

NAMES = ("bend1", "bend2", "bend3", "bend4", "line1", "line2", "datum")


def check_kernel(size: int) -> None:
    """Raises UsageError for a size without a middle."""
    if size < 3 or size % 2 == 0:
        raise UsageError(
            f"Kernel {size} asked for, but its cross needs a middle: "
            "give an odd number from 3 up, such as 5."
        )


@cache
def kernels(size: int = 5) -> Float[np.ndarray, "7 ky kx"]:
    """The kernels in their order; an odd size.

    `bend1` is the top row and the right column, `bend2` right and bottom, `bend3` left and bottom,
    `bend4` top and left; `line1` the diagonal that rises to the right, `line2` the one that falls;
    `datum` the cross through the middle.

    >>> kernels(5).sum(axis=(1, 2))
    array([9., 9., 9., 9., 5., 5., 9.])
    """
    found = np.zeros((len(NAMES), size, size))
    middle, last = size // 2, size - 1
    for kernel, rows, columns in zip(found, [0, last, last, 0], [last, last, 0, 0], strict=False):
        kernel[rows, :] = 1
        kernel[:, columns] = 1
    found[4] = np.fliplr(np.eye(size))
    found[5] = np.eye(size)
    found[6, middle, :] = 1
    found[6, :, middle] = 1
    found.flags.writeable = False  # it is shared
    return found
