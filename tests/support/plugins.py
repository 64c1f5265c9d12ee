"""Third parties' additions, as if a package that is installed had them among its entry points."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


def install(monkeypatch: pytest.MonkeyPatch, group: str, **things: object) -> None:
    """Let `vitmap.<group>` have entry points of these names."""
    from vitmap import registry

    before = registry.entry_points

    def entry_points(group: str) -> list[object]:
        own = [SimpleNamespace(name=n, load=lambda t=t: t) for n, t in things.items()]
        return [*before(group=group), *(own if group == wanted else [])]

    wanted = f"vitmap.{group}"
    monkeypatch.setattr("vitmap.registry.entry_points", entry_points)
