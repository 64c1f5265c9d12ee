"""MapSettings: how a defect map is made; the original form, and what was measured to be better."""

from __future__ import annotations

from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.registry import suggest
from vitmap.soart.kernels import check_kernel

COLORS = ("gray", "rgb")
_LARGEST_KERNEL = 101  # pixels
_WEIGHTS = 1e-6, 1e6  # beyond these the other weights vanish beside it
_NUMBERS = 18  # a patch: beta, eta and gamma of six kernels
_MEMORY = 4e9  # bytes for the numbers of the standard
_MOST = 4  # pixels of tolerance; the numbers of the standard are kept for each displacement


@dataclass(frozen=True)
class MapSettings:
    """The defaults blur by a pixel and let the standard give way by one.

    The author's own form is `MapSettings(blur=0, tolerance=0, align=False, gain=False)`: on board
    pictures it marks edges that lie half a pixel elsewhere (see scripts/evaluate-soart).
    """

    step: tuple[int, int] = (4, 4)  # pixels from patch to patch, about (y, x)
    patches: tuple[int, int] | None = None  # rows and columns of patches instead of a step
    kernel: int = 5
    weights: tuple[float, float, float] = (1.0, 2.0, 3.0)  # of beta, eta, gamma
    color: str = "gray"  # or rgb: each channel, of which the most different counts
    blur: int = 1  # passes of a binomial over both pictures; a Gaussian of √blur pixels
    tolerance: int = 1  # pixels by which a patch of the standard may lie elsewhere
    align: bool = True
    gain: bool = True

    def check(self, size: tuple[int, int]) -> None:
        """Raises UsageError for settings that a picture of that size (y, x) cannot meet."""
        if self.color not in COLORS:
            raise suggest("color", self.color, COLORS)
        check_kernel(self.kernel)
        if self.kernel > _LARGEST_KERNEL:
            raise UsageError(
                f"Kernel {self.kernel} asked for: expected at most {_LARGEST_KERNEL} px, such as 5."
            )
        if min(self.step) < 1:
            raise UsageError(f"Step {_pair(self.step)} asked for: expected pixels, such as 4,4.")
        low, high = _WEIGHTS
        if not any(self.weights) or not all(w == 0 or low <= w <= high for w in self.weights):
            raise UsageError(
                "Weights {:g},{:g},{:g} asked for: expected three numbers, each 0 or from {:g} to "
                "{:g}, one of them above 0, such as 1,2,3.".format(*self.weights, low, high)
            )
        if not 0 <= self.tolerance <= _MOST:
            raise UsageError(f"Tolerance {self.tolerance} asked for: expected 0 to {_MOST} pixels.")
        if not 0 <= self.blur <= 100:
            raise UsageError(f"Blur {self.blur} asked for: expected 0 to 100 passes, such as 1.")
        grid = self.grid(size)
        if min(size) < 2 * self.kernel or min(grid) < 1 or grid[0] > size[0] or grid[1] > size[1]:
            raise UsageError(
                f"{grid[0]}x{grid[1]} patches of {2 * self.kernel} px asked for, but the standard "
                f"has {size[1]} × {size[0]} px: take a smaller step, kernel or number of patches."
            )
        places = (2 * self.tolerance + 1) ** 2 * (3 if self.color == "rgb" else 1)
        needed = 4 * _NUMBERS * places * grid[0] * grid[1]
        if needed > _MEMORY:
            raise UsageError(
                f"{grid[0]}x{grid[1]} patches at tolerance {self.tolerance} would take "
                f"{needed / 1e9:.0f} GB, at most {_MEMORY / 1e9:g} are meant: take a larger step, "
                "fewer patches or a smaller tolerance."
            )

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches on a picture of that size (y, x).

        >>> MapSettings(patches=(268, 238)).grid((1080, 1920))
        (268, 238)
        >>> MapSettings().grid((640, 640))
        (160, 160)
        """
        if self.patches is not None:
            return self.patches
        return max(1, round(size[0] / self.step[0])), max(1, round(size[1] / self.step[1]))

    @property
    def cell(self) -> tuple[int, int]:
        """Nominal pixels (y, x) of a patch's own cell, for the view."""
        return self.step if self.patches is None else (1, 1)

    def displacements(self) -> list[tuple[int, int]]:
        """Where the standard's patches are looked for, the own place first."""
        reach = range(-self.tolerance, self.tolerance + 1)
        return sorted(
            ((y, x) for y in reach for x in reach), key=lambda at: at[0] ** 2 + at[1] ** 2
        )


def _pair(pair: tuple[int, int]) -> str:
    return f"{pair[0]},{pair[1]}"
