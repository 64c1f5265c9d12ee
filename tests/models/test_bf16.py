"""bf16 by name: close to float32 on real weights, and said wherever numbers are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import tiny
import vitmap
from vitmap.models.bf16 import HalfProducts, halve
from vitmap.photo.read import read_photo


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("name", ["deit-tiny", "dinov2-small-saliency"])
def test_maps_follow_float32_on_real_weights(name: str, shared: Path) -> None:
    photo = read_photo(shared / "pictures" / "dog.jpg")
    exact, fast = (
        vitmap.attend(vitmap.load(shared / "models" / name, precision=p), photo, "all")
        for p in ("fp32", "bf16")
    )
    for layer in range(exact.depth):
        assert correlation(fast.values[layer], exact.values[layer]) >= 0.999
        for head in range(exact.heads):
            assert correlation(fast.values[layer, head], exact.values[layer, head]) >= 0.997
    assert not np.array_equal(fast.values, exact.values)


def test_the_label_follows_too(shared: Path) -> None:
    photo = read_photo(shared / "pictures" / "dog.jpg")
    exact, fast = (
        vitmap.predict(vitmap.load(shared / "models" / "deit-tiny", precision=p), photo)
        for p in ("fp32", "bf16")
    )
    assert fast.labels[0][0] == exact.labels[0][0]
    assert fast.labels[0][1] == pytest.approx(exact.labels[0][1], abs=0.02)


def test_rows_of_one_layer_come_the_same_with_others_or_alone(tiny_backbone: Path) -> None:
    model = vitmap.load(tiny_backbone, precision="bf16")
    photo = read_photo(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    first = vitmap.attend(model, photo, 0, size=32)
    every = vitmap.attend(model, photo, "all", size=32)
    np.testing.assert_array_equal(first.values[0], every.values[0])
    total = every.values.sum(axis=(2, 3)) + every.prefix.sum(axis=2)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert every.source.precision == "bf16"
    assert model.products is not None
    assert not model.products.wide


@pytest.mark.parametrize("name", ["deit-tiny", "dinov2-small-saliency"])
def test_a_late_layer_is_the_same_alone_on_real_weights(name: str, shared: Path) -> None:
    """What a layer is made of must not depend on which other layers are looked at."""
    model = vitmap.load(shared / "models" / name, precision="bf16")
    photo = read_photo(shared / "pictures" / "dog.jpg")
    every = vitmap.attend(model, photo, "all", size=224)
    for layer in (5, 11):
        alone = vitmap.attend(model, photo, layer, size=224)
        np.testing.assert_array_equal(alone.values[0], every.values[layer])


def test_linear_layers_alone_are_halved() -> None:
    network = halve(tiny.build("vit"))
    dtypes = {name: parameter.dtype for name, parameter in network.named_parameters()}
    halved = {name for name, dtype in dtypes.items() if dtype is torch.bfloat16}
    linear = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    assert halved == linear
    assert len(halved) == 3 * 6


def test_wide_sums_keep_a_bias_that_bfloat16_would_round() -> None:
    """1000 and 1001 are one number in bfloat16."""
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([1000.0, 1001.0]))
    halve(layer)
    products, x = HalfProducts(), torch.ones(1, 2)
    with torch.no_grad(), products:
        products.wide = True
        assert layer(x).tolist() == [[1000.0, 1001.0]]
        products.wide = False
        narrow = layer(x)
    assert narrow.dtype is torch.bfloat16
    assert narrow[0, 0] == narrow[0, 1]


def test_a_network_in_bfloat16_of_ones_own_says_so() -> None:
    network = tiny.build("vit").to(torch.bfloat16)
    model = vitmap.from_transformers(network, transformers.ViTImageProcessor(**tiny.PROCESSOR))
    maps = vitmap.attend(model, np.zeros((16, 16, 3), dtype=np.uint8), size=16)
    assert maps.source.precision == "bf16 weights"
