"""CVAT XML 1.1 ("CVAT for images"): a mask for each region, exact, as runs inside its box."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from vitmap.formats.rle import within_box
from vitmap.inspection.finding import Finding, Lost
from vitmap.maps.regions import Region

# What XML 1.0 has no way to write, and the surrogates that stand for bytes that are no UTF-8.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_cvat(path: Path, findings: Iterable[Finding | Lost], label: str) -> None:
    """All pictures, failed ones apart, each with its masks; ids count from 0.

    A sign that XML cannot hold is spelled `\\x01` in the picture's name.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        file.write("  <version>1.1</version>\n  <meta><task><labels><label>")
        file.write(f"<name>{escape(_written(label))}</name><type>mask</type><attributes/>")
        file.write("</label></labels></task></meta>\n")
        number = 0
        for found in findings:
            if isinstance(found, Lost):
                continue
            height, width = found.size
            name = _attribute(found.file)
            file.write(f'  <image id="{number}" name={name} width="{width}" height="{height}">\n')
            for region in found.regions:
                file.write(f"    {_mask(region, label)}\n")
            file.write("  </image>\n")
            number += 1
        file.write("</annotations>\n")


def _mask(region: Region, label: str) -> str:
    x0, y0, x1, y1 = region.box
    runs = ", ".join(map(str, within_box(region)))
    return (
        f'<mask label={_attribute(label)} source="auto" occluded="0" rle="{runs}" '
        f'left="{x0}" top="{y0}" width="{x1 - x0}" height="{y1 - y0}" z_order="0"></mask>'
    )


def _attribute(text: str) -> str:
    return quoteattr(_written(text))


def _written(text: str) -> str:
    return _UNWRITABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
