"""Queries and keys kept from a forward make the model's own rows; so does the mean distance."""

from __future__ import annotations

import numpy as np
import pytest

import tiny
import vitmap
from eager import SIZES, backbone_of, eager_matrices, photo_of
from vitmap.errors import UnsupportedModel, UsageError
from vitmap.maps.operands import RelativeBias
from vitmap.methods.attention import look
from vitmap.methods.operands import attend_with_operands
from vitmap.models.engine import Wants


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_row_made_from_operands_equals_the_eager_matrix(
    family: str, size: tuple[int, int]
) -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    photo = photo_of(*size)
    view = model.facts.view(photo.size, 32, None if model.facts.any_size else "keep")
    pixels = model.pixels(photo, view)
    expected = [matrix[0].numpy() for matrix in eager_matrices(model, pixels)]
    (own, mean), operands = attend_with_operands(model, photo, view, "all", (None, "mean"))

    assert (operands.bias[0] is not None) == family.startswith("beit")
    assert operands.prefix == model.facts.prefix
    assert operands.layers == (0, 1, 2)
    for layer, matrix in enumerate(expected):
        for head in range(model.facts.heads):
            made = np.stack([operands.row(layer, head, t) for t in range(matrix.shape[1])])
            worst = np.abs(made - matrix[head]) / matrix[head].max(axis=1, keepdims=True)
            assert worst.max() <= 2e-5  # these in float64, eager sums in float32
            asked = matrix[head, len(model.facts.prefix) :].mean(axis=0)[len(model.facts.prefix) :]
            found = mean.values[layer, head].ravel()
            assert np.abs(found - asked).max() <= 1e-5 * asked.max()
    assert own.query == model.facts.default_query((0, 1, 2))


@pytest.mark.parametrize("family", ["vit", "dinov2_with_registers", "siglip", "beit"])
def test_mean_distance_equals_a_loop_over_the_eager_matrix(family: str) -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    photo = photo_of(40, 90)
    view = model.facts.view(photo.size, 32)
    pixels, (gy, gx) = model.pixels(photo, view), view.grid
    _, captured = look(model, [(photo, view)], pixels, "all", also=Wants(spans=view))

    places = [
        (40 / gy * (row + 0.5), 90 / gx * (column + 0.5)) for row, column in np.ndindex(gy, gx)
    ]
    for layer, matrix in enumerate(eager_matrices(model, pixels)):
        shares = matrix[0][:, len(model.facts.prefix) :, len(model.facts.prefix) :].double().numpy()
        for head in range(model.facts.heads):
            asked = []
            for row, (y, x) in zip(shares[head], places, strict=True):
                away = [np.hypot(y - at_y, x - at_x) for at_y, at_x in places]
                asked.append(sum(s * d for s, d in zip(row, away, strict=True)) / sum(row))
            assert float(captured.spans[layer][head]) == pytest.approx(np.mean(asked), rel=1e-5)


def test_a_pooling_head_asks_from_no_place() -> None:
    model = backbone_of(tiny.build("siglip"))
    photo = photo_of(40, 40)
    view = model.facts.view(photo.size, 32)
    pixels, queries = model.pixels(photo, view), ("pool", "mean")
    _, captured = look(model, [(photo, view)], pixels, -1, queries, also=Wants(spans=view))
    assert list(captured.spans) == [2]
    (pooled,), operands = attend_with_operands(model, photo, view, -1, ("pool",))
    assert pooled.query.kind == "pool"
    assert operands.layers == (2,)


def test_a_table_gives_back_the_mask_that_it_was_read_from() -> None:
    chance = np.random.default_rng(0)
    gy, gx, prefix, heads = 3, 4, 2, 2
    mask = chance.normal(size=(heads, 14, 14)).astype(np.float32)
    offsets = chance.normal(size=(heads, 2 * gy - 1, 2 * gx - 1)).astype(np.float32)
    for one, (row, column) in enumerate(np.ndindex(gy, gx)):
        for other, (below, right) in enumerate(np.ndindex(gy, gx)):
            mask[:, prefix + one, prefix + other] = offsets[
                :, below - row + gy - 1, right - column + gx - 1
            ]
    table = RelativeBias.of(mask, prefix, (gy, gx))
    np.testing.assert_array_equal(table.offsets, offsets)
    for token in range(14):
        np.testing.assert_array_equal(table.of_query(token), mask[:, token])

    mask[0, 5, 7] += 0.01
    with pytest.raises(UnsupportedModel, match=r"no table of relative positions .* differ by 0.01"):
        RelativeBias.of(mask, prefix, (gy, gx))


def test_a_layer_that_is_not_held_is_refused() -> None:
    model = backbone_of(tiny.build("vit"))
    photo = photo_of(40, 40)
    _, operands = attend_with_operands(model, photo, model.facts.view(photo.size, 16), 1)
    with pytest.raises(UsageError, match="Layer 2 asked for, but layers 1 are held"):
        operands.row(2, 0, 0)


def test_real_rows_are_made_from_operands(shared: object) -> None:
    """As the captured rows have them, which equal eager attention."""
    model = vitmap.load(f"{shared}/models/dinov2-small-saliency")
    photo = vitmap.read_photo(f"{shared}/pictures/dog.jpg")
    view = model.facts.view(photo.size, 160)
    height, width = photo.size
    places = [(0.1, 0.1), (0.5, 0.4), (0.9, 0.95)]
    asked = [f"patch:{width * x},{height * y}" for x, y in places]
    maps, operands = attend_with_operands(model, photo, view, "all", ("cls", *asked))
    for query in maps:
        token = query.query.tokens(model.facts.prefix, view)[0]
        for layer in range(12):
            row = np.concatenate([query.prefix[layer], query.values[layer].reshape(6, -1)], axis=1)
            made = np.stack([operands.row(layer, head, token) for head in range(6)])
            assert (np.abs(made - row) <= 2e-5 * row.max(axis=1, keepdims=True)).all()
