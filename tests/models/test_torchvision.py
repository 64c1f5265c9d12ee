"""torchvision's Vision Transformer: its rows, its names, and how its weights are had."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.models import Weights, WeightsEnum, vision_transformer
from torchvision.transforms._presets import ImageClassification

import loopback_hub
import vitmap
from closed_network import reach
from eager import tensor_of
from vitmap.errors import ModelUnavailable, UnsupportedModel, UsageError, VitmapError
from vitmap.models import hub
from vitmap.photo.read import read_photo

PRESET = ImageClassification(crop_size=32, resize_size=32)
SMALL = {"patch_size": 4, "num_layers": 3, "num_heads": 4, "hidden_dim": 48, "mlp_dim": 64}


def tiny(seed: int = 0, **options: Any) -> Any:
    """Random all over, with q and k scaled until rows are peaked."""
    torch.manual_seed(seed)
    network = vision_transformer.VisionTransformer(
        **{"image_size": 32, "num_classes": 3, **SMALL, **options}
    )
    with torch.no_grad():
        for name, values in network.named_parameters():
            noise = torch.randn_like(values)
            values.copy_(noise * (values[0].numel() ** -0.5 if values.dim() > 1 else 0.1))
            if values.dim() == 1 and name.endswith("weight"):
                values += 1
            if name in ("class_token", "encoder.pos_embedding"):
                values.copy_(0.5 * noise)
        for layer in network.encoder.layers:
            layer.self_attention.in_proj_weight[: 2 * 48] *= 3**0.5
    return network.eval()


def photo_of(height: int, width: int) -> vitmap.Photo:
    rng = np.random.default_rng(height)
    return read_photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def matrices(network: Any, pixels: torch.Tensor) -> list[torch.Tensor]:
    """Each layer's own attention weights, head by head, as torch itself returns them."""
    tokens = network._process_input(pixels)
    tokens = torch.cat([network.class_token, tokens], dim=1) + network.encoder.pos_embedding
    found = []
    with torch.no_grad():
        for layer in network.encoder.layers:
            x = layer.ln_1(tokens)
            _, weights = layer.self_attention(
                x, x, x, need_weights=True, average_attn_weights=False
            )
            found.append(weights[0])
            tokens = layer(tokens)
    return found


def test_every_query_equals_torchs_own_weights() -> None:
    model, photo = vitmap.from_torchvision(tiny(), PRESET), photo_of(40, 90)
    found = vitmap.attend(model, photo, "all", query=["cls", "mean", "patch:60,10"])
    view = found[0].view
    assert (view.target, view.grid, model.facts.heads) == ((32, 32), (8, 8), 4)
    row, column = view.patch_at(60, 10)
    expected = matrices(model.network, tensor_of(model, photo, view))
    for layer, matrix in enumerate(expected):
        rows = [matrix[:, 0], matrix[:, 1:].mean(dim=1), matrix[:, 1 + row * 8 + column]]
        for maps, wanted in zip(found, rows, strict=True):
            patches = maps.values[layer].reshape(4, -1)
            captured = np.concatenate([maps.prefix[layer], patches], axis=1)
            tolerance = 1e-5 * wanted.numpy().max(axis=1, keepdims=True)
            assert (np.abs(captured - wanted.numpy()) <= tolerance).all()
    assert (torch.stack(expected).max(dim=-1).values * 64).median() > 3


