"""The files of one defect map: heatmap, mask and overlay, its parts, the composite, the figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from safetensors.numpy import save

from vitmap.formats.png import write_heatmap, write_mask, write_picture
from vitmap.maps.scale import Scale
from vitmap.photo.read import Photo
from vitmap.render.colormap import palette
from vitmap.render.figures.soart_map import Panels, draw_defects
from vitmap.render.overlay import overlay
from vitmap.soart.defect_map import DefectMap
from vitmap.soart.regions import Region

FAMILIES = ("beta", "eta", "gamma")


@dataclass(frozen=True, eq=False)
class Drawing:
    """One picture with everything that is to be drawn of it."""

    photo: Photo
    standard: UInt8[np.ndarray, "y x 3"]
    found: DefectMap
    mask: Bool[np.ndarray, "gy gx"]
    regions: Sequence[Region]
    scale: Scale


def write_files(folder: Path, drawing: Drawing, colormap: str, upsample: str) -> None:
    """Draw one picture's map into a folder, all in the picture's own pixels."""
    found, scale, colors = drawing.found, drawing.scale, palette(colormap)
    view, pixels = found.view, drawing.photo.pixels
    parts = _parts(found)
    for name, values in zip(("anomaly", *FAMILIES), parts, strict=True):
        levels = scale.levels(view.to_pixels(values, upsample))
        write_heatmap(folder / f"{name}-heatmap.png", levels, colors)
        if name == "anomaly":
            write_picture(folder / "anomaly-overlay.png", overlay(pixels, levels, colors))
    rows, columns = view.owners()
    write_mask(folder / "anomaly-mask.png", drawing.mask[rows][:, columns])
    write_picture(folder / "composite.png", found.composite)
    tensors = {
        "anomaly": found.anomaly,
        "families": found.families,
        "softmax": found.softmax.astype(np.float32),
        "compared": found.compared,
    }
    (folder / "maps.safetensors").write_bytes(
        save({name: np.ascontiguousarray(values) for name, values in tensors.items()})
    )
    figure = draw_defects(_panels(drawing, parts), scale, colormap, upsample)
    figure.save(folder / "map.png", compress_level=3, dpi=figure.info["dpi"])


def _parts(found: DefectMap) -> np.ndarray:
    """The anomaly and what beta, eta and gamma add to it: [4 gy gx]."""
    weights = np.array(found.settings.weights, dtype=np.float32)[:, None, None]
    return np.concatenate([found.anomaly[None], weights * found.families])


def _panels(drawing: Drawing, parts: np.ndarray) -> Panels:
    found, photo = drawing.found, drawing.photo
    settings, (gy, gx) = found.settings, found.view.grid
    weights = [f"{weight:g} × " if weight != 1 else "" for weight in settings.weights]
    return Panels(
        title=f"{photo.name}: where it differs from the standard",
        subtitle=f"SOARTC, no model  ·  picture {photo.size[1]} × {photo.size[0]} px as "
        f"{gx} × {gy} patches of {2 * settings.kernel} px  ·  {said_of(found)}",
        standard=drawing.standard,
        picture=photo.pixels,
        maps=parts,
        names=("anomaly", *(w + name for w, name in zip(weights, FAMILIES, strict=True))),
        mask=drawing.mask,
        boxes=[region.box for region in drawing.regions],
        composite=found.composite,
        view=found.view,
        notes=_notes(found),
    )


def said_of(found: DefectMap) -> str:
    """The alignment in words."""
    shift = found.shift
    if not found.settings.align:
        return "compared as it lies"
    if shift.blind:
        return f"nothing to align by, light × {found.gain:.2f}"
    moved = f"shifted by {shift.x}, {shift.y} px" if shift.x or shift.y else "no shift"
    return f"{moved} (correlation {shift.correlation:.2f}), light × {found.gain:.2f}"


def _notes(found: DefectMap) -> list[str]:
    if found.compared.all():
        return []
    share = 1 - float(found.compared.mean())
    return [f"{share:.1%} of the picture lies outside the standard: not compared, drawn as 0."]
