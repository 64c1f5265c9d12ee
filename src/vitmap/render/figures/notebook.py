"""What a map shows of itself in a notebook: PNG bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vitmap.maps.maps import AttentionMaps, Heatmap, PatchMap
from vitmap.maps.names import display_name
from vitmap.maps.scale import PERCENTILE, Scale, scale_of
from vitmap.photo.read import Photo
from vitmap.render.alarms import ALARM, alarm_notes, mark_of
from vitmap.render.colormap import palette
from vitmap.render.page import LINE, QUIET, Page, dots, width_of, wrapped

_SIDE, _MARGIN = 2.0, 0.2  # inches


def photo(value: Photo) -> bytes:
    """The picture itself."""
    return _png(Image.fromarray(value.pixels))


def heatmap(value: Heatmap) -> bytes:
    """The map at its own size, on its own scale from zero."""
    scale = Scale("image", float(np.percentile(value.values, PERCENTILE)) or 1.0)
    return _png(Image.fromarray(palette()[scale.levels(value.values)]))


def patch_map(value: PatchMap) -> bytes:
    """One named map."""
    return _sheet([[value]])


def attention_maps(value: AttentionMaps) -> bytes:
    """Every map, rows are layers and columns heads, on one scale."""
    return _sheet(value.cells())


def _sheet(rows: list[list[PatchMap]]) -> bytes:
    cells = [cell for row in rows for cell in row]
    scale, notes = scale_of("image", cells), alarm_notes(cells)
    gy, gx = rows[0][0].values.shape
    width = _SIDE * min(1.0, gx / gy)
    height = _SIDE * min(1.0, gy / gx)
    paper = max(2 * _MARGIN + len(rows[0]) * (width + 0.1), 5.2)
    lines = sum(len(wrapped(note, paper - 2 * _MARGIN)) for note in notes)
    end = 0.5 + len(rows) * (height + 0.3) + 0.15
    page = Page(paper, end + lines * LINE)
    source = rows[0][0].source
    legend = f"{display_name(source.model)} · 0 to {scale.upper:.3g}× uniform attention"
    page.text(_MARGIN, 0.3, legend, color=QUIET)
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            x, y = _MARGIN + column * (width + 0.1), 0.5 + line * (height + 0.3)
            page.text(x, y + 0.15, cell.label, cut="Bold")
            mark = mark_of(cell.alarms, width - width_of(cell.label, 8, "Bold") - 0.08, 6)
            page.text(x + width, y + 0.15, mark, size=6, color=ALARM, align="right")
            small = Image.fromarray(palette()[scale.levels(cell.uniform)])
            shown = small.resize((dots(width), dots(height)), Image.Resampling.NEAREST)
            page.picture(x, y + 0.2, np.asarray(shown))
    for note in notes:
        end = page.paragraph(_MARGIN, end, note, color=ALARM)
    return _png(page.render())


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()
