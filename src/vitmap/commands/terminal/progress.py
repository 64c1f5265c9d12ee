"""A progress bar for runs of several pictures, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


class Progress:
    """Two steps a picture: through the model, then drawn and written, or given up."""

    def __init__(self, pictures: int, wanted: bool, steps: int = 2) -> None:
        self._bar: Any = None
        if wanted and pictures > 1:
            from tqdm import tqdm

            self._bar = tqdm(
                total=steps * pictures,
                bar_format="{percentage:3.0f}%|{bar}| {elapsed} gone, {remaining} left",
                ascii="utf" not in (sys.stderr.encoding or "").lower(),
                disable=None,  # silent where standard error is no terminal
            )

    def step(self) -> None:
        """One more picture has been through the model, or is done."""
        if self._bar is not None:
            self._bar.update()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Print without running into the bar."""
        with self._bar.external_write_mode() if self._bar is not None else nullcontext():
            yield

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()
