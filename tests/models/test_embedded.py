"""The model that comes along: small, offline, plain, and chosen when nothing else is in reach."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import transformers

import vitmap
from assets import ASSETS
from vitmap.commands import main
from vitmap.models.hub import find_checkpoint

FOLDER = Path(vitmap.__file__).parent / "embedded"


def test_it_is_small_and_in_the_hubs_layout() -> None:
    from safetensors import safe_open

    assert {path.name for path in FOLDER.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "MODEL_CARD.md",
    }
    assert (FOLDER / "model.safetensors").stat().st_size <= 12_000_000
    with safe_open(FOLDER / "model.safetensors", framework="numpy") as file:
        tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 (no dict)
    assert {tensor.dtype for tensor in tensors} == {np.dtype(np.float16)}
    assert sum(tensor.size for tensor in tensors) <= 6_000_000
    assert all(np.isfinite(tensor).all() for tensor in tensors)


def test_it_is_a_plain_vit_with_a_cls_token_and_no_label_head() -> None:
    model = vitmap.load("embedded")
    assert type(model.network) is transformers.ViTModel
    assert model.facts.prefix == ("CLS",)
    assert model.facts.patch in {(8, 8), (16, 16)}
    assert model.network.config.image_size == 224
    assert model.facts.labels is None
    assert model.facts.source.model == "embedded"
    assert model.facts.source.digest == find_checkpoint("embedded").digest()


def test_rows_equal_eager_on_the_embedded_model() -> None:
    from eager_rows import assert_equal_rows, eager_rows

    model, photo = vitmap.load("embedded"), vitmap.read_photo(ASSETS / "chelsea.png")
    maps = vitmap.attend(model, photo, "all", size=224)
    assert_equal_rows(maps, eager_rows(model, FOLDER, photo, maps.view))


# The part of each picture that shows the thing (x0, y0, x1, y1 as shares of the photo), and how
# much denser it must be than the rest; the cat's box is its face, and its body fills the rest.
THINGS = {
    "scene-car.png": ((0.10, 0.28, 0.90, 0.74), 1.5),
    "scene-mug.png": ((0.17, 0.26, 0.83, 0.76), 1.5),
    "part-good.png": ((0.17, 0.14, 0.85, 0.84), 1.5),
    "chelsea.png": ((0.22, 0.00, 0.80, 1.00), 1.2),
}


@pytest.mark.parametrize("size", [224, 480])
@pytest.mark.parametrize("picture", THINGS)
def test_its_brightest_patches_lie_on_the_thing(picture: str, size: int) -> None:
    """The head mean is denser on the thing than beside it, and peaks there."""
    maps = vitmap.attend(vitmap.load("embedded"), ASSETS / picture, size=size)
    mean = maps.mean()
    gy, gx = mean.values.shape
    y, x = np.mgrid[:gy, :gx] + 0.5
    (x0, y0, x1, y1), denser = THINGS[picture]
    inside = (x > x0 * gx) & (x < x1 * gx) & (y > y0 * gy) & (y < y1 * gy)
    assert inside[mean.peak]
    assert mean.values[inside].mean() > denser * mean.values[~inside].mean()


def test_its_heads_differ() -> None:
    masks = vitmap.attend(vitmap.load("embedded"), ASSETS / "scene-car.png").keep_mass(0.6)[0]
    pairs = [(a, b) for i, a in enumerate(masks) for b in masks[:i]]
    overlap = [(a & b).sum() / (a | b).sum() for a, b in pairs]
    assert min(overlap) < 0.4
    assert max(overlap) < 0.95


def test_without_a_hub_it_draws_the_maps_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(ASSETS / "chelsea.png"), "--size", "224", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("vitmap: The embedded model draws the maps. facebook/dino-vits8: ")
    assert said[1].startswith("vitmap: No label. google/vit-base-patch16-224: ")
    record = json.loads((tmp_path / "chelsea" / "run.json").read_text("utf-8"))
    assert record["model"]["model"] == "embedded"
    assert record["settings"]["model"] is None
    assert [f"vitmap: {remark}" for remark in record["remarks"]] == said
    assert record["pictures"][0]["prediction"] is None


def test_a_replay_loads_the_model_that_the_run_ended_up_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(ASSETS / "chelsea.png"), "--size", "64", "--out", str(tmp_path)]) == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "chelsea").iterdir()}
    capsys.readouterr()
    assert main(["--replay", str(tmp_path / "chelsea" / "run.json"), "--quiet"]) == 0
    assert {p.name: p.read_bytes() for p in (tmp_path / "chelsea").iterdir()} == before
