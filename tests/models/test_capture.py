"""The heart of the project: captured rows equal the model's own eager attention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import tiny
import vitmap
from eager import tensor_of
from eager_rows import assert_equal_rows, eager_rows
from vitmap.errors import CaptureError, UnsupportedModel
from vitmap.models.capture import capture
from vitmap.models.rows import sdpa_call
from vitmap.photo.read import read_photo
from vitmap.photo.view import View

SHAPES = [(64, 64), (40, 90), (90, 40), (23, 61)]


def photo_of(height: int, width: int, seed: int = 0) -> vitmap.Photo:
    rng = np.random.default_rng(seed)
    return read_photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("family", tiny.PLANTABLE)
def test_rows_equal_eager_on_peaked_models(
    family: str, shape: tuple[int, int], tmp_path: Path
) -> None:
    folder = tiny.save(tiny.scale_queries_and_keys(tiny.build(family)), tmp_path / family)
    model, photo = vitmap.load(folder), photo_of(*shape)
    maps = vitmap.attend(model, photo, "all", size=32)
    rows = eager_rows(model, folder, photo, maps.view)

    assert_equal_rows(maps, rows)
    peaks = torch.stack(rows).max(dim=-1).values * maps.values[0, 0].size
    assert peaks.median() > 3, "flat rows would agree with anything"
    assert maps.values.shape[2:] == maps.view.grid
    total = maps.values.sum(axis=(2, 3)) + maps.prefix.sum(axis=2)
    np.testing.assert_allclose(total, 1, atol=1e-5)


@pytest.mark.parametrize("size", [224, 320])
@pytest.mark.parametrize("picture", ["car.jpg", "dog.jpg"])
@pytest.mark.parametrize("name", ["deit-tiny", "dinov2-small-saliency"])
def test_rows_equal_eager_on_real_weights(name: str, picture: str, size: int, shared: Path) -> None:
    folder = shared / "models" / name
    model, photo = vitmap.load(folder), read_photo(shared / "pictures" / picture)
    maps = vitmap.attend(model, photo, "all", size=size)
    assert_equal_rows(maps, eager_rows(model, folder, photo, maps.view))


@pytest.mark.parametrize("fit", ["keep", "squash"])
@pytest.mark.parametrize("place", [(0, 0), (2, 9), (5, 3), (7, 15)], ids=str)
@pytest.mark.parametrize("family", tiny.PLANTABLE)
def test_a_planted_bright_patch_appears_at_its_own_place(
    family: str, place: tuple[int, int], fit: str
) -> None:
    model = vitmap.from_transformers(
        tiny.plant(tiny.build(family), layer=1, head=2),
        transformers.ViTImageProcessor(**tiny.PROCESSOR),
    )
    row, column = place
    pixels = np.full((80, 160, 3), 40, dtype=np.uint8)
    pixels[row * 10 : row * 10 + 10, column * 10 : column * 10 + 10] = 255
    maps = vitmap.attend(model, read_photo(pixels), 1, size=45, fit=fit)
    peak = maps.at(layer=1, head=2).peak

    x, y = maps.view.center(*peak)
    assert (y // 10, x // 10) == place
    assert maps.at(1, 2).values[peak] > 3 * np.median(maps.at(1, 2).values)


def test_all_layers_and_one_layer_give_the_same_rows(tiny_backbone: Path) -> None:
    model, photo = vitmap.load(tiny_backbone), photo_of(50, 70)
    together = vitmap.attend(model, photo, "all", size=32)
    for layer in range(model.facts.depth):
        alone = vitmap.attend(model, photo, layer, size=32)
        assert alone.layers == (layer,)
        np.testing.assert_array_equal(alone.values[0], together.values[layer])


def test_a_capture_leaves_nothing_behind(tiny_classifier: Path) -> None:
    model, photo = vitmap.load(tiny_classifier), photo_of(32, 32)
    before = vitmap.predict(model, photo)
    with pytest.raises(vitmap.VitmapError):
        vitmap.attend(model, photo, 99)
    vitmap.attend(model, photo, 0, size=16)

    class Broken(nn.Module):
        def forward(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        capture(Broken(), model.layers, {0: [[0]]})
    for module in model.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert model.network.config._attn_implementation == "sdpa"
    assert vitmap.predict(model, photo) == before


def test_eager_attention_is_refused_by_name(tiny_classifier: Path) -> None:
    network = transformers.AutoModel.from_pretrained(
        tiny_classifier, attn_implementation="eager", add_pooling_layer=False
    )
    model = vitmap.from_transformers(network, transformers.ViTImageProcessor(**tiny.PROCESSOR))
    with pytest.raises(CaptureError, match=r"Layer 2 made no call .* is 'eager'"):
        vitmap.attend(model, photo_of(16, 16), size=16)


def test_training_mode_is_refused(tiny_classifier: Path) -> None:
    model = vitmap.load(tiny_classifier)
    model.network.train()
    with pytest.raises(UnsupportedModel, match=r"call model\.eval\(\) first"):
        vitmap.attend(model, photo_of(16, 16), size=16)


def test_a_count_that_does_not_fit_is_refused(tiny_classifier: Path) -> None:
    from dataclasses import replace

    model = vitmap.load(tiny_classifier)
    model = replace(model, facts=replace(model.facts, prefix=("CLS", "distillation")))
    with pytest.raises(CaptureError, match="17 tokens were seen, expected 3 heads over 2 prefix"):
        vitmap.attend(model, photo_of(16, 16), size=16)


@pytest.mark.parametrize("stop", [False, True])
def test_two_calls_in_one_layer_are_refused(stop: bool) -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            attend = nn.functional.scaled_dot_product_attention
            return attend(x, x, attend(x, x, x))

    block = Twice()
    with pytest.raises(CaptureError, match="Layer 0 made more than one attention call"):
        capture(lambda: block(torch.randn(1, 2, 5, 4)), [block], {0: [[0]]}, stop=stop)


def test_calls_outside_the_layers_are_told_apart() -> None:
    attend = nn.functional.scaled_dot_product_attention

    class Block(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return attend(x, x, x)

    block, x = Block(), torch.randn(1, 2, 5, 4)
    pooling = torch.randn(1, 2, 1, 4)
    found = capture(lambda: attend(pooling, block(x), x), [block], {0: [[0]]}, stop=False)
    expected = (x @ x.transpose(-2, -1) / 2).softmax(-1)[:, :, :1]
    torch.testing.assert_close(found.rows[0], expected)
    assert found.output.shape == (1, 2, 1, 4)


MASKS = {
    "none": lambda _q, _k: None,
    "bool, a row for all": lambda _q, k: torch.arange(k)[None] < k - 2,
    "bool, a row each": lambda q, k: torch.rand(q, k) < 0.7,
    "float bias a head": lambda q, k: torch.randn(2, q, k),
    "float, batch and head": lambda q, k: torch.randn(1, 2, q, k),
}


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize("mask", MASKS)
def test_rows_apply_to_values_as_the_fused_kernel_does(mask: str, scale: float | None) -> None:
    torch.manual_seed(1)
    q, k, v = torch.randn(1, 2, 7, 8), torch.randn(1, 2, 9, 8), torch.randn(1, 2, 9, 8)
    bias = MASKS[mask](7, 9)
    if bias is not None and bias.dtype == torch.bool:
        bias[..., 0] = True
    fused = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    rows = sdpa_call(q, k, v, attn_mask=bias, scale=scale).rows([[0], [4]])
    torch.testing.assert_close(rows @ v, fused[:, :, [0, 4]])


def test_grouped_heads_are_expanded() -> None:
    q, k, v = torch.randn(1, 4, 5, 8), torch.randn(1, 2, 6, 8), torch.randn(1, 2, 6, 8)
    fused = nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    rows = sdpa_call(q, k, v, enable_gqa=True).rows([[2]])
    torch.testing.assert_close(rows @ v.repeat_interleave(2, dim=1), fused[:, :, [2]])


def test_causal_attention_is_refused() -> None:
    x = torch.randn(1, 1, 3, 4)
    with pytest.raises(CaptureError, match="Causal attention"):
        sdpa_call(x, x, x, is_causal=True)


def test_one_forward_for_label_and_maps_where_the_inputs_agree(tiny_classifier: Path) -> None:
    from vitmap.methods.attention import look
    from vitmap.methods.labels import classify
    from vitmap.models.engine import Wants

    model, photo = vitmap.load(tiny_classifier), photo_of(16, 16)
    view = View.of(photo.size, model.facts.patch, 16)
    pixels = model.pixels(photo, view)
    np.testing.assert_array_equal(pixels, model.classifier_pixels(photo))
    also = Wants(logits=True)
    ((maps,),), captured = look(model, [(photo, view)], pixels, "all", also=also)
    assert captured.logits is not None
    shared = classify(model, pixels, captured.logits[0])
    alone = vitmap.predict(model, photo)
    assert shared.shared
    assert not alone.shared
    assert shared.labels == alone.labels
    np.testing.assert_array_equal(maps.values, vitmap.attend(model, photo, "all", size=16).values)


@pytest.mark.parametrize("layers", ["-1", "all"])
def test_no_matrix_of_all_tokens_is_ever_built(layers: str, tiny_backbone: Path) -> None:
    """Watch every tensor that any operation makes: none is as large as one head's N × N."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Largest(TorchDispatchMode):
        seen = 0

        def __torch_dispatch__(
            self, func: object, types: object, args: tuple = (), kwargs: dict | None = None
        ) -> object:
            result = func(*args, **(kwargs or {}))
            made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
            self.seen = max([self.seen, *(tensor.numel() for tensor in made)])
            return result

    model, photo = vitmap.load(tiny_backbone), photo_of(200, 200)
    with Largest() as watch:
        maps = vitmap.attend(model, photo, layers, size=200)
    tokens = maps.values[0, 0].size + len(model.facts.prefix)
    assert tokens > 2500
    assert watch.seen < tokens * tokens / 4


