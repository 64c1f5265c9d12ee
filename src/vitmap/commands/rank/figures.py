"""The figures of a ranking, from its numbers: what each sheet holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitmap.commands.rank.run import Found, seeing_of
from vitmap.commands.rank.words import cautions, headline
from vitmap.datasets import Sample, truth_mask
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.names import display_name
from vitmap.maps.scale import Scale
from vitmap.methods.tokens import attend_with_features
from vitmap.photo.read import read_photo
from vitmap.rank.candidates import BRIGHTER, EITHER, RAW, Candidate
from vitmap.rank.candidates import MEANINGS as READINGS
from vitmap.rank.evidence import PIXELS
from vitmap.rank.ranking import Ranking
from vitmap.rank.recipe import Recipe
from vitmap.rank.scoring import CHANCE, MEANINGS
from vitmap.render.figures.examples import Column, Example, ExampleSheet
from vitmap.render.figures.ranking import Line, RankingSheet, Table

_PROCEDURES = {"raw": "chosen among raw cells", "golden": "chosen among cells against good"}


def ranking_sheet(found: Found) -> RankingSheet:
    """The tables of cells and the strip of held-out scores."""
    ranking, facts = found.ranking, found.model.facts
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(found.counts.items()))
    view = facts.view((100, 100), found.settings.size, found.settings.fit)
    lines = [
        Line(
            "the cell chosen on other pictures",
            *_three(ranking.procedure.held.estimate),
            "",
            strong=True,
        )
    ]
    if "golden" in ranking.procedures:
        for name, what in _PROCEDURES.items():
            lines.append(Line(what, *_three(ranking.procedures[name].held.estimate)))
    for held, test in zip(ranking.held, ranking.comparisons, strict=True):
        remark = {"better": "beaten", "worse": "is better"}.get(test.verdict, "not told apart")
        lines.append(Line(held.name, *_three(held.estimate), remark))
    return RankingSheet(
        headline=headline(found),
        subtitle=f"{display_name(facts.source.model)}  ·  {found.dataset.name}: {counts}"
        f"{_golden_text(found.recipe, ranking)}  ·  about {view.target[1]} × {view.target[0]} px  ·"
        f"  {facts.source.precision}  ·  query: {found.recipe.query}",
        metric=MEANINGS[ranking.by],
        chance=CHANCE.get(ranking.by),
        tables=_tables(ranking),
        lines=lines,
        notes=[
            f"Tables: {MEANINGS[ranking.by]} of each cell on all pictures; L is the layer, H one "
            "head within it, both count from 0. The highest number of a table is flattered by "
            "having been picked: the strip below shows what picking is worth. Lines are 95 % "
            "bootstrap intervals over pictures; 'beaten' means a paired test with p < 0.05.",
            *cautions(found),
            *found.remarks,
        ],
    )


def _golden_text(recipe: Recipe, ranking: Ranking) -> str:
    count = recipe.evidence["golden"]
    return f"  ·  {count} good pictures to compare with" if ranking.field.golden and count else ""


def _three(value: Any) -> tuple[float, float, float]:
    return value.value, value.low, value.high


def _tables(ranking: Ranking) -> list[Table]:
    field = ranking.field
    kinds = [RAW, BRIGHTER, EITHER] if field.golden else [RAW]
    tables = []
    for kind in kinds:
        scores = np.full((field.depth, field.heads + 1), np.nan)
        tied = np.zeros(scores.shape, dtype=bool)
        best = None
        for entry in ranking.entries:
            candidate = entry.candidate
            if candidate.kind != kind:
                continue
            head = field.heads if candidate.head is None else candidate.head
            scores[candidate.layer, head] = entry.scores[ranking.by]
            tied[candidate.layer, head] = entry.tied
            if entry is ranking.best:
                best = candidate.layer, head
        tables.append(Table(READINGS[kind], scores, tied, best))
    return tables


def example_sheet(found: Found) -> ExampleSheet:
    """Three defective pictures: the chosen cell's best, middle and worst by its own score."""
    ranking, recipe = found.ranking, found.recipe
    defaults = (recipe.layer, recipe.head, recipe.kind)
    raw = next(e for e in ranking.entries if e.candidate.kind == RAW)
    shown = [_shown(found, sample, raw.candidate) for sample in _picked(found)]
    last = f"L{ranking.field.depth - 1} mean of all heads"
    against = recipe.label.removeprefix(recipe.cell).strip()
    about = f"the recipe: {against}" if against else "the recipe"
    columns = [Column(recipe.cell, about, _recipe_scale(recipe, shown), recipe.unit)]
    if defaults != (raw.candidate.layer, raw.candidate.head, RAW):
        scale = _upper([example.maps[1] for example in shown])
        columns.append(Column(raw.candidate.cell, "best raw cell", scale, "× uniform attention"))
    scale = _upper([example.maps[-1] for example in shown])
    columns.append(Column(last, "the usual default", scale, "× uniform attention"))
    kept = [0, *([1] if len(columns) == 3 else []), 2]
    shown = [
        Example(e.name, e.remark, e.photo, e.view, [e.maps[i] for i in kept], e.mask) for e in shown
    ]
    marked = (
        "The black and white line surrounds the known defect. " if ranking.level == PIXELS else ""
    )
    return ExampleSheet(
        title=f"{recipe.label}, beside the last layer's mean",
        subtitle=f"{display_name(recipe.model)}  ·  {found.dataset.name}  ·  three defective "
        "pictures by the recipe's picture score: highest, middle, lowest",
        columns=columns,
        examples=shown,
        notes=[
            f"{marked}One scale a column, for all pictures; pink patches lie above it. The recipe "
            "was fitted on these pictures too.",
        ],
    )


def _picked(found: Found) -> list[Sample]:
    by_digest = {str(record.get("sha256")): str(record["path"]) for record in found.records}
    ordered = sorted(found.scores, key=lambda pair: (-pair[0], pair[1]))
    places = dict.fromkeys((0, len(ordered) // 2, len(ordered) - 1))
    samples = {str(sample.path.absolute()): sample for sample in found.dataset.samples}
    return [samples[by_digest[ordered[place][1]]] for place in places]


def _shown(found: Found, sample: Sample, raw: Candidate) -> Example:
    seeing, recipe = seeing_of(found.settings, found.model), found.recipe
    photo = read_photo(sample.path)
    view = seeing.model.facts.view(photo.size, seeing.size, seeing.fit)
    pixels = seeing.model.pixels(photo, view)
    maps, _ = attend_with_features(seeing.model, photo, view, pixels, query=seeing.query)
    heat = recipe.heat(maps, photo)
    mask = truth_mask(sample, photo) if sample.truth is not None else None
    verdict = {True: ": called defective", False: ": passes as good", None: ""}
    remark = f"score {recipe.score(heat):.3g}{verdict[recipe.defective(heat)]}"
    stack = [heat, _uniform(maps, raw.layer, raw.head), _uniform(maps, -1, None)]
    return Example(sample.path.name, remark, photo.pixels, view, stack, mask)


def _uniform(maps: AttentionMaps, layer: int, head: int | None) -> np.ndarray:
    return maps.mean(layer, "all" if head is None else head).uniform


def _recipe_scale(recipe: Recipe, shown: Sequence[Example]) -> Scale:
    if recipe.level is None:  # too few good pictures
        return _upper([example.maps[0] for example in shown])
    return Scale("good", recipe.scale[1], recipe.scale[0])


def _upper(maps: Sequence[np.ndarray]) -> Scale:
    values = np.concatenate([values.ravel() for values in maps])
    return Scale("run", float(np.percentile(values, 99.5)) or 1.0)
