"""The files of one picture: heatmap, mask and overlay of each map, and the figure of them all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vitmap.formats.original import write_head
from vitmap.formats.png import write_heatmap, write_mask, write_picture
from vitmap.maps.maps import PatchMap, Prediction
from vitmap.maps.scale import Scale
from vitmap.photo.read import Photo
from vitmap.render.colormap import palette
from vitmap.render.figures.heads import draw_heads
from vitmap.render.overlay import overlay
from vitmap.runs.settings import Settings


def write_files(
    folder: Path,
    photo: Photo,
    rows: Sequence[Sequence[PatchMap]],
    scale: Scale,
    prediction: Prediction | str,
    settings: Settings,
) -> None:
    """Draw everything that the settings ask for into a folder."""
    cells = [cell for row in rows for cell in row]

    def write(cell: PatchMap) -> None:
        if settings.at == "model":
            name = _original_name(cell, len(cells) == len(rows[0]))
            write_head(folder / name, cell, scale, settings.colormap, settings.upsample)
        else:
            _write_map(folder, photo, cell, scale, settings)

    def write_figure() -> None:
        figure = draw_heads(
            photo,
            rows,
            scale,
            prediction=prediction,
            threshold=settings.threshold,
            colormap=settings.colormap,
            upsample=settings.upsample,
        )
        write_picture(folder / "heads.png", np.asarray(figure), figure.info["dpi"][0])

    # Most of the time goes into numpy and zlib, which let other threads run.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        longest = pool.submit(write_figure)
        list(pool.map(write, cells))
        longest.result()


def _write_map(
    folder: Path, photo: Photo, cell: PatchMap, scale: Scale, settings: Settings
) -> None:
    colors = palette(settings.colormap)
    heat = cell.heatmap(settings.upsample)
    levels = scale.levels(heat.values)
    rows, columns = cell.view.owners()
    mask = cell.keep_mass(settings.threshold)[rows][:, columns]
    write_heatmap(folder / f"{cell.stem}-heatmap.png", levels, colors)
    write_mask(folder / f"{cell.stem}-mask.png", mask)
    write_picture(folder / f"{cell.stem}-overlay.png", overlay(photo.pixels, levels, colors))


def _original_name(cell: PatchMap, one_layer: bool) -> str:
    """The original program's name, which knows one layer; other maps are named in full."""
    if one_layer and len(cell.layers) == len(cell.heads) == 1:
        return f"attn-head{cell.heads[0]}.png"
    return f"attn-{cell.stem}.png"
