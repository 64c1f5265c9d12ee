"""attend: the model's own attention from a query token to every patch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import overload

import numpy as np
from einops import rearrange
from jaxtyping import Float
from PIL import Image

from vitmap.errors import CaptureError, UsageError
from vitmap.maps.keys import MapKey, head_keys
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.method_maps import Maps
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection, select
from vitmap.methods.method import Inputs
from vitmap.models.engine import Captured, Engine, Facts, Pixels, Wants
from vitmap.photo.read import Photo, read_photo
from vitmap.photo.view import View

Picture = Photo | str | Path | Image.Image | np.ndarray
Queries = list[Query] | list[str]
OneQuery = Query | str | None  # None: the model's own (see Facts.default_query)


@overload
def attend(
    model: Engine,
    photo: Picture,
    layers: Selection = -1,
    *,
    query: OneQuery = None,
    size: int | None = None,
    fit: str | None = None,
) -> AttentionMaps: ...


@overload
def attend(
    model: Engine,
    photo: Picture,
    layers: Selection = -1,
    *,
    query: Queries,
    size: int | None = None,
    fit: str | None = None,
) -> list[AttentionMaps]: ...


def attend(
    model: Engine,
    photo: Picture,
    layers: Selection = -1,
    *,
    query: OneQuery | Queries = None,
    size: int | None = None,
    fit: str | None = None,
) -> AttentionMaps | list[AttentionMaps]:
    """What a query token attends to, in every head of the wanted layers.

    >>> maps = attend(load("facebook/dino-vits8"), "car.jpg", layers="all")   # doctest: +SKIP
    >>> maps.values.shape                                                     # doctest: +SKIP
    (12, 6, 49, 73)

    `query` is `cls`, `register:0`, `pool`, `mean` (over patches), `patch:X,Y` in the photo's
    pixels, or a Query; without one it is the CLS token, and where a model has none its pooling
    query or the mean over patches. A list of queries gives a list of maps, from one forward.

    The rows equal the model's own softmax rows; the model is left as soon as the last of them is
    known. Raises UsageError for a layer, a query or a size that cannot be, UnsupportedModel for a
    size that the model has no positions for, CaptureError where the attention cannot be seen or
    does not fit the patch grid, PictureError for a photo that cannot be read.
    """
    photo = photo if isinstance(photo, Photo) else read_photo(photo)
    view = model.facts.view(photo.size, size, fit)
    queries: Sequence[OneQuery] = query if isinstance(query, list) else [query]
    (maps,), _ = look(model, [(photo, view)], model.pixels(photo, view), layers, queries)
    return maps if isinstance(query, list) else maps[0]


def attend_batch(
    model: Engine,
    photos: Iterable[Picture],
    layers: Selection = -1,
    *,
    query: OneQuery = None,
    size: int | None = None,
    fit: str | None = None,
    batch: int = 8,
) -> Iterator[AttentionMaps]:
    """The maps of many photos, in order; neighbours of one shape share a forward.

    >>> for maps in attend_batch(model, ["a.png", "b.png"], layers="all"):    # doctest: +SKIP
    ...     print(maps.at(layer=5, head=3).peak)

    A batch pays on a GPU; on a CPU photos take the same time one by one. Points of a `patch` query
    are each photo's own pixels. Raises what `attend` raises, and UsageError where `batch` holds no
    photo.
    """
    if batch < 1:
        raise UsageError(f"A batch of {batch} asked for: expected at least one photo.")
    read = (photo if isinstance(photo, Photo) else read_photo(photo) for photo in photos)
    points = "patch" in str(query)  # these mean other tokens in photos of another size

    def shape(pair: tuple[Photo, View]) -> object:
        return pair[1] if points else pair[1].target

    viewed = ((photo, model.facts.view(photo.size, size, fit)) for photo in read)
    for _, group in groupby(viewed, key=shape):
        while some := list(islice(group, batch)):
            pixels = np.concatenate([model.pixels(*pair) for pair in some])
            found, _ = look(model, some, pixels, layers, [query])
            yield from (maps for (maps,) in found)


def look(
    model: Engine,
    seen: Sequence[tuple[Photo, View]],
    pixels: Pixels,
    layers: Selection,
    queries: Sequence[OneQuery] = (None,),
    *,
    also: Wants = Wants(),  # noqa: B008 (it is frozen)
) -> tuple[list[list[AttentionMaps]], Captured]:
    """One forward for all photos and all queries; `also` is what else it shall give.

    The photos share a grid. The maps come photo by photo, and for each photo query by query.
    """
    facts = model.facts
    chosen = select(layers, facts.depth, "layer")
    asked = [_asked(facts, query, chosen) for query in queries]
    wanted: dict[int, list[list[int]]] = {}  # place in the stack → the tokens of each query
    found: list[tuple[Query, Sequence[int], int]] = []  # a query, and where its rows will be
    for query in asked:
        pools = query.kind == "pool"
        places = [facts.depth] if pools else chosen
        tokens = [0] if pools else query.tokens(facts.prefix, seen[0][1])
        for place in places:
            wanted.setdefault(place, []).append(tokens)
        found.append((query, places, len(wanted[places[0]]) - 1))
    captured = model.run(pixels, replace(also, rows=wanted))
    rows = captured.rows
    maps = [
        [
            _maps(facts, photo, view, query, chosen, [rows[p][number, :, line] for p in places])
            for query, places, line in found
        ]
        for number, (photo, view) in enumerate(seen)
    ]
    return maps, captured


def check_query(facts: Facts, query: OneQuery, layers: Selection) -> Query:
    """The query that is meant; raises UsageError for one that no photo could make possible."""
    asked = _asked(facts, query, select(layers, facts.depth, "layer"))
    if asked.kind not in ("patch", "pool"):
        asked.tokens(facts.prefix, facts.view((100, 100)))
    return asked


def _asked(facts: Facts, query: OneQuery, layers: tuple[int, ...]) -> Query:
    """The query that is meant; raises UsageError where the model or these layers have none such."""
    if query is None:
        return facts.default_query(layers)
    if not isinstance(query, str | Query):
        raise UsageError(
            f"Query {query!r} is none: expected a vitmap.Query or text such as patch:120,80."
        )
    query = Query.parse(query) if isinstance(query, str) else query
    if query.kind == "pool" and "pool" not in facts.gives:
        raise UsageError(
            f"Query pool asked for, but {facts.name} has no attention-pooling head: "
            "leave --query out, or choose mean."
        )
    if query.kind == "pool" and layers != (facts.depth - 1,):
        raise UsageError(
            f"Query pool asks once, after the last layer (L{facts.depth - 1}): leave --layer at "
            "-1, or choose another query for other layers."
        )
    return query


def _maps(
    facts: Facts,
    photo: Photo,
    view: View,
    query: Query,
    layers: tuple[int, ...],
    rows: Sequence[Float[np.ndarray, "head token"]],
) -> AttentionMaps:
    """The rows of one photo and one query, layer by layer, on the patch grid."""
    heads = facts.pooling_heads if query.kind == "pool" else facts.heads
    values, prefix = _to_grid(np.stack(rows), facts, view, heads)
    return AttentionMaps(
        values=values,
        prefix=prefix,
        layers=layers,
        depth=facts.depth,
        query=query,
        view=view,
        source=replace(facts.source, photo=photo.digest),
    )


@dataclass(frozen=True)
class Attention:
    """The model's own attention, in multiples of uniform attention: heads, and each layer's mean.

    `attend` gives the same as probabilities, with the mass on prefix tokens.
    """

    name: str = "attention"
    unit: str = "× uniform attention"
    summary: str = (
        "What the query token attends to, from the model's own softmax: 1 is no preference, 5 five "
        "times as much as with uniform attention. L is the layer, H one head within it."
    )
    signed: bool = False
    needs: frozenset[str] = frozenset({"rows"})

    def plan(
        self, facts: Facts, layers: Selection, heads: Selection, query: Query | None
    ) -> tuple[MapKey, ...]:
        """Every head, then the mean of them, layer by layer."""
        chosen = select(layers, facts.depth, "layer")
        asked = _asked(facts, query, chosen)
        count = facts.pooling_heads if asked.kind == "pool" else facts.heads
        return head_keys(chosen, select(heads, count, "head"), asked)

    def maps(
        self,
        engine: Engine,
        inputs: Inputs,
        keys: Sequence[MapKey],
        reference: None = None,  # noqa: ARG002 (the method's signature)
    ) -> Maps:
        """The named heads and means, from one forward; raises what `attend` raises."""
        queries = list(dict.fromkeys(key.query for key in keys))
        layers = sorted({layer for key in keys for layer in key.layers})
        seen = [(inputs.photo, inputs.view)]
        (found,), _ = look(engine, seen, inputs.pixels, layers, queries)
        of_query = dict(zip(queries, found, strict=True))
        values = [of_query[k.query].mean(list(k.layers), list(k.heads)).uniform for k in keys]
        return inputs.maps(self, keys, values)


ATTENTION = Attention()


def _to_grid(
    rows: Float[np.ndarray, "layer head token"], facts: Facts, view: View, expected: int
) -> tuple[Float[np.ndarray, "layer head gy gx"], Float[np.ndarray, "layer head prefix"]]:
    """Split rows into prefix and patches; the counts must fit, nothing is guessed."""
    (gy, gx), prefix = view.grid, len(facts.prefix)
    heads, tokens = rows.shape[1:]
    if (heads, tokens) != (expected, prefix + gy * gx):
        raise CaptureError(
            f"{facts.name}: {heads} heads over {tokens} tokens were seen, expected {expected} "
            f"heads over {prefix} prefix tokens + {gy} × {gx} patches = {prefix + gy * gx}."
        )
    if not math.isfinite(float(rows.sum())):
        raise CaptureError(f"{facts.name}: attention holds values that are no numbers (nan).")
    patches = rearrange(rows[..., prefix:], "layer head (gy gx) -> layer head gy gx", gy=gy)
    return np.ascontiguousarray(patches), np.ascontiguousarray(rows[..., :prefix])
