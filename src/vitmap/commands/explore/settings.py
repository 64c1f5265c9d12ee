"""What a page depends on besides its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from vitmap.errors import UsageError
from vitmap.maps.mass import check_share
from vitmap.maps.query import Query
from vitmap.photo.view import FITS
from vitmap.registry import suggest
from vitmap.render.colormap import palette


@dataclass(frozen=True)
class ExploreSettings:
    """How the pictures are seen, and how the page opens; the defaults are the command line's."""

    model: str | None = None
    size: int | None = None  # None: the finest grid that the page holds
    fit: str | None = None
    layer: str | None = None  # None: all that the page holds
    query: str | None = None  # the one that is shown first
    precision: str = "fp32"
    device: str = "auto"
    threshold: float = 0.6
    colormap: str = "viridis"

    def check(self) -> None:
        """Raises UsageError for what no model and no picture could make possible."""
        check_share(self.threshold)
        palette(self.colormap)
        if self.fit is not None and self.fit not in FITS:
            raise suggest("fit", self.fit, FITS)
        if self.query is not None:
            query = Query.parse(self.query)
            if len(query.points) > 1:
                raise UsageError(
                    f"Query {self.query} asked for: the page shows what one patch attends to: "
                    "expected patch:X,Y."
                )
        if self.size is not None and self.size < 1:
            raise UsageError(f"Size {self.size} asked for: expected pixels, such as 480.")
