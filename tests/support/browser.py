"""A headless Chromium for tests of pages: from a file, with the network off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_QUIET = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


@contextmanager
def launched() -> Iterator[Any]:
    """The browser; skips where none is installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


class Opened:
    """A page with everything that it said and asked for."""

    def __init__(self, browser: Any, path: Path, script: str = "", **options: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": 1400, "height": 900}, accept_downloads=True, **options
        )
        self.context.set_offline(True)
        if script:
            self.context.add_init_script(script)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def _hear(self, text: str) -> None:
        if "willReadFrequently" not in text:  # these tests read the canvas, the page does not
            self.said.append(text)

    def text(self, name: str) -> str:
        return self.page.locator(f"#{name}").inner_text()

    def rows(self) -> list[str]:
        """The names in sight, from the top."""
        return [element.inner_text() for element in self.page.locator(".row .label").all()]

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def downloaded(self, button: str) -> bytes:
        with self.page.expect_download() as waiting:
            self.page.click(f"#{button}")
        return Path(waiting.value.path()).read_bytes()

    def pixel(self, x: float, y: float) -> list[int]:
        """The colour of the stage at a share of its width and height, once nothing changes."""
        before, now = None, self._pixel(x, y)
        while before != now:
            self.page.wait_for_timeout(60)
            before, now = now, self._pixel(x, y)
        return now

    def _pixel(self, x: float, y: float) -> list[int]:
        return self.page.evaluate(
            """([x, y]) => {
              const canvas = document.querySelector("#canvas, #canvas-0");
              const at = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
              return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
            }""",
            [x, y],
        )