def test_a_rectangular_patch_is_read_where_its_positions_are_known() -> None:
    """transformers interpolates square grids of square patches; other models at their own size."""
    processor = transformers.ViTImageProcessor(**tiny.PROCESSOR)
    network = tiny.scale_queries_and_keys(tiny.build("vit", patch_size=(4, 8)))
    model, photo = vitmap.from_transformers(network, processor), photo_of(20, 30)
    maps = vitmap.attend(model, photo, "all", size=16, fit="squash")
    assert maps.view.grid == (4, 2)
    network.set_attn_implementation("eager")
    with torch.no_grad():
        output = network(tensor_of(model, photo, maps.view), output_attentions=True)
    assert_equal_rows(maps, [attention[0, :, 0] for attention in output.attentions])
    with pytest.raises(UnsupportedModel, match=r"trained at 16 × 16 px with patches of 8 × 4, "):
        vitmap.attend(model, photo, size=48)


@pytest.mark.parametrize("family", ["vit", "dinov2"])
def test_a_model_trained_on_oblong_pictures_is_refused_by_name(family: str) -> None:
    network = tiny.build(family, image_size=(16, 32))
    model = vitmap.from_transformers(network, transformers.ViTImageProcessor(**tiny.PROCESSOR))
    with pytest.raises(UnsupportedModel, match="trained at 32 × 16 px"):
        vitmap.attend(model, photo_of(20, 30), size=48)


