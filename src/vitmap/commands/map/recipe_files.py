"""A picture as a recipe reads it: its heat, score and verdict, and the files that show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from safetensors.numpy import save

from vitmap.formats.png import write_heatmap, write_mask, write_picture
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.mass import keep_mass
from vitmap.maps.names import display_name
from vitmap.maps.scale import Scale
from vitmap.photo.read import Photo
from vitmap.rank.recipe import Recipe
from vitmap.render.colormap import palette
from vitmap.render.figures.recipe import Judged, draw_judged
from vitmap.render.overlay import overlay
from vitmap.runs.settings import Settings


@dataclass(frozen=True, eq=False)
class Judgement:
    """One picture by a recipe."""

    recipe: Recipe
    maps: AttentionMaps
    heat: Float32[np.ndarray, "gy gx"]
    mask: Bool[np.ndarray, "gy gx"]
    scale: Scale
    score: float
    defective: bool | None
    shift: tuple[float, float]  # (y, x) in patches
    doubtful: bool


def judge(recipe: Recipe, maps: AttentionMaps, photo: Photo, threshold: float) -> Judgement:
    """The heat on the recipe's own scale; the mask is what lies above its level.

    Where too few good pictures gave no level, the mask holds a share of the mass, as elsewhere.
    Raises what `Recipe.read` raises: NotFinite for a picture whose score is no number.
    """
    heat, placed = recipe.read(maps, photo)
    name = str(photo.path or photo.name)
    known = recipe.level is not None
    positive = np.maximum(heat, 0)
    mask = heat > recipe.level if known else keep_mass(positive, threshold)
    return Judgement(
        recipe=recipe,
        maps=maps,
        heat=heat,
        mask=mask,
        scale=Scale("good" if known else "run", recipe.scale[1], recipe.scale[0]),
        score=recipe.score(heat, name),
        defective=recipe.defective(heat, name),
        shift=(placed.place.y, placed.place.x),
        doubtful=placed.doubtful,
    )


def verdict_of(judged: Judgement) -> str:
    """The score and what it means, in a sentence."""
    recipe = judged.recipe
    said = f"score {judged.score:.3g} {recipe.unit}"
    if recipe.alarm is None:
        return f"{said}; no threshold (the recipe knows too few good pictures)"
    end = "defective" if judged.defective else "passes as good"
    return f"{said}, threshold {recipe.alarm.threshold:.3g}: {end}"


def describe_judgement(judged: Judgement) -> dict[str, Any]:
    """For run.json and the terminal."""
    row, column = np.unravel_index(int(judged.heat.argmax()), judged.heat.shape)
    return {
        "label": judged.recipe.label,
        "unit": judged.recipe.unit,
        "score": round(judged.score, 5),
        "threshold": judged.recipe.threshold,
        "defective": judged.defective,
        "verdict": verdict_of(judged),
        "peak": round(float(judged.heat.max()), 5),
        "peak_at_xy": list(judged.maps.view.center(int(row), int(column))),
        "level": judged.recipe.level,
        "mask_area": round(float(judged.mask.mean()), 6),
        "shift_patches_yx": [round(value, 3) for value in judged.shift],
        "doubtful": judged.doubtful,
    }


def write_judgement(folder: Path, photo: Photo, judged: Judgement, settings: Settings) -> None:
    """Heatmap, mask and overlay at the photo's own size, the raw heat, and the figure."""
    colors, view = palette(settings.colormap), judged.maps.view
    levels = judged.scale.levels(view.to_pixels(judged.heat, settings.upsample))
    rows, columns = view.owners()
    write_heatmap(folder / "recipe-heatmap.png", levels, colors)
    write_mask(folder / "recipe-mask.png", judged.mask[rows][:, columns])
    write_picture(folder / "recipe-overlay.png", overlay(photo.pixels, levels, colors))
    (folder / "heat.safetensors").write_bytes(save({"heat": np.ascontiguousarray(judged.heat)}))
    figure = draw_judged(_figure(photo, judged), settings.colormap, settings.upsample)
    figure.save(folder / "recipe.png", compress_level=3, dpi=figure.info["dpi"])


def _figure(photo: Photo, judged: Judgement) -> Judged:
    recipe, view = judged.recipe, judged.maps.view
    (gy, gx), (height, width) = view.grid, photo.size
    if recipe.level is not None:
        caption = f"above {recipe.level:.3g}: {float(judged.mask.mean()):.1%} of the photo"
    else:
        caption = f"the mask that holds the mass: {float(judged.mask.mean()):.1%} of the photo"
    return Judged(
        title=photo.name,
        verdict=f"{recipe.label}: {verdict_of(judged)}",
        subtitle=f"{display_name(recipe.model)}  ·  {width} × {height} px as {gx} × {gy} patches"
        f"  ·  {recipe.precision}",
        photo=photo.pixels,
        view=view,
        heat=judged.heat,
        mask=judged.mask,
        mask_caption=caption,
        scale=judged.scale,
        unit=recipe.unit,
        notes=_notes(judged),
    )


def _notes(judged: Judgement) -> list[str]:
    recipe = judged.recipe
    notes = []
    if recipe.level is not None:
        notes.append(
            f"Scale: good (from half to twice {recipe.level:.3g}, which good pictures hardly reach "
            "in any patch): a good part stays dark."
        )
    if recipe.alarm is not None:
        notes.append(
            "A picture is called defective where the mean over its hottest percent of patches "
            f"lies above {recipe.alarm}."
        )
    held = recipe.evidence.get("held_out", {})
    if held.get("value") is not None:
        notes.append(
            f"Evidence: {recipe.evidence['metric']} {held['value']:.2f} [{held['low']:.2f}, "
            f"{held['high']:.2f}] on pictures of {recipe.evidence['dataset']} that had no part in "
            "the choice."
        )
    if any(judged.shift):
        notes.append(
            f"The part lies {judged.shift[1]:+.1f}, {judged.shift[0]:+.1f} patches (x, y) from "
            "where good ones lie: undone."
        )
    if judged.doubtful:
        notes.append("The picture does not look like the good ones: not aligned, mind the verdict.")
    return notes
