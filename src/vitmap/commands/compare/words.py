"""What a comparison says in sentences: its title, how to read it, and what not to make of it."""

from __future__ import annotations

from collections.abc import Sequence

from vitmap.commands.compare.numbers import Best
from vitmap.commands.compare.run import Comparison
from vitmap.maps.maps import PatchMap
from vitmap.maps.names import display_name
from vitmap.maps.scale import PERCENTILE
from vitmap.maps.sinks import MEANINGS as ALARMS

_ROWS = {
    "run": "one scale for all rows",
    "image": "one scale for each row, whose end stands below its photo",
    "cell": "each map by its own minimum and maximum: not comparable with each other",
}


def title(found: Comparison) -> str:
    """Whose attention, of what, in what."""
    row = found.rows[0]
    query = f"what {row.query.spoken} attends to"
    if found.across_models:
        name = row.photo.name
        return f"{name} in {len(found.rows)} models: {query}, head by head"
    return f"{span(row.cells)}: {query} in {len(found.rows)} pictures"


def span(cells: Sequence[PatchMap]) -> str:
    """Which maps these are: `L11, heads H0 to H5`."""
    if len(cells) == 1 and len(cells[0].heads) == len(cells[0].layers) == 1:
        return cells[0].label
    heads = _over("head", [cell.heads for cell in cells])
    if cells[0].query.kind == "pool":
        return f"Pooling {heads}"
    layers = _over("layer", [cell.layers for cell in cells])
    return f"{layers[0].upper()}{layers[1:]}, {heads}"


def _over(noun: str, numbers: Sequence[tuple[int, ...]]) -> str:
    """What the maps are of, and what each of them is the mean over."""
    each = list(dict.fromkeys(numbers))
    if all(len(one) == 1 for one in each):
        return _named(noun, [one[0] for one in each])
    return f"mean of {_named(noun, each[0])}"


def _named(noun: str, numbers: Sequence[int]) -> str:
    """`head H4`, `heads H0 to H5`, `layers L0, L11`."""
    names = [f"{noun[0].upper()}{number}" for number in numbers]
    if len(names) == 1:
        return f"{noun} {names[0]}"
    run = len(names) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1))
    return f"{noun}s {names[0]} to {names[-1]}" if run else f"{noun}s {', '.join(names)}"


def subtitle(found: Comparison) -> str:
    """The model, how it saw, and who names the pictures."""
    source = found.rows[0].source
    said = [] if found.across_models else [display_name(source.model)]
    if found.across_models:
        height, width = found.rows[0].size
        said.append(f"photo {width} × {height} px")
    said.append(source.precision)
    if found.classifier is not None:
        said.append(f"labels by {display_name(found.classifier.model)}")
    elif any(not isinstance(row.prediction, str) for row in found.rows):
        said.append("labels by each model" if found.across_models else "labels by the same model")
    return "  ·  ".join(said)


def notes(found: Comparison, scale: str) -> list[str]:
    """How to read the figure."""
    share = f"{100 * found.settings.maps.threshold:g}%"
    reading = f"Scale: {scale} ({_ROWS[scale]}"
    if scale != "cell":
        reading = (
            "Attention in multiples of uniform attention (1× = no preference), so that grids of "
            f"different sizes compare. {reading}; upper end: {PERCENTILE:g}th percentile"
        )
    pool = found.rows[0].query.kind == "pool"
    labels = (
        "H is a head, counted from 0, of the pooling head that follows the last layer."
        if pool
        else "L is a layer (a block of the model), H one head within it; both count from 0."
    )
    if found.rows[0].query.points:
        labels += " The frame on a photo marks the patch that asks."
    if found.across_models:
        labels += " Heads of different models have nothing but their number in common."
    kept = f"kept: the fewest patches that hold {share} of a map's patch mass."
    shown = {
        "map": "",
        "overlay": " Maps lie over their photo in grey.",
        "mask": " Shown of each photo is what is kept; the rest is dimmed, a white line between.",
    }[found.settings.show]
    peak = "peak: the brightest patch in multiples of uniform attention"
    if found.settings.show == "mask":
        return [f"{labels} {peak}; {kept}{shown}"]
    return [f"{reading}).", f"{labels} {peak}; {kept}{shown}"]


def reading(found: Comparison) -> list[str]:
    """What the columns of the table mean."""
    share = f"{100 * found.settings.maps.threshold:g}%"
    return [
        "entropy: how spread the map is, and its share of the most there can be; distance: how far "
        "the patches",
        "of this head look on average, and its share of the photo's diagonal; prefix mass: "
        "attention on CLS,",
        f"registers and the like; kept: the fewest patches with {share} of the rest; peak: the "
        "brightest patch over",
        "uniform attention, at its pixel; most like: the head that keeps the same patches (IoU).",
    ]


def alarm_notes(found: Comparison) -> list[str]:
    """For each kind of alarm on how many maps it is, and what it means."""
    every = [one.alarms for row in found.rows for one in row.numbers]
    counts = {kind: sum(kind in {a.kind for a in alarms} for alarms in every) for kind in ALARMS}
    return [
        f"{kind} (on {count} of {len(every)} maps): {ALARMS[kind]}"
        for kind, count in counts.items()
        if count
    ]


def caution(found: Comparison, best: Sequence[Best]) -> str:
    """That the best of many on a few pictures flatters itself."""
    cells = max(len(row.cells) for row in found.rows)
    most = max(one.pictures for one in best)
    on = "1 picture" if most == 1 else f"{most} pictures"
    return (
        f"The best of {cells} maps on {on} flatters itself: vitmap rank --boxes measures a choice "
        "on pictures that had no part in it."
    )


def told(best: Best) -> str:
    """`wheel: L11 H4 (6.1×, over 2 pictures)`."""
    where = f"{best.row} {best.map}" if best.row else best.map
    over = "1 picture" if best.pictures == 1 else f"{best.pictures} pictures"
    if best.times <= 1:
        return f"{best.label}: no map prefers it; the nearest is {where} ({best.times:.1f}×)"
    return f"{best.label}: {where} ({best.times:.1f}× its area's share, over {over})"
