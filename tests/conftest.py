from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

from command import Command, Said, command
from vitmap.commands import main

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("untimed")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """Real weights and photos, for development and CI; a user's machine has none."""
    if not (SHARED / "models").is_dir():
        pytest.skip("the shared models and photos are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny ViT that has a classifier of seven classes and peaked rows."""
    import tiny

    model = tiny.scale_queries_and_keys(tiny.build("vit", classes=7))
    return tiny.save(model, tmp_path_factory.mktemp("models") / "tiny-classifier")


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny DINOv2 with registers and peaked rows, and no classifier."""
    import tiny

    model = tiny.scale_queries_and_keys(tiny.build("dinov2_with_registers"))
    return tiny.save(model, tmp_path_factory.mktemp("models") / "tiny-backbone")


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny ViT whose head L1 H2 looks at bright patches, whatever the others do."""
    import tiny

    model = tiny.plant(tiny.scale_queries_and_keys(tiny.build("vit")), layer=1, head=2)
    return tiny.save(model, tmp_path_factory.mktemp("models") / "planted")


@pytest.fixture
def rank(planted: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`vitmap rank` in this process, with the planted ViT, too small for more than one thread."""
    import torch

    call, threads = command(capfd), torch.get_num_threads()
    torch.set_num_threads(1)

    def ranking(*arguments: object) -> Said:
        given = [str(argument) for argument in arguments]
        for name, value in {"model": planted, "out": out, "size": 32}.items():
            given += [] if f"--{name}" in given else [f"--{name}", str(value)]
        return call("rank", *given)

    yield ranking
    torch.set_num_threads(threads)


@pytest.fixture
def compare(planted: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`vitmap compare` in this process, with the planted ViT, too small for several threads."""
    import torch

    call, threads = command(capfd), torch.get_num_threads()
    torch.set_num_threads(1)

    def comparing(*arguments: object) -> Said:
        words = [str(argument) for argument in arguments]
        for name, value in {"out": out, "size": 32}.items():
            words += [] if f"--{name}" in words else [f"--{name}", str(value)]
        if not {"--model", "--models"} & set(words):
            words += ["--model", str(planted), "--no-classify"]
        return call("compare", *words)

    yield comparing
    torch.set_num_threads(threads)


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Path]:
    """Write a dark photo with one bright part: scene("a.png", seed, (y0, x0, y1, x1))."""

    def making(name: str, seed: int = 0, box: tuple[int, int, int, int] = (16, 24, 32, 48)) -> Path:
        noise = np.random.default_rng(seed).integers(0, 60, (48, 72, 3), dtype=np.uint8)
        noise[box[0] : box[2], box[1] : box[3]] = 250
        Image.fromarray(noise).save(tmp_path / name)
        return tmp_path / name

    return making


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write a photo of random colours: draw("cat.png", height, width)."""

    def drawing(name: str = "photo.png", height: int = 40, width: int = 60, seed: int = 0) -> Path:
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(path)
        return path

    return drawing


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the command line of `vitmap` writes."""
    return tmp_path / "out"


@pytest.fixture
def vitmap(tiny_classifier: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line in this process, with the tiny classifier."""
    return command(capfd, model=tiny_classifier, out=out, size=16)


@pytest.fixture
def go(tiny_classifier: Path, tmp_path: Path) -> Callable[..., Path]:
    """Run the command line on some pictures; gives the output folder."""

    def going(*arguments: object, code: int = 0, out: str = "out") -> Path:
        fixed = ["--model", tiny_classifier, "--size", 32, "--out", tmp_path / out]
        assert main([str(a) for a in [*fixed, *arguments]]) == code
        return tmp_path / out

    return going


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from browser import launched

    with launched() as found:
        yield found


@pytest.fixture
def opening(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page of `vitmap explore`, which must say nothing and ask for nothing outside it."""
    from browser import Opened

    pages = []

    def opened(path: Path, **options: Any) -> Opened:
        page = Opened(browser, path, **options)
        page.page.wait_for_selector("html[data-ready=yes]")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.said == [], "no error, no refused resource, no dialog"
        assert {url.split(":")[0] for url in page.asked} <= {"file", "data", "blob"}
        page.context.close()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Path], Path]:
    """Two photos, one of a hostile name, on one explore page of a model with registers."""
    from explore_pages import HOSTILE, LANDSCAPE, PORTRAIT, model_of, noise, write

    model, folder = model_of("dinov2_with_registers"), tmp_path_factory.mktemp("explore")
    paths = [noise(folder / "a.png", LANDSCAPE), noise(folder / HOSTILE, PORTRAIT, 1)]
    return model, paths, write(model, paths, folder / "pair")


@pytest.fixture
def two(opening: Callable[..., Any], pair: tuple[Any, list[Path], Path]) -> Any:
    """The page of the two photos, open."""
    return opening(pair[2])


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test asks a real hub, and none sees this machine's cache."""
    import sys

    hub = tmp_path_factory.getbasetemp() / "hub-cache"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    if "huggingface_hub" in sys.modules:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(hub))
