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
from vitmap.models.backbone import Backbone
from vitmap.models.facts import width_of
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
    model: Backbone, photo: Photo, size: int | None, fit: str | None, layer: str | None
) -> Plan:
    """The grid and the layers of one photo, before the model runs."""
    asked = select(layer, model.depth, "layer") if layer else None
    view: Callable[[int | None], View] = partial(model.view, photo.size, fit=fit)
    return plan(stack_of(model), view, size, asked, model.any_size)


def stack_of(model: Backbone) -> Stack:
    """What decides how large a page of this model is."""
    width = width_of(model.layers[0])
    return Stack(model.depth, model.heads, width // model.heads, len(model.prefix), model.patch)


def queries_of(model: Backbone) -> tuple[Query, ...]:
    """All whose rows are stored: prefix tokens, the mean over patches, the pooling query."""
    names = {"CLS": "cls", "distillation": "distillation"}
    prefix = [names.get(name, name.replace(" ", ":")) for name in model.prefix]
    pool = ["pool"] if model.pooling is not None else []
    return tuple(map(Query.parse, [*prefix, "mean", *pool]))


def look_at(
    model: Backbone, photo: Photo, view: View, layers: tuple[int, ...], start: Query
) -> Seen:
    """One photo with its rows, each of them compared with the model's own.

    Raises what `attend_with_operands` and `pack_checked` raise, and UsageError for a first query
    that lies outside the photo.
    """
    if start.kind == "patch":
        start.tokens(model.prefix, view)
    queries = queries_of(model)
    asked = [query for query in queries if query.kind != "pool"]
    maps, operands = attend_with_operands(model, photo, view, layers, asked)
    rows: dict[str, Float32[ndarray, "layer head token"]] = {
        query.text: tokens_of(found) for query, found in zip(asked, maps, strict=True)
    }
    if len(asked) < len(queries):
        # The pooling query asks once, after the last layer: a forward of its own.
        seen, pixels = [(photo, view)], model.pixels(photo, view)
        ((pool,),), _ = look(model, seen, pixels, model.depth - 1, [Query("pool")])
        rows["pool"] = tokens_of(pool)
    packed = pack_checked(operands)
    shown = Shown(
        name=photo.name,
        sha256=photo.digest,
        view=view,
        prefix=model.prefix,
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
