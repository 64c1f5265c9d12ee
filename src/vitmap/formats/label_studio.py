"""Label Studio: a task a picture, with a brush mask and a box for each region as predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vitmap.formats.json_stream import opened, write_items
from vitmap.formats.rle import by_rows
from vitmap.inspection.finding import Finding, Lost
from vitmap.maps.regions import Region

LOCAL = "/data/local-files/?d="  # Label Studio's address of files below its document root
_SIZES = (3, 4, 8, 16)  # bits that a run's length may take
_CHANNELS = 4  # the masks are RGBA pictures


def write_label_studio(
    path: Path,
    findings: Iterable[Finding | Lost],
    label: str,
    *,
    model: str = "vitmap",
    root: str = LOCAL,
) -> None:
    """Tasks with predictions, failed pictures apart; boxes in percent of the photo's sides.

    A picture's address is `root` and its path below the lot's folder. The project needs an Image
    named `image`, BrushLabels named `brush` and RectangleLabels named `box`.
    """
    with opened(path) as file:
        write_items(file, _tasks(findings, label, model, root))
        file.write("\n")


def _tasks(
    findings: Iterable[Finding | Lost], label: str, model: str, root: str
) -> Iterator[dict[str, Any]]:
    for found in findings:
        if isinstance(found, Lost):
            continue
        results = [
            result
            for number, region in enumerate(found.regions, start=1)
            for result in _results(number, region, found.size, label)
        ]
        # A name that is no UTF-8 has its own bytes in the address.
        address = root + quote(found.file.encode("utf-8", "surrogateescape"))
        prediction = {"model_version": model, "score": found.score, "result": results}
        yield {
            "data": {"image": address, "file": found.file, "verdict": found.verdict},
            "predictions": [prediction],
        }


def _results(
    number: int, region: Region, size: tuple[int, int], label: str
) -> list[dict[str, Any]]:
    height, width = size
    x0, y0, x1, y1 = region.box
    around = {
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }
    brush = {"format": "rle", "rle": brush_rle(by_rows(region, size)), "brushlabels": [label]}
    box = {
        "x": 100 * x0 / width,
        "y": 100 * y0 / height,
        "width": 100 * (x1 - x0) / width,
        "height": 100 * (y1 - y0) / height,
        "rotation": 0,
        "rectanglelabels": [label],
    }
    named = (("brush", "brushlabels", brush), ("box", "rectanglelabels", box))
    return [
        {
            "id": f"{kind}{number}",
            "from_name": kind,
            "type": type_,
            "score": region.peak,
            "value": value,
            **around,
        }
        for kind, type_, value in named
    ]


def brush_rle(counts: Sequence[int]) -> list[int]:
    """Label Studio's bit stream for a mask given as runs, outside first, row by row.

    A header (how many bytes the RGBA picture has, bits a value, bits a run's length may take), then
    for each run: 1, which of the lengths, the length less one, the value.

    Source: encode_rle and decode_rle in label_studio_sdk.converter.brush.
    """
    bits = [f"{_CHANNELS * sum(counts):032b}", f"{8 - 1:05b}"]
    bits += [f"{size - 1:04b}" for size in _SIZES]
    for place, count in enumerate(counts):
        left, value = _CHANNELS * count, "11111111" if place % 2 else "00000000"
        while left:
            length = min(left, 1 << _SIZES[-1])
            kind = next(k for k, size in enumerate(_SIZES) if length <= 1 << size)
            bits.append(f"1{kind:02b}{length - 1:0{_SIZES[kind]}b}{value}")
            left -= length
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8, "big"))
