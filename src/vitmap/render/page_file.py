"""What every page of a report is made of: one file, no network, data that no parser can mistake."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import IO

import numpy as np

_MARK = "<!-- pictures -->"
# Inside a script element `<` could end it, and old parsers take these two for line ends.
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def frame(package: str, scripts: Sequence[str], images: str) -> tuple[str, str]:
    """What comes before a page's blocks of data, and what comes after.

    Its folder `page` holds page.html, page.css and the scripts; `images` names where pictures
    may come from, as a Content-Security-Policy spells it. Nothing else is fetched, and no other
    script runs.
    """
    script = '"use strict";\n' + "\n".join(_part(package, name) for name in scripts)
    script, style = f"(() => {{\n{script}}})();\n", _part(package, "page.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        f"img-src {images}; base-uri 'none'; form-action 'none'"
    )
    page = _part(package, "page.html").replace("{{style}}", style).replace("{{script}}", script)
    before, after = page.replace("{{csp}}", policy).split(_MARK)
    return before, after


def write_block(file: IO[str], name: str, value: object) -> None:
    """A block of JSON that the page's script reads when it needs it; to the parser it is inert."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for sign, spelled in _ESCAPES.items():
        text = text.replace(sign, spelled)
    file.write(f'<script type="application/json" id="{name}">{text}</script>\n')


def in_base64(content: bytes | np.ndarray) -> str:
    """Bytes, or an array's numbers in the little-endian order that a page reads."""
    if isinstance(content, np.ndarray):
        content = content.astype(content.dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(content).decode("ascii")


def _part(package: str, name: str) -> str:
    return files(package).joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
