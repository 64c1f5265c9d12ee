"""TableSettings: everything that the numbers of a table depend on besides the pictures."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from vitmap.errors import UsageError
from vitmap.registry import suggest
from vitmap.soart.kernels import check_kernel

VARIANTS = ("mean-l2", "sum-chebyshev", "rt")
COLORS = ("gray", "rgb-joint", "rgb-split")
LARGEST = 4096  # pixels a side


@dataclass(frozen=True)
class TableSettings:
    """How pictures become metrics. Y2 and Y3 depend on all of it, so tables never mix settings.

    >>> TableSettings().columns
    4
    """

    variant: str = "mean-l2"
    size: int = 30  # pixels a side that a picture is shrunk to
    kernel: int = 5  # pixels a side
    grid: tuple[int, int] = (2, 2)  # rows and columns of areas, each a column of the tables
    color: str = "gray"
    decimals: int | None = None  # responses and metrics rounded; the original program's files: 3
    full: float | None = None  # what white becomes; None: the variant's own, 1 or 255
    standard: str = ""  # sha256 over the standard's responses

    @property
    def white(self) -> float:
        """The value of a white pixel: 1 for `sum-chebyshev`, 255 for the others, or as given."""
        return self.full or (1.0 if self.variant == "sum-chebyshev" else 255.0)

    @property
    def metrics(self) -> int:
        """Tables: three, but two for `rt`, which has no Y3."""
        return 2 if self.variant == "rt" else 3

    @property
    def columns(self) -> int:
        """Columns of a table: areas, times three for `rgb-split`."""
        return self.grid[0] * self.grid[1] * (3 if self.color == "rgb-split" else 1)

    def check(self) -> None:
        """Raises UsageError for settings that no picture could meet."""
        if self.variant not in VARIANTS:
            raise suggest("variant", self.variant, VARIANTS)
        if self.color not in COLORS:
            raise suggest("color", self.color, COLORS)
        check_kernel(self.kernel)
        self._check_size()
        if self.decimals is not None and not 0 <= self.decimals <= 15:
            raise UsageError(f"Decimals {self.decimals} asked for: expected 0 to 15, such as 3.")
        if self.full is not None and not 0 < self.full < math.inf:
            raise UsageError(f"White {self.full:g} asked for: expected a number above 0, as 255.")

    def _check_size(self) -> None:
        grid = f"{self.grid[0]}x{self.grid[1]}"
        if min(self.grid) < 1:
            raise UsageError(f"Grid {grid} asked for: expected at least one area each way: 2x2.")
        unit = self.kernel * math.lcm(*self.grid)  # a size divides both ways or not at all
        if unit > LARGEST or self.size > LARGEST:
            raise UsageError(
                f"Size {self.size}, kernel {self.kernel}, grid {grid} asked for, but a picture is "
                f"shrunk to at most {LARGEST} px and kernel × grid must divide that: take smaller "
                "ones, such as 30, 5 and 2x2."
            )
        if self.size < 1 or self.size % unit:
            below = self.size // unit * unit
            near = [str(size) for size in (below, below + unit) if 0 < size <= LARGEST]
            raise UsageError(
                f"Size {self.size} does not divide into areas of whole kernels: size {self.size}, "
                f"kernel {self.kernel}, grid {grid}; give a multiple of {unit}, such as "
                f"{' or '.join(near or [str(unit)])}."
            )

    def as_json(self) -> dict[str, Any]:
        """What is written beside the tables."""
        return {**asdict(self), "grid": list(self.grid), "full": self.white}


def difference(learn: TableSettings, valid: TableSettings) -> str | None:
    """The first setting in which two tables differ, in words; None where they are alike."""
    a, b = learn.as_json(), valid.as_json()
    for name in a:
        if a[name] != b[name]:
            if name == "standard":
                return "the standard image is another"
            return f"{name} is {a[name]} in one and {b[name]} in the other"
    return None
