"""`vitmap explore`: one or two pictures → one page where any patch of them may ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitmap import __version__
from vitmap.commands.explore.look import Seen, look_at, plan_of, queries_of
from vitmap.commands.explore.page import Page, write_explorer
from vitmap.commands.explore.plan import LIMIT, MOST, Plan
from vitmap.commands.explore.settings import ExploreSettings
from vitmap.errors import InputError, PictureError
from vitmap.maps.names import display_name
from vitmap.maps.query import Query
from vitmap.maps.selection import select
from vitmap.methods.attention import check_query
from vitmap.models.engine import Engine, Facts
from vitmap.models.load import load_maps_model
from vitmap.photo.read import Photo, read_photo
from vitmap.runs.staging import RECORD_FORMAT, staged

PAGE = "explore.html"


@dataclass(frozen=True, eq=False)
class Explored:
    """What came out."""

    out: Path
    record: dict[str, Any]
    remarks: tuple[str, ...]
    failed: tuple[Exception, ...]


def load_model(settings: ExploreSettings) -> tuple[Engine, tuple[str, ...]]:
    """The model, and what is to be said of it. Raises ModelError, UsageError."""
    settings.check()
    model, remarks = load_maps_model(
        settings.model, precision=settings.precision, device=settings.device
    )
    if settings.query is not None:
        # The pooling query asks after the last layer; the page has it whatever layers it holds.
        pools = Query.parse(settings.query).kind == "pool"
        check_query(model.facts, settings.query, -1 if pools else "all")
    select(settings.layer or "all", model.facts.depth, "layer")
    model.facts.view((100, 100), settings.size, settings.fit)
    return model, remarks


def explore(
    paths: Sequence[Path],
    settings: ExploreSettings,
    model: Engine,
    remarks: Sequence[str],
    out: Path,
    command: Sequence[str],
) -> Explored:
    """Look at every picture once, prove the page's rows, and write it with its record.

    One picture that cannot be read leaves a page of the other. Raises InputError where none is
    left, CaptureError where rows cannot be had exactly, OutputError for a place that cannot be
    written.
    """
    photos, failed = _read(paths)
    if not photos:
        raise failed[0]
    size, fit, layer = settings.size, settings.fit, settings.layer
    facts = model.facts
    plans = [plan_of(facts, photo, size, fit, layer) for photo in photos]
    layers = min((plan.layers for plan in plans), key=len)
    start = Query.parse(settings.query) if settings.query else facts.default_query(layers)
    seen = [
        look_at(model, photo, plan.view, layers, start)
        for photo, plan in zip(photos, plans, strict=True)
    ]
    page = Page(
        model=display_name(facts.name),
        layers=layers,
        depth=facts.depth,
        heads=facts.heads,
        pool_heads=facts.pooling_heads if "pool" in facts.gives else 0,
        queries=queries_of(facts),
        threshold=settings.threshold,
        colormap=settings.colormap,
        remarks=_on_page(facts, layers),
        exact=_exact(seen),
    )
    with staged(out) as stage:
        write_explorer(stage.folder / PAGE, page, [one.shown for one in seen])
        size_of = (stage.folder / PAGE).stat().st_size
        said = [*remarks, *_said(settings, facts, plans, layers, size_of, len(seen))]
        record = {
            "vitmap": __version__,
            "format": RECORD_FORMAT,
            "command": list(command),
            "settings": asdict(settings),
            "model": asdict(facts.source) | {"photo": None, "prefix_tokens": list(facts.prefix)},
            "layers": list(layers),
            "queries": [query.text for query in page.queries],
            "remarks": said,
            "exact": page.exact,
            "bytes": size_of,
            "pictures": [_picture(one) for one in seen] + [_lost(error) for error in failed],
            "files": stage.files(),
        }
        stage.write_record(record)
    return Explored(out, record, tuple(said), tuple(failed))


def _read(paths: Sequence[Path]) -> tuple[list[Photo], list[InputError]]:
    photos, failed = [], []
    for path in paths:
        try:
            photos.append(read_photo(path))
        except PictureError as error:
            failed.append(error)
    return photos, list(failed)


def _picture(seen: Seen) -> dict[str, Any]:
    photo, view = seen.photo, seen.view
    return {
        "path": str(photo.path.resolve()) if photo.path else None,
        "name": photo.name,
        "sha256": photo.digest,
        "status": "done",
        "notes": list(photo.notes),
        "photo_yx": list(photo.size),
        "seen_at_yx": list(view.target),
        "patch_grid_yx": list(view.grid),
        "precision": [layer.precision for layer in seen.packed.layers],
        "worst_difference": float(f"{seen.packed.worst:.3g}"),
        "rows_compared": seen.packed.rows,
    }


def _lost(error: Exception) -> dict[str, Any]:
    return {"status": "failed", "error": str(error)}


def _exact(seen: Sequence[Seen]) -> str:
    """How far the page's rows are from the model's own, which was measured on all of them."""
    worst = max(one.packed.worst for one in seen)
    rows = sum(one.packed.rows for one in seen)
    return (
        f"Rows computed here differ from the model's own by at most {100 * worst:.2g} % of a row's "
        f"maximum: all {rows:,} rows were compared. Rows of the queries that have a button are the "
        "model's own."
    )


def _on_page(facts: Facts, layers: Sequence[int]) -> tuple[str, ...]:
    """What a reader of the page must know of how it was made."""
    precision = facts.source.precision
    said = [] if precision == "fp32" else [f"computed in {precision}"]
    if len(layers) < facts.depth:
        said.append(f"{_listed(layers)} of L0 to L{facts.depth - 1}")
    return tuple(said)


def _said(
    settings: ExploreSettings,
    facts: Facts,
    plans: Sequence[Plan],
    layers: Sequence[int],
    size: int,
    photos: int,
) -> list[str]:
    """What was decided that nobody asked for, and what it costs."""
    said = []
    limit = LIMIT / 1e6
    if settings.layer is None and len(layers) < facts.depth:
        said.append(
            f"{len(layers)} of {facts.depth} layers are on the page, so that it stays within "
            f"{limit:.0f} MB a photo: {_listed(layers)}. Name others with --layer."
        )
    patches = max(plan.view.grid[0] * plan.view.grid[1] for plan in plans)
    if settings.size is None and facts.any_size and patches < MOST * 0.8:
        said.append(
            f"The grid has {patches} patches, so that {len(layers)} layers stay within "
            f"{limit:.0f} MB a photo: --size asks for a finer one, --layer for fewer layers."
        )
    if size > LIMIT * photos:
        said.append(
            f"The page has {size / 1e6:.0f} MB, more than {limit:.0f} MB a photo: "
            "fewer layers (--layer) or a smaller --size make it smaller."
        )
    return said


def _listed(layers: Sequence[int]) -> str:
    run = len(layers) > 2 and layers[-1] - layers[0] == len(layers) - 1
    names = [f"L{layer}" for layer in layers]
    return f"{names[0]} to {names[-1]}" if run else ", ".join(names)
