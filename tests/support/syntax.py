"""Every file of vitmap, and what it imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import vitmap

SOURCE = Path(vitmap.__file__).parent


FILES = sorted(SOURCE.rglob("*.py"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Everything that a file imports at run time, as dotted names, inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {id(inner) for block in for_types for inner in ast.walk(block)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)