@pytest.mark.parametrize(
    ("dtype", "precision"), [(torch.float32, "fp32"), (torch.bfloat16, "bf16 weights")]
)
def test_the_source_says_what_the_network_is(dtype: torch.dtype, precision: str) -> None:
    network = tiny.build("vit").to(dtype)
    model = vitmap.from_transformers(network, transformers.ViTImageProcessor(**tiny.PROCESSOR))
    source = vitmap.attend(model, photo_of(16, 16), size=16).source
    assert (source.precision, source.device) == (precision, "cpu")
    assert source.versions["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_other_precisions_are_refused_by_name() -> None:
    processor = transformers.ViTImageProcessor(**tiny.PROCESSOR)
    with pytest.raises(UnsupportedModel, match=r"weights in torch\.float16: expected float32 or"):
        vitmap.from_transformers(tiny.build("vit").half(), processor)


def test_the_callers_autocast_does_not_round_the_rows(tiny_backbone: Path) -> None:
    model, photo = vitmap.load(tiny_backbone), photo_of(20, 30)
    plain = vitmap.attend(model, photo, "all", size=32)
    with torch.autocast("cpu", torch.bfloat16):
        same = vitmap.attend(model, photo, "all", size=32)
    np.testing.assert_array_equal(same.values, plain.values)