@pytest.mark.parametrize("place", [(0, 0), (0, 7), (7, 0), (7, 7), (2, 5)], ids=str)
def test_a_bright_patch_is_found_at_its_own_place(place: tuple[int, int]) -> None:
    """Only its own key moves in layer 0: log(with / without) is constant everywhere else."""
    model, (row, column) = vitmap.from_torchvision(tiny(), PRESET), place
    plain = np.random.default_rng(3).integers(90, 120, (32, 32, 3), dtype=np.uint8)
    bright = plain.copy()
    bright[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = 250
    before, after = (vitmap.attend(model, read_photo(p), 0).values[0] for p in (plain, bright))
    moved = np.log(after / before)
    moved = np.abs(moved - np.median(moved, axis=(1, 2), keepdims=True)).max(axis=0)
    assert np.unravel_index(moved.argmax(), moved.shape) == place
    assert moved[place] > 0.05
    moved[place] = 0
    assert moved.max() < 1e-3


def test_another_size_is_refused_by_name() -> None:
    model = vitmap.from_torchvision(tiny(), PRESET)
    with pytest.raises(UnsupportedModel, match=r"trained at 32 × 32 px with patches of 4 × 4"):
        vitmap.attend(model, photo_of(40, 90), size=48)


def test_photos_and_labels_are_those_of_the_weights() -> None:
    photo = photo_of(40, 90)
    model = vitmap.from_torchvision(tiny(), PRESET, labels=["good", "scratch", "dent"])
    own = torch.from_numpy(model.classifier_pixels(photo))
    assert torch.equal(own[0], PRESET(Image.fromarray(photo.pixels)))
    square = photo_of(32, 32)
    np.testing.assert_allclose(
        model.classifier_pixels(square),
        model.pixels(square, model.facts.view(square.size)),
        atol=1e-5,
    )
    with torch.no_grad():
        best = int(model.network(own).argmax())
    assert vitmap.predict(model, photo).labels[0][0] == ["good", "scratch", "dent"][best]
    assert vitmap.from_torchvision(tiny(), PRESET).facts.labels[2] == "class 2"


STEM = [vision_transformer.ConvStemConfig(out_channels=8, kernel_size=4, stride=4)]
REFUSED = {
    "swin": (
        lambda: torchvision.models.swin_t(weights=None),
        "a model of torchvision's SwinTransformer, which attends within windows",
    ),
    "a convnet": (
        lambda: torchvision.models.squeezenet1_1(weights=None),
        "a model of torchvision's SqueezeNet. Maps can be read exactly from torchvision's Vision",
    ),
    "a stem": (lambda: tiny(conv_stem_configs=STEM), "come from a stem of several convolutions"),
    "half": (lambda: tiny().half(), "weights in torch.float16: expected float32 or bfloat16"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_models_are_refused_by_name(case: str) -> None:
    build, text = REFUSED[case]
    with pytest.raises(UnsupportedModel) as caught:
        vitmap.from_torchvision(build(), PRESET, "mine")
    assert str(caught.value).startswith("mine: ")
    assert text in str(caught.value)


def test_other_transforms_and_other_layers_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"ImageClassification preset .* not from NoneType"):
        vitmap.from_torchvision(tiny(), None)
    network = tiny()
    network.encoder.layers[1] = nn.Identity()
    with pytest.raises(UnsupportedModel, match=r"its layers are Identity: expected torchvision's"):
        vitmap.from_torchvision(network, PRESET)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("vit_b_61", ModelUnavailable, "torchvision:vit_b_61 is not known to torchvision: did you"),
        ("vit_b_16@V9", UsageError, "Weights of torchvision:vit_b_16 'V9' is not known"),
        ("swin_t", UnsupportedModel, "torchvision:swin_t: a model of torchvision's swin_transform"),
        ("maxvit_t", UnsupportedModel, "which attends within windows: no row of it covers"),
        ("resnet18", UnsupportedModel, "torchvision:resnet18: a model of torchvision's resnet. M"),
    ],
)
def test_names_that_lead_nowhere(name: str, error: type[VitmapError], text: str) -> None:
    with pytest.raises(error) as caught:
        vitmap.load(f"torchvision:{name}")
    assert text in str(caught.value)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path, list]]:
    """A tiny ViT among torchvision's own, whose weights a server on loopback has."""
    from torchvision.models import _api

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    served = tmp_path / "served"
    served.mkdir()
    torch.save(tiny(seed=5).state_dict(), served / "weights")
    digest = hashlib.sha256((served / "weights").read_bytes()).hexdigest()
    file = (served / "weights").rename(served / f"vit_tiny-{digest[:8]}.pth")
    with loopback_hub.serving({"owner/files": served}) as (url, asked):
        address = f"{url}/owner/files/resolve/main/{file.name}"
        meta = {"categories": ["good", "scratch", "dent"], "min_size": (32, 32)}
        preset = partial(ImageClassification, crop_size=32)

        class ViT_Tiny_Weights(WeightsEnum):  # noqa: N801 (as torchvision writes them)
            FIRST = Weights(address, preset, meta)
            DEFAULT = FIRST

        def vit_tiny(*, weights: ViT_Tiny_Weights | None = None, **options: Any) -> nn.Module:
            assert weights is None
            return vision_transformer.VisionTransformer(**SMALL, **options)

        vit_tiny.__annotations__["weights"] = ViT_Tiny_Weights | None
        vit_tiny.__module__ = vision_transformer.__name__
        monkeypatch.setitem(_api.BUILTIN_MODELS, "vit_tiny", vit_tiny)
        reach(monkeypatch, url)
        yield "torchvision:vit_tiny", tmp_path / "torch" / "hub" / "checkpoints" / file.name, asked


def test_a_name_is_fetched_checked_and_then_cached(published: tuple[str, Path, list]) -> None:
    name, place, asked = published
    model = vitmap.load(f"{name}@FIRST")
    assert place.is_file()
    assert model.facts.source.model == f"{name}@FIRST"
    assert model.facts.source.digest == hashlib.sha256(place.read_bytes()).hexdigest()
    assert model.facts.labels == {0: "good", 1: "scratch", 2: "dent"}
    for ours, theirs in zip(model.network.parameters(), tiny(seed=5).parameters(), strict=True):
        assert torch.equal(ours, theirs)
    before = len(asked)
    assert vitmap.load(name, classify=False).facts.labels is None
    assert len(asked) == before


def test_a_download_that_is_not_what_its_name_says_is_no_model(
    published: tuple[str, Path, list], tmp_path: Path
) -> None:
    name, place, _ = published
    served = tmp_path / "served" / place.name
    served.write_bytes(served.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelUnavailable, match="invalid hash value"):
        vitmap.load(name)
    assert not place.exists()


def test_a_closed_network_is_answered_within_seconds(
    published: tuple[str, Path, list], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, place, _ = published
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set") as caught:
        vitmap.load(name)
    assert str(caught.value).startswith(f"{name}@FIRST: {place.name} is not in the local cache")
    assert f"/{place.name} and copy it to {place}." in str(caught.value)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "DEADLINE", 0.7)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x-01234567.pth"
        begun = time.monotonic()
        with pytest.raises(ModelUnavailable, match="could not be fetched"):
            hub.find_file(name, address)
        assert time.monotonic() - begun < 3


def test_a_pickle_in_the_cache_is_not_run(published: tuple[str, Path, list]) -> None:
    from trap import Trap

    name, place, _ = published
    place.parent.mkdir(parents=True)
    torch.save(Trap(place.parent / "sprung"), place)
    with pytest.raises(UnsupportedModel, match=rf"{place.name} cannot be read \("):
        vitmap.load(name)
    assert not (place.parent / "sprung").exists()
