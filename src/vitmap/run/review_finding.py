"""One picture's finding, made of its heat: regions, score and verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from vitmap.errors import UsageError
from vitmap.export.finding import Finding
from vitmap.geometry import View
from vitmap.regions import Cut, find_regions
from vitmap.render.scale import Scale
from vitmap.run.lot import Member
from vitmap.run.reading import Terms
from vitmap.run.review_settings import ReviewSettings


def finding_of(
    member: Member,
    fact: dict[str, Any],
    heat: Float[np.ndarray, "gy gx"],
    cut: Cut,
    settings: ReviewSettings,
    terms: Terms,
) -> tuple[Finding, View]:
    """What the journal's fact and the heat say; with the view that the heat lies on."""
    about = fact["view"]
    source, target, patch = (tuple(about[name]) for name in ("source", "target", "patch"))
    view = View(source, target, patch, about["fit"])
    regions = find_regions(
        heat, cut.mask(heat), view, min_area=settings.min_area, merge=settings.merge
    )
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    found = Finding(
        name=member.name,
        file=member.file,
        path=member.path,
        sha256=fact["sha256"],
        size=view.source,
        regions=regions,
        score=fact["score"],
        unit=terms.unit,
        verdict=terms.verdict(fact["score"]),
        threshold=terms.threshold,
        peak=float(heat.max()),
        at=view.center(int(row), int(column)),
        notes=tuple(fact["notes"]),
    )
    return found, view


def fixed_scale(settings: ReviewSettings, terms: Terms) -> Scale | None:
    """The scale by good pictures; None where the scale is to come from the lot.

    Raises UsageError where it is asked for and nothing says what good pictures reach.
    """
    name = settings.scale or ("good" if terms.scale else "run")
    if name == "run":
        return None
    if terms.scale is None:
        raise UsageError(
            "Scale good asked for, but nothing says what good pictures reach: give --recipe, "
            "or take --scale run."
        )
    lower, upper = terms.scale
    return Scale("good", upper, lower)
