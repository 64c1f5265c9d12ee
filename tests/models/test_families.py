"""Every transformers family against its own eager attention: one table, the same laws for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

import tiny
import vitmap
from eager import SIZES, backbone_of, eager_matrices, photo_of, tensor_of
from vitmap.maps.query import Query
from vitmap.models.torch_engine import TorchEngine


def assert_equal(captured: vitmap.AttentionMaps, expected: torch.Tensor, layer: int) -> None:
    """|Δ| ≤ 1e-5 of the row's maximum, head by head; `expected` is [head token]."""
    patches = captured.values[captured.layers.index(layer)].reshape(captured.values.shape[1], -1)
    row = np.concatenate([captured.prefix[captured.layers.index(layer)], patches], axis=1)
    tolerance = 1e-5 * expected.numpy().max(axis=1, keepdims=True)
    assert (np.abs(row - expected.numpy()) <= tolerance).all()


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_query_equals_the_eager_matrix(family: str, size: tuple[int, int]) -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    photo = photo_of(*size)
    x, y = size[1] * 0.6, size[0] * 0.3
    prefix = len(model.facts.prefix)
    named = ["mean", f"patch:{x},{y}", f"patch:{x},{y}+1,1", *_prefix_queries(model)]
    found = vitmap.attend(model, photo, "all", query=named, size=32)
    view = found[0].view
    (row, column), (gy, gx) = view.patch_at(x, y), view.grid
    assert gy * gx > 40
    place = prefix + row * gx + column

    matrices = eager_matrices(model, model.pixels(photo, view))
    for layer, matrix in enumerate(matrices):
        rows = matrix[0]
        assert_equal(found[0], rows[:, prefix:].mean(dim=1), layer)
        assert_equal(found[1], rows[:, place], layer)
        assert_equal(found[2], rows[:, [place, prefix]].mean(dim=1), layer)
        for token, maps in enumerate(found[3:]):
            assert_equal(maps, rows[:, token], layer)
    peaks = torch.stack(matrices).max(dim=-1).values * gy * gx
    assert peaks.median() > 3, "flat rows would agree with anything"


def _prefix_queries(model: TorchEngine) -> list[str]:
    """Every prefix token by its name on the command line."""
    short = {"CLS": "cls"}
    return [short.get(name, name).replace("register ", "register:") for name in model.facts.prefix]


