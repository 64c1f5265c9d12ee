"""Which hub a test may reach."""

from __future__ import annotations

import pytest

from vitmap.models import hub


def reach(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let this test's process see a hub at `url`."""
    from huggingface_hub import constants

    hub._outage.cache_clear()
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", url)
