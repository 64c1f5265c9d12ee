"""The seam between a model and all that looks at its maps, proven by an engine without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import plugins
import vitmap
from eager import photo_of
from numpy_engine import NumpyEngine, read
from vitmap.commands import main
from vitmap.commands.rank.rows import Rows, Seeing
from vitmap.datasets import Sample
from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.query import Query
from vitmap.models.engine import GIVES, Engine, Wants
from vitmap.rank.row_file import read_row

PHOTO = photo_of(16, 16)  # as the model takes it: libraries resize a little differently


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


def same(ours: AttentionMaps, theirs: AttentionMaps) -> None:
    close(ours.values, theirs.values)
    close(ours.prefix, theirs.prefix)
    assert (ours.layers, ours.query, ours.view) == (theirs.layers, theirs.query, theirs.view)


@pytest.fixture
def engines(tiny_classifier: Path) -> tuple[Engine, Engine]:
    return NumpyEngine(tiny_classifier), vitmap.load(tiny_classifier)


def test_both_give_the_same_of_one_forward(engines: tuple[Engine, Engine]) -> None:
    photos = [PHOTO, photo_of(90, 40)]
    pixels = np.concatenate([engines[1].classifier_pixels(photo) for photo in photos])
    wants = Wants(rows={0: [[0]], 2: [[0], range(1, 17)]}, tokens=(0, 1, 2), logits=True)
    ours, theirs = (engine.run(pixels, wants) for engine in engines)
    assert list(ours.rows) == list(theirs.rows) == [0, 2]
    assert list(ours.tokens) == list(theirs.tokens) == [0, 1, 2]
    for layer in (0, 2):
        close(ours.rows[layer], theirs.rows[layer])
    for layer in range(3):
        close(ours.tokens[layer], theirs.tokens[layer])
    assert ours.logits is not None
    assert theirs.logits is not None
    close(ours.logits, theirs.logits)


def test_what_is_not_asked_for_is_not_given(engines: tuple[Engine, Engine]) -> None:
    for engine in engines:
        pixels = engine.classifier_pixels(PHOTO)
        captured = engine.run(pixels, Wants(tokens=(1,)))
        assert (captured.rows, captured.logits) == ({}, None)
        assert list(captured.tokens) == [1]
        every = engine.run(pixels, Wants(rows={2: [[0]]}, tokens=(0, 1, 2), logits=True))
        np.testing.assert_array_equal(captured.tokens[1], every.tokens[1])


def test_tokens_are_the_hidden_states_that_leave_a_layer(tiny_backbone: Path) -> None:
    """As transformers itself hands them out; registers, too, are prefix tokens."""
    import torch

    model = vitmap.load(tiny_backbone)
    pixels = model.pixels(PHOTO, model.facts.view(PHOTO.size, 16))
    captured = model.run(np.concatenate([pixels, pixels[..., ::-1]]), Wants(tokens=(0, 2)))
    with torch.no_grad():
        both = torch.from_numpy(np.concatenate([pixels, pixels[..., ::-1]]))
        hidden = model.network(both, output_hidden_states=True).hidden_states
    for layer in (0, 2):
        wanted = hidden[layer + 1][:, len(model.facts.prefix) :].numpy()
        np.testing.assert_allclose(captured.tokens[layer], wanted, rtol=1e-5, atol=1e-6)


def test_the_model_is_left_once_all_is_known(tiny_backbone: Path) -> None:
    model, ran = vitmap.load(tiny_backbone), []
    for place, layer in enumerate(model.layers):
        layer.register_forward_pre_hook(lambda *_, place=place: ran.append(place))
    pixels = model.pixels(PHOTO, model.facts.view(PHOTO.size, 16))
    for wants, last in (
        (Wants(tokens=(0,)), 0),
        (Wants(tokens=(1,), rows={0: [[0]]}), 1),
        (Wants(tokens=(0,), rows={1: [[0]]}), 1),
        (Wants(operands=(1,)), 1),
    ):
        ran.clear()
        model.run(pixels, wants)
        assert ran == list(range(last + 1))


@pytest.mark.parametrize("query", ["cls", "mean", "patch:13,6"])
def test_maps_are_the_same(query: str, engines: tuple[Engine, Engine]) -> None:
    seen = {"query": query, "size": 16}
    same(*(vitmap.attend(engine, PHOTO, "all", **seen) for engine in engines))
    found = (vitmap.attend_batch(engine, [PHOTO, PHOTO], 1, **seen) for engine in engines)
    for ours, theirs in zip(*found, strict=True):
        same(ours, theirs)


def test_labels_are_the_same(engines: tuple[Engine, Engine]) -> None:
    ours, theirs = (vitmap.predict(engine, PHOTO) for engine in engines)
    assert [name for name, _ in ours.labels] == [name for name, _ in theirs.labels]
    assert ours.labels[0][1] == pytest.approx(theirs.labels[0][1], abs=1e-5)


@pytest.mark.parametrize(
    ("wants", "missing"),
    [(Wants(operands=(0,)), "operands"), (Wants(rows={3: [[0]]}), "pool")],
)
def test_what_an_engine_does_not_give_is_named(
    wants: Wants, missing: str, engines: tuple[Engine, Engine]
) -> None:
    engine = engines[0]
    with pytest.raises(UnsupportedModel) as caught:
        engine.run(engine.classifier_pixels(PHOTO), wants)
    said = str(caught.value)
    assert said.startswith("numpy:tiny-classifier: ")
    assert (
        f"needs {GIVES[missing]}, and its engine gives {GIVES['rows']}, {GIVES['tokens']}" in said
    )


def test_rows_of_a_ranking_are_the_same(
    engines: tuple[Engine, Engine], scene: Callable[..., Path], tmp_path: Path
) -> None:
    """Maps, deviations from normal images and patch distances, to the rounding of float32."""
    normal = [scene(f"normal-{seed}.png", seed) for seed in range(5)]
    samples = [Sample(scene("new.png", 9), "good"), Sample(scene("odd.png", 7, (2, 2, 9, 9)), "x")]
    found = []
    for number, engine in enumerate(engines):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = Rows(Seeing(engine, 16, "squash", Query(), False, 0.6), folder)
        rows.learn(normal, lambda: None)
        paths = rows.measure(samples, lambda: None)
        assert not rows.failed
        found.append([read_row(path) for path in paths])
    for ours, theirs in zip(*found, strict=True):
        assert ours.name == theirs.name
        np.testing.assert_allclose(ours.measures[:, :2], theirs.measures[:, :2], rtol=1e-4)


def test_an_engine_is_a_model_library(
    tiny_classifier: Path,
    scene: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command line draws with it what it draws with torch, label included."""
    plugins.install(monkeypatch, "model_library", numpy=read)
    picture = scene("a.png")
    for name, model in (("ours", f"numpy:{tiny_classifier}"), ("theirs", str(tiny_classifier))):
        given = [str(picture), "--model", model, "--fit", "squash", "--size", "16"]
        assert main([*given, "--layer", "all", "--quiet", "--out", str(tmp_path / name)]) == 0
    ours, theirs = (tmp_path / name / "a" for name in ("ours", "theirs"))
    same(*(vitmap.read_maps(folder / "maps.safetensors") for folder in (ours, theirs)))
    names = {path.name for path in ours.iterdir()}
    assert names == {path.name for path in theirs.iterdir()}
    assert "heads.png" in names
