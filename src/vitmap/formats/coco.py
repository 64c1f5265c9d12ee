"""COCO: one file with the masks as RLE, which is exact, and one with polygons for other tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vitmap.formats.json_stream import compact, opened, write_items
from vitmap.formats.rle import by_columns, compressed
from vitmap.inspection.finding import Finding, Lost
from vitmap.maps.regions import Region, usable


def write_coco(
    path: Path,
    findings: Iterable[Finding | Lost],
    label: str,
    *,
    polygons: bool = False,
    description: str = "",
) -> list[str]:
    """All pictures, failed ones apart, and an annotation a region; ids count from 1.

    Masks are RLE in COCO's compressed form. With `polygons` they are rings along the pixel edges;
    since COCO's rings have no holes, a region with a hole becomes several that meet. `bbox` is
    x, y, width, height. Gives a word on what was left out.
    """
    images: list[dict[str, Any]] = []
    said: list[str] = []

    def annotations() -> Iterator[dict[str, Any]]:
        count = 0
        for found in findings:
            if isinstance(found, Lost):
                continue
            height, width = found.size
            about = {"id": len(images) + 1, "file_name": found.file}
            images.append({**about, "width": width, "height": height})
            for region in found.regions:
                shape = _rings(region, found.file, said) if polygons else _rle(region, found.size)
                if not shape:
                    continue
                count += 1
                yield _annotation(count, len(images), region, shape)

    info = {"description": description, "version": "1.0"}
    category = {"id": 1, "name": label, "supercategory": ""}
    with opened(path) as file:
        file.write(f'{{"info":{compact(info)},\n"categories":[{compact(category)}],\n')
        file.write('"annotations":')
        write_items(file, annotations())
        file.write(',\n"images":')
        write_items(file, images)
        file.write("}\n")
    return said


def _annotation(count: int, image: int, region: Region, shape: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = region.box
    return {
        "id": count,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "area": region.area,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "score": float(f"{region.peak:.6g}"),
        "segmentation": shape,
    }


def _rle(region: Region, size: tuple[int, int]) -> dict[str, Any]:
    return {"size": list(size), "counts": compressed(by_columns(region, size))}


def _rings(region: Region, file: str, said: list[str]) -> list[list[int]]:
    rings, dropped = usable(region.polygons())
    if dropped:
        said.append(f"{file}: {dropped} ring(s) of fewer than three points left out.")
    return [[number for point in ring for number in point] for ring in rings]
