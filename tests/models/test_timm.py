"""Every timm family against its own attention, not fused: one table, the same laws for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from timm.layers import DiffAttention
from timm.models.eva import Eva
from timm.models.vision_transformer import ParallelThingsBlock, VisionTransformer

import tiny_timm
import vitmap
from eager import tensor_of
from vitmap.errors import CaptureError, UnsupportedModel, UsageError
from vitmap.models.torch_engine import TorchEngine
from vitmap.photo.read import read_photo

SIZES = {"square": (64, 64), "landscape": (40, 90), "portrait": (90, 40)}
RESIZED = [
    name for name, (_, options, _) in tiny_timm.FAMILIES.items() if "dynamic_img_size" in options
]


def backbone_of(family: str, **options: Any) -> TorchEngine:
    return vitmap.from_timm(tiny_timm.build(family, **options), data_config=tiny_timm.DATA)


def photo_of(height: int, width: int) -> vitmap.Photo:
    rng = np.random.default_rng(height)
    return read_photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def assert_equal(maps: vitmap.AttentionMaps, place: int, expected: torch.Tensor) -> None:
    """|Δ| ≤ 1e-5 of the row's maximum, head by head; `expected` is [head token]."""
    patches = maps.values[place].reshape(maps.heads, -1)
    row = np.concatenate([maps.prefix[place], patches], axis=1)
    tolerance = 1e-5 * expected.numpy().max(axis=1, keepdims=True)
    assert row.shape == expected.shape
    assert (np.abs(row - expected.numpy()) <= tolerance).all()


