"""distance against a loop of its own, and what it compares a photo with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny
import vitmap
from eager import backbone_of, photo_of
from numpy_engine import NumpyEngine
from vitmap.errors import InputError, UnsupportedModel
from vitmap.methods.attention import ATTENTION
from vitmap.methods.distance import DISTANCE
from vitmap.methods.method import Inputs, require
from vitmap.models.engine import Engine
from vitmap.models.torch_engine import TorchEngine
from vitmap.reference.patch_bank import MOST, bank_of, joined

PHOTO = photo_of(40, 90)
NORMAL = [photo_of(size, 64) for size in (32, 48, 64)]


def distances_by_loop(model: TorchEngine, layer: int) -> np.ndarray:
    """Each patch against each patch of each normal image, by transformers' own hidden states."""
    import torch

    def features(photo: vitmap.Photo) -> np.ndarray:
        pixels = torch.from_numpy(model.pixels(photo, model.facts.view(photo.size, 32)))
        with torch.no_grad():
            hidden = model.network(pixels, output_hidden_states=True).hidden_states[layer + 1]
        return hidden[0, len(model.facts.prefix) :].double().numpy()

    found = []
    known = [patch for photo in NORMAL for patch in features(photo)]
    for patch in features(PHOTO):
        cosines = [patch @ r / (np.linalg.norm(patch) * np.linalg.norm(r)) for r in known]
        found.append(1 - max(cosines))
    return np.array(found)


@pytest.mark.parametrize("family", ["dinov2", "dinov2_with_registers", "dinov3_vit"])
def test_it_is_one_less_the_highest_cosine(family: str) -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build(family)))
    keys = DISTANCE.plan(model.facts, "0,2", "all", None)
    normal = [Inputs.of(model, photo, 32) for photo in NORMAL]
    maps = DISTANCE.maps(
        model, Inputs.of(model, PHOTO, 32), keys, DISTANCE.learn(model, normal, keys)
    )
    assert [found.label for found in maps] == ["L0", "L2"]
    assert [found.stem for found in maps] == ["L00", "L02"]
    for layer, found in zip((0, 2), maps, strict=True):
        wanted = distances_by_loop(model, layer).reshape(maps.view.grid)
        np.testing.assert_allclose(found.values, wanted, atol=2e-6)
        assert found.values.max() > 0.001
    assert (maps.source.method, maps.source.photo) == ("distance", PHOTO.digest)
    assert (maps.unit, maps.signed) == ("cosine distance to the nearest reference patch", False)


def test_every_engine_gives_the_same(tiny_classifier: Path) -> None:
    engines: list[Engine] = [NumpyEngine(tiny_classifier), vitmap.load(tiny_classifier)]
    values = []
    for engine in engines:
        keys = DISTANCE.plan(engine.facts, "all", "all", None)
        photos = [photo_of(16, 16 + extra) for extra in (0, 16, 32)]  # resized by none or by half
        own, *normal = (Inputs.of(engine, photo, 16, "squash") for photo in photos)
        maps = DISTANCE.maps(engine, own, keys, DISTANCE.learn(engine, normal, keys))
        values.append(maps.values)
    np.testing.assert_allclose(*values, atol=1e-5)


def test_a_photo_is_not_compared_with_itself(tiny_backbone: Path) -> None:
    model = vitmap.load(tiny_backbone)
    keys = DISTANCE.plan(model.facts, 1, "all", None)
    images = [Inputs.of(model, photo, 32) for photo in [*NORMAL, NORMAL[0]]]
    whole, rest = (DISTANCE.learn(model, some, keys) for some in (images, images[1:3]))
    own = images[0]
    np.testing.assert_array_equal(
        DISTANCE.maps(model, own, keys, whole).values, DISTANCE.maps(model, own, keys, rest).values
    )
    alone = DISTANCE.learn(model, images[:1], keys)
    with pytest.raises(InputError, match="it is the only reference image"):
        DISTANCE.maps(model, own, keys, alone)
    with pytest.raises(InputError, match="needs reference images, and there are none"):
        DISTANCE.learn(model, [], keys)


def test_joined_banks_are_the_bank_of_all_pictures() -> None:
    chance = np.random.default_rng(0)
    pictures = [
        (f"{number:064x}", chance.normal(size=(MOST, 4)).astype(np.float32)) for number in range(3)
    ]
    whole = bank_of(pictures, 3)
    parts = joined([bank_of([picture], 3) for picture in pictures])
    np.testing.assert_array_equal(parts.features, whole.features)
    np.testing.assert_array_equal(parts.owners, whole.owners)
    assert parts.digests == whole.digests
    assert len(parts.features) <= MOST


def test_an_engine_without_tokens_is_refused_by_name(tiny_classifier: Path) -> None:
    from dataclasses import replace

    engine = NumpyEngine(tiny_classifier)
    facts = replace(engine.facts, gives=frozenset({"rows"}))
    require(ATTENTION, facts)
    with pytest.raises(UnsupportedModel) as caught:
        require(DISTANCE, facts)
    assert str(caught.value) == (
        "numpy:tiny-classifier: method distance needs the patch features that leave a layer, and "
        "its engine gives rows of softmax(QKᵀ)."
    )
