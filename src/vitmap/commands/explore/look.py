"""One picture for a page: how it is seen, which rows are stored, and how exact the others are."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image

from vitmap.commands.explore.page import Shown
from vitmap.commands.explore.plan import Plan, Stack, plan
from vitmap.commands.explore.rows import Packed, pack_checked, tokens_of
from vitmap.maps.query import Query
from vitmap.maps.selection import select
from vitmap.methods.attention import look
from vitmap.methods.operands import attend_with_operands
from vitmap.models.engine import Engine, Facts
from vitmap.photo.read import Photo
from vitmap.photo.view import View

_SIDE, _QUALITY = 1600, 88  # of the photo on the page: its longer side in pixels, as a JPEG


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo with what the page has of it."""

    photo: Photo
    view: View
    shown: Shown
    packed: Packed


def plan_of(
    facts: Facts, photo: Photo, size: int | None, fit: str | None, layer: str | None
) -> Plan:
    """The grid and the layers of one photo, before the model runs."""
    asked = select(layer, facts.depth, "layer") if layer else None
    view: Callable[[int | None], View] = partial(facts.view, photo.size, fit=fit)
    return plan(stack_of(facts), view, size, asked, facts.any_size)


def stack_of(facts: Facts) -> Stack:
    """What decides how large a page of this model is."""
    dim = facts.width // facts.heads
    return Stack(facts.depth, facts.heads, dim, len(facts.prefix), facts.patch)


def queries_of(facts: Facts) -> tuple[Query, ...]:
    """All whose rows are stored: prefix tokens, the mean over patches, the pooling query."""
    names = {"CLS": "cls", "distillation": "distillation"}
    prefix = [names.get(name, name.replace(" ", ":")) for name in facts.prefix]
    pool = ["pool"] if "pool" in facts.gives else []
    return tuple(map(Query.parse, [*prefix, "mean", *pool]))


def look_at(model: Engine, photo: Photo, view: View, layers: tuple[int, ...], start: Query) -> Seen:
    """One photo with its rows, each of them compared with the model's own.

    Raises what `attend_with_operands` and `pack_checked` raise, and UsageError for a first query
    that lies outside the photo.
    """
    facts = model.facts
    if start.kind == "patch":
        start.tokens(facts.prefix, view)
    queries = queries_of(facts)
    asked = [query for query in queries if query.kind != "pool"]
    maps, operands = attend_with_operands(model, photo, view, layers, asked)
    rows: dict[str, Float32[ndarray, "layer head token"]] = {
        query.text: tokens_of(found) for query, found in zip(asked, maps, strict=True)
    }
    if len(asked) < len(queries):
        # The pooling query asks once, after the last layer: a forward of its own.
        seen, pixels = [(photo, view)], model.pixels(photo, view)
        ((pool,),), _ = look(model, seen, pixels, facts.depth - 1, [Query("pool")])
        rows["pool"] = tokens_of(pool)
    packed = pack_checked(operands)
    shown = Shown(
        name=photo.name,
        sha256=photo.digest,
        view=view,
        prefix=facts.prefix,
        start=start.text,
        jpeg=_jpeg(photo.pixels),
        rows=rows,
        layers=packed.layers,
    )
    return Seen(photo, view, shown, packed)


def _jpeg(photo: UInt8[ndarray, "y x 3"]) -> bytes:
    """The photo as the page shows it: smaller where it is large."""
    image, file = Image.fromarray(photo), io.BytesIO()
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