PLACES = [(0, 0), (0, 11), (7, 0), (7, 11), (2, 7)]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_bright_patch_is_found_at_its_own_place(family: str, place: tuple[int, int]) -> None:
    """In layer 0 a patch that changes moves its own key alone.

    Of any row that does not ask from that patch, log(with / without) is one constant everywhere
    else: where it is not is where the patch stands. Shuffled or transposed patches cannot pass.
    """
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    plain = np.random.default_rng(3).integers(90, 120, (32, 48, 3), dtype=np.uint8)
    bright = plain.copy()
    row, column = place
    bright[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = 250
    query = "cls" if "CLS" in model.facts.prefix else "patch:20,20"
    before, after = (
        vitmap.attend(model, pixels, 0, query=query, size=39).values[0]
        for pixels in (plain, bright)
    )
    assert before.shape[1:] == (8, 12)
    change = np.log(after.astype(np.float64) / before)
    change = np.abs(change - np.median(change, axis=(1, 2), keepdims=True))
    for head in change:
        assert np.unravel_index(head.argmax(), head.shape) == place
        assert np.partition(head.ravel(), -2)[-2] < 1e-3 * head.max()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_default_query_is_said(family: str) -> None:
    expected = {"ijepa": "mean", "siglip": "pool", "siglip2": "pool"}.get(family, "cls")
    model = backbone_of(tiny.build(family))
    assert vitmap.attend(model, photo_of(30, 30), size=16).query == Query(expected)
    every = {"pool": "mean"}.get(expected, expected)
    assert vitmap.attend(model, photo_of(30, 30), "all", size=16).query.kind == every


@pytest.mark.parametrize("family", ["siglip", "siglip2"])
def test_the_pooling_query_is_told_apart_from_the_last_layer(family: str) -> None:
    network: Any = tiny.build(family)
    torch.nn.init.normal_(network.head.attention.in_proj_weight, std=0.5)
    model, photo = backbone_of(network), photo_of(40, 60)
    maps = vitmap.attend(model, photo, query="pool", size=32)
    assert (maps.layers, maps.at(head=1).label, maps.at(head=1).stem) == (
        (2,),
        "pool H1",
        "pool-H01",
    )

    seen: list[torch.Tensor] = []
    hook = network.head.attention.register_forward_pre_hook(
        lambda _module, inputs: seen.extend(inputs)
    )
    model.trunk(tensor_of(model, photo, maps.view))
    hook.remove()
    with torch.no_grad():
        _, weights = network.head.attention(*seen[:3], average_attn_weights=False)
    assert_equal(maps, weights[0, :, 0], 2)
    last = vitmap.attend(model, photo, -1, query="mean", size=32)
    assert np.abs(last.values - maps.values).max() > 1e-3


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_photos_of_one_grid_share_a_forward(family: str) -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    photos = [photo_of(40, 60), photo_of(80, 120), photo_of(60, 40), photo_of(60, 40)]
    together = list(vitmap.attend_batch(model, photos, "all", size=32, batch=3))
    for photo, maps in zip(photos, together, strict=True):
        alone = vitmap.attend(model, photo, "all", size=32)
        assert (maps.view, maps.query, maps.source) == (alone.view, alone.query, alone.source)
        np.testing.assert_allclose(maps.values, alone.values, rtol=1e-4, atol=1e-7)


def test_points_are_each_photos_own_in_a_batch() -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build("vit")))
    photos = [photo_of(40, 60), photo_of(80, 120)]
    together = list(vitmap.attend_batch(model, photos, query="patch:50,30", size=32))
    for photo, maps in zip(photos, together, strict=True):
        alone = vitmap.attend(model, photo, query="patch:50,30", size=32)
        np.testing.assert_allclose(maps.values, alone.values, rtol=1e-4, atol=1e-7)


def test_the_vision_tower_of_a_checkpoint_with_text(tmp_path: Any) -> None:
    for name, text in (("CLIP", {}), ("Siglip", {}), ("Siglip2", {})):
        vision = tiny.build(name.lower()).config.to_dict()
        text = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"intermediate_size": 8, "vocab_size": 99, "projection_size": 24}
        config = getattr(transformers, f"{name}Config")(vision_config=vision, text_config=text)
        whole = getattr(transformers, f"{name}Model")(config).eval()
        tower = tiny.scale_queries_and_keys(whole.vision_model)
        kind = "Siglip2ImageProcessor" if name == "Siglip2" else "ViTImageProcessor"
        folder = tiny.save(whole, tmp_path / name, image_processor_type=kind)
        model, photo = vitmap.load(folder), photo_of(40, 60)
        maps = vitmap.attend(model, photo, "all", query="mean", size=32)
        for layer, matrix in enumerate(
            eager_matrices(backbone_of(tower), model.pixels(photo, maps.view))
        ):
            first = len(model.facts.prefix)
            assert_equal(maps, matrix[0, :, first:].mean(dim=1), layer)


def test_nothing_changes_on_a_model_that_masks() -> None:
    network: Any = tiny.build("vit_mae")
    model, photo = backbone_of(network), photo_of(30, 30)
    maps = vitmap.attend(model, photo, "all", size=16)
    assert maps.values[0, 0].size == 16
    assert network.config.mask_ratio == network.embeddings.config.mask_ratio == 0.75
    assert network(tensor_of(model, photo, maps.view)).last_hidden_state.shape[1] == 5


def test_a_checkpoint_that_asks_for_hidden_states_is_left_without_hooks() -> None:
    network: Any = tiny.build("vit")
    network.config.output_hidden_states = True
    network.config.return_dict = False
    vitmap.attend(backbone_of(network), photo_of(30, 30), "all", size=16)
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", ["Swin", "Swinv2"])
def test_windowed_models_are_refused_by_name(name: str) -> None:
    config = getattr(transformers, f"{name}Config")(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4
    )
    network = getattr(transformers, f"{name}Model")(config)
    message = rf"a '{name.lower()}' model attends within windows: no row of its attention covers"
    with pytest.raises(vitmap.VitmapError, match=message):
        backbone_of(network)