def written(token: str) -> str:
    """A prefix token as the command line names it."""
    return {"CLS": "cls"}.get(token, token.replace("register ", "register:"))


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("family", tiny_timm.FAMILIES)
def test_every_query_equals_the_unfused_matrix(family: str, size: tuple[int, int]) -> None:
    model, photo = backbone_of(family), photo_of(*size)
    assert model.facts.prefix == tiny_timm.FAMILIES[family][2]
    assert model.facts.any_size == (family in RESIZED)
    x, y = size[1] * 0.6, size[0] * 0.3
    size_asked = 32 if model.facts.any_size else None
    queries = ["mean", f"patch:{x},{y}", *map(written, model.facts.prefix)]
    found = vitmap.attend(model, photo, "all", query=queries, size=size_asked)
    view, prefix = found[0].view, len(model.facts.prefix)
    assert model.facts.any_size or view.target == model.facts.native
    (row, column), (gy, gx) = view.patch_at(x, y), view.grid
    assert not model.facts.any_size or (gy > gx) == (size[0] > size[1])

    expected = tiny_timm.matrices(model.network, tensor_of(model, photo, view))[: model.facts.depth]
    assert len(expected) == model.facts.depth
    for layer, matrix in enumerate(expected):
        assert_equal(found[0], layer, matrix[:, prefix:].mean(dim=1))
        assert_equal(found[1], layer, matrix[:, prefix + row * gx + column])
        for token, maps in enumerate(found[2:]):
            assert_equal(maps, layer, matrix[:, token])
    default = vitmap.attend(model, photo, "all", size=size_asked)
    same = found[2] if "CLS" in model.facts.prefix else found[0]
    np.testing.assert_allclose(default.values, same.values, rtol=1e-5)
    peaks = torch.stack(expected).max(dim=-1).values * gy * gx
    assert peaks.median() > 3, "flat rows would agree with anything"


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1), (1, 2)], ids=str)
@pytest.mark.parametrize("family", tiny_timm.FAMILIES)
def test_a_bright_patch_is_found_at_its_own_place(family: str, corner: tuple[int, int]) -> None:
    """In layer 0 a patch that changes moves its own key alone.

    Of any row that does not ask from that patch, log(with / without) is one constant everywhere
    else: where it is not is where the patch stands. Shuffled or transposed patches cannot pass.
    """
    model = backbone_of(family)
    height, width = (32, 48) if model.facts.any_size else model.facts.native
    gy, gx = height // 4, width // 4
    row, column = corner[0] % gy, corner[1] % gx
    plain = np.random.default_rng(3).integers(90, 120, (height, width, 3), dtype=np.uint8)
    bright = plain.copy()
    bright[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = 250
    query = "cls" if "CLS" in model.facts.prefix else "patch:10,10"
    size = 39 if model.facts.any_size else None
    before, after = (
        vitmap.attend(model, read_photo(pixels), 0, query=query, size=size)
        for pixels in (plain, bright)
    )
    assert before.view.grid == (gy, gx)
    moved = np.log(after.values[0] / before.values[0])  # head gy gx
    moved = np.abs(moved - np.median(moved, axis=(1, 2), keepdims=True)).max(axis=0)
    assert np.unravel_index(moved.argmax(), moved.shape) == (row, column)
    assert moved[row, column] > 0.05
    moved[row, column] = 0
    assert moved.max() < 1e-3


@pytest.mark.parametrize("family", tiny_timm.FAMILIES)
def test_bf16_tells_the_same(family: str) -> None:
    model, half, photo = backbone_of(family), backbone_of(family).in_bf16(), photo_of(64, 64)
    size = 64 if model.facts.any_size else None
    ours, theirs = (vitmap.attend(m, photo, "all", size=size).values for m in (half, model))
    assert not np.array_equal(ours, theirs)
    for layer in range(model.facts.depth):
        assert np.corrcoef(ours[layer].ravel(), theirs[layer].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("family", ["siglip", "rope, pooled"])
def test_the_pooling_query_is_its_own_row(family: str) -> None:
    model, photo = backbone_of(family), photo_of(64, 96)
    assert model.pooling is model.network.attn_pool
    maps = vitmap.attend(model, photo, query="pool", size=32)
    *_, last, pooled = tiny_timm.matrices(model.network, tensor_of(model, photo, maps.view))
    assert_equal(maps, 0, pooled[:, 0])
    asked = vitmap.attend(model, photo, size=32)
    assert asked.query.kind == ("pool" if family == "siglip" else "cls")
    assert not np.allclose(last.mean(dim=1).numpy()[:, -9:], pooled[:, 0, -9:].numpy(), atol=1e-3)
    with pytest.raises(UsageError, match="Query pool asks once, after the last layer"):
        vitmap.attend(model, photo, 0, query="pool", size=32)


def test_a_pooling_head_that_leaves_the_prefix_out_is_no_query() -> None:
    model = backbone_of("vit", global_pool="map")
    assert model.pooling is None
    with pytest.raises(UsageError, match="has no attention-pooling head"):
        vitmap.attend(model, photo_of(32, 32), query="pool", size=32)


@pytest.mark.parametrize("family", ["vit at its own size", "beit", "vit at its own oblong size"])
def test_a_model_of_one_size_refuses_others_by_name(family: str) -> None:
    model = backbone_of(family)
    assert vitmap.attend(model, photo_of(30, 70)).view.target == model.facts.native
    with pytest.raises(UnsupportedModel, match=r"position embeddings cannot be had at other sizes"):
        vitmap.attend(model, photo_of(30, 70), size=40)


def test_positions_of_an_oblong_grid_are_resampled_for_a_square_one_of_as_many_patches() -> None:
    """4 × 9 and 6 × 6 are both 36: a count that fits is no reason to keep the order."""
    model, photo = backbone_of("vit of an oblong grid"), photo_of(24, 24)
    maps = vitmap.attend(model, photo, 0, size=24)
    assert maps.view.grid == (6, 6)
    network = model.network
    with torch.no_grad():
        grid = network.pos_embed[:, 1:].reshape(1, 4, 9, -1).permute(0, 3, 1, 2)
        grid = torch.nn.functional.interpolate(grid, (6, 6), mode="bicubic", antialias=True)
        tokens = network.patch_embed(tensor_of(model, photo, maps.view)).flatten(1, 2)
        tokens = torch.cat([network.cls_token, tokens], dim=1)
        positions = torch.cat([network.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)
        block = network.blocks[0]
        qkv = block.attn.qkv(block.norm1(tokens + positions))
        q, k, _ = qkv.reshape(-1, 3, 4, 12).permute(1, 2, 0, 3)
        row = (q[:, :1] @ k.transpose(1, 2) * block.attn.scale).softmax(-1)[:, 0]
    assert_equal(maps, 0, row)


REFUSED: dict[str, tuple[Any, str]] = {
    "differential": (
        lambda: tiny_timm.build("vit").__class__(**SMALL, attn_layer=DiffAttention),
        "layer 0 attends through DiffAttention; rows can be read exactly from Attention,",
    ),
    "two attentions": (
        lambda: VisionTransformer(**SMALL, block_fn=ParallelThingsBlock),
        "layer 0 attends through ParallelThingsBlock",
    ),
    "two channels": (lambda: VisionTransformer(**SMALL, in_chans=2), "PatchEmbed over 2 channels"),
    "a subclass": (lambda: type("Mine", (Eva,), {})(**SMALL), "a model of timm's Mine"),
    "swin": (
        lambda: _created("swin_tiny_patch4_window7_224"),
        "a model of timm's SwinTransformer, which attends within windows: no row of it covers",
    ),
    "a convnet": (lambda: _created("test_resnet"), "a model of timm's ResNet. Maps can be read"),
    "naflex": (lambda: _created("naflexvit_base_patch16_gap"), "a model of timm's NaFlexVit"),
    "no numbers": (lambda: VisionTransformer(**SMALL), "it has no pretrained_cfg, so its mean and"),
}
SMALL = {"img_size": 16, "patch_size": 8, "embed_dim": 8, "depth": 1, "num_heads": 2}


def _created(name: str) -> Any:
    import timm

    with torch.device("meta"):
        return timm.create_model(name)


@pytest.mark.parametrize("case", REFUSED)
def test_other_models_are_refused_by_name(case: str) -> None:
    build, text = REFUSED[case]
    with pytest.raises(UnsupportedModel) as caught:
        vitmap.from_timm(build().eval(), "mine")
    assert str(caught.value).startswith("mine: ")
    assert text in str(caught.value)


def test_a_compiled_network_is_refused_by_name() -> None:
    with pytest.raises(CaptureError, match=r"was compiled with torch\.compile, which hides"):
        vitmap.from_timm(torch.compile(tiny_timm.build("vit")), data_config=tiny_timm.DATA)


def test_layers_of_different_heads_are_refused() -> None:
    network = tiny_timm.build("vit")
    network.blocks[1].attn.num_heads = 2
    with pytest.raises(UnsupportedModel, match="its layers have 4, 2, 4 heads"):
        vitmap.from_timm(network, data_config=tiny_timm.DATA)


def test_attention_that_is_not_fused_is_refused_and_left_as_it_is() -> None:
    network = tiny_timm.build("vit")
    for block in network.blocks:
        block.attn.fused_attn = False
    model = vitmap.from_timm(network, data_config=tiny_timm.DATA)
    with pytest.raises(CaptureError, match="Attention has fused_attn off"):
        vitmap.attend(model, photo_of(32, 32), size=32)
    assert [block.attn.fused_attn for block in network.blocks] == [False] * 3


def test_a_network_in_memory_is_left_as_it_was() -> None:
    network = tiny_timm.build("dinov3")
    before = {name: values.clone() for name, values in network.state_dict().items()}
    settings = [{k: v for k, v in vars(m).items() if k[0] != "_"} for m in network.modules()]
    vitmap.attend(vitmap.from_timm(network, data_config=tiny_timm.DATA), photo_of(40, 90), size=32)
    after = [{k: v for k, v in vars(m).items() if k[0] != "_"} for m in network.modules()]
    assert after == settings
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
