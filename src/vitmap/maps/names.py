"""Names of models: as a title shows them, and as they load."""

from __future__ import annotations


def display_name(model: str) -> str:
    """A model as a title names it: a folder by its own name, not by its path."""
    path = model.replace("\\", "/").rstrip("/")
    return path.rsplit("/", 1)[-1] if path.startswith(("/", ".", "~")) or ":/" in path else path


def pinned(model: str, revision: str | None) -> str:
    """The name that loads just this model: with its revision where it came from a hub."""
    return f"{model}@{revision}" if revision else model
