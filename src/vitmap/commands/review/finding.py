"""One picture's finding, made of its heat: regions, score and verdict."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from jaxtyping import Float

from vitmap.commands.review.facts import Seen
from vitmap.commands.review.lot import Member
from vitmap.commands.review.settings import ReviewSettings
from vitmap.errors import UsageError
from vitmap.files.checked import digest_of
from vitmap.inspection.finding import Finding
from vitmap.inspection.reading import Terms
from vitmap.maps.regions import Cut, find_regions
from vitmap.maps.scale import Scale
from vitmap.photo.view import View
from vitmap.rank.finite import require_finite


def finding_of(
    member: Member,
    fact: Seen,
    heat: Float[np.ndarray, "gy gx"],
    cut: Cut,
    settings: ReviewSettings,
    terms: Terms,
) -> tuple[Finding, View]:
    """What the journal's fact and the heat say; with the view that the heat lies on.

    Raises NotFinite where heat or score is no number: such a picture has no verdict.
    """
    require_finite(heat, str(member.path), f"the map {terms.label}")
    view = view_of(fact)
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
        verdict=terms.verdict(fact["score"], str(member.path)),
        threshold=terms.threshold,
        peak=float(heat.max()),
        at=view.center(int(row), int(column)),
        notes=tuple(fact["notes"]),
    )
    return found, view


def view_of(fact: Seen) -> View:
    """The view that a picture was seen in."""
    return View(**fact["view"])


def look_of(
    fact: Seen, settings: ReviewSettings, cut: Cut, scale: Scale, low: float, place: str
) -> str:
    """A digest of all that a picture's files depend on; `place` is where the picture lies."""
    chosen = asdict(settings)
    looks = ("upsample", "colormap", "min_area", "merge", "label")
    return digest_of(
        [
            {name: chosen[name] for name in looks},
            settings.per_picture(),
            [cut.kind, cut.value],
            [scale.name, scale.lower, scale.upper],
            [fact["state"], fact["score"], fact["view"], low],
            place if "labelme" in settings.exports else "",
        ]
    )


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
