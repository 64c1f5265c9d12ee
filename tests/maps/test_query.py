"""Whose attention it is: names, points, refusals, and what the files say of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers

import tiny
import vitmap
from vitmap.errors import UsageError
from vitmap.maps.query import Query
from vitmap.photo.view import View

VIEW = View((40, 60), (16, 24), (4, 4))  # 4 × 6 patches of 10 × 10 photo pixels
PREFIX = ("CLS", "distillation", "register 0", "register 1")

TOKENS = {
    "cls": ([0], "CLS token"),
    "CLS": ([0], "CLS token"),
    "distillation": ([1], "distillation token"),
    "register": ([2], "register 0"),
    "register:1": ([3], "register 1"),
    "mean": (list(range(4, 28)), "mean over patches"),
    "patch:0,0": ([4], "patch at 0, 0 px"),
    "patch:59.9,39.9": ([27], "patch at 59.9, 39.9 px"),
    "patch:25,15": ([4 + 6 + 2], "patch at 25, 15 px"),
    "patch:25,15+5,35": ([12, 22], "mean over the patches at 25, 15; 5, 35 px"),
    "patch:21,11+29,19": ([12], "mean over the patches at 21, 11; 29, 19 px"),
}


@pytest.mark.parametrize("text", TOKENS)
def test_a_written_query_names_its_tokens(text: str) -> None:
    tokens, shown = TOKENS[text]
    query = Query.parse(text)
    assert query.tokens(PREFIX, VIEW) == tokens
    assert str(query) == shown


REFUSED = {
    "clss": "Query 'clss' is not known: did you mean 'cls'?",
    "register:x": "Query 'register:x' is not known: expected cls, distillation, register:0, pool",
    "mean:3": "Query 'mean:3' is not known: expected cls",
    "patch": "Query 'patch': '' is no point: expected X,Y in the photo's pixels, such as patch:120",
    "patch:12": "Query 'patch:12': '12' is no point",
    "patch:1,2,3": "Query 'patch:1,2,3': '1,2,3' is no point",
    "patch:1,2+": "Query 'patch:1,2+': '' is no point",
    "register:2": "Query register 2 asked for, but the model has no such token (its prefix tokens "
    "are CLS, distillation, register 0, register 1): choose one of them, mean, or patch:X,Y.",
    "patch:60,0": "Point (60, 0) lies outside the photo of 60 × 40 px.",
    "patch:nan,0": "Query 'patch:nan,0': 'nan,0' is no point",
    "patch:1,inf": "Query 'patch:1,inf': '1,inf' is no point",
    "cls:": "Query 'cls:' is not known: expected cls",
    "register:": "Query 'register:' is not known",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Query.parse(text).tokens(PREFIX, VIEW)
    assert str(refused.value).startswith(REFUSED[text])


def test_a_model_without_prefix_tokens_says_so() -> None:
    with pytest.raises(UsageError, match=r"Query CLS token asked for, .* \(it has none\)"):
        Query("cls").tokens((), VIEW)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.build("siglip"), tmp_path_factory.mktemp("models") / "siglip")


POOL = {
    "all": "Query pool asks once, after the last layer (L2): leave --layer at -1, or choose",
    "0": "Query pool asks once, after the last layer (L2)",
}


@pytest.mark.parametrize("layer", POOL)
def test_the_pooling_query_has_no_other_layers(layer: str, siglip: Path) -> None:
    photo = np.zeros((16, 16, 3), dtype=np.uint8)
    with pytest.raises(UsageError) as refused:
        vitmap.attend(vitmap.load(siglip), photo, layer, query="pool")
    assert str(refused.value).startswith(POOL[layer])


def test_a_model_without_a_pooling_head_refuses_its_query(tiny_classifier: Path) -> None:
    photo = np.zeros((16, 16, 3), dtype=np.uint8)
    with pytest.raises(UsageError, match="tiny-classifier has no attention-pooling head: leave"):
        vitmap.attend(vitmap.load(tiny_classifier), photo, query="pool")


@pytest.mark.parametrize("query", ["cls", "mean", "patch:25,15", "patch:25,15+5,35"])
def test_the_command_line_writes_the_maps_of_its_query(
    query: str, go: Callable[..., Path], draw: Callable[..., Path], tiny_classifier: Path
) -> None:
    picture = draw("a.png", 40, 60)
    folder = go(picture, "--query", query) / "a"
    saved = vitmap.read_maps(folder / "maps.safetensors")
    maps = vitmap.attend(vitmap.load(tiny_classifier), picture, query=query, size=32)
    assert saved.query == maps.query == Query.parse(query)
    np.testing.assert_array_equal(saved.values, maps.values)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["pictures"][0]["query"] == str(maps.query)


def test_the_default_query_of_a_model_without_cls_is_said(
    go: Callable[..., Path],
    draw: Callable[..., Path],
    siglip: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = go(draw("a.png"), "--model", siglip, "--no-classify") / "a"
    assert "query: pooling query" in capsys.readouterr().out
    assert (folder / "pool-H02-overlay.png").is_file()
    folder = go(draw("a.png"), "--model", siglip, "--no-classify", "--layer", "0,2", out="b") / "a"
    assert "query: mean over patches" in capsys.readouterr().out
    assert (folder / "L00-H02-overlay.png").is_file()


def test_a_query_that_cannot_be_fails_before_any_picture(
    draw: Callable[..., Path], vitmap_command: Callable[..., object]
) -> None:
    code, out, err = vitmap_command(draw("a.png"), "--query", "register:3")  # type: ignore[misc]
    assert (code, out) == (2, [])
    assert err[0].startswith("vitmap: Query register 3 asked for, but the model has no such token")


@pytest.fixture
def vitmap_command(
    tiny_classifier: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., object]:
    from command import command

    return command(capfd, model=tiny_classifier, out=out, size=16)


def test_many_queries_come_from_one_forward(tiny_backbone: Path) -> None:
    model = vitmap.load(tiny_backbone)
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    calls = []
    hook = model.layers[0].register_forward_hook(lambda *_: calls.append(1))
    queries = ["cls", "register:1", "patch:5,5", Query.patch((5, 5), (50, 30))]
    found = vitmap.attend(model, photo, "all", query=queries, size=32)
    hook.remove()
    assert len(calls) == 1
    for query, maps in zip(queries, found, strict=True):
        alone = vitmap.attend(model, photo, "all", query=query, size=32)
        assert maps.query == alone.query
        np.testing.assert_allclose(maps.values, alone.values, rtol=1e-5, atol=1e-8)


def test_a_model_of_one_size_squashes_unless_told_otherwise() -> None:
    network = tiny.build("vit", image_size=(16, 32))
    model = vitmap.from_transformers(network, transformers.ViTImageProcessor(**tiny.PROCESSOR))
    photo = np.zeros((50, 50, 3), dtype=np.uint8)
    view = vitmap.attend(model, photo).view
    assert (view.target, view.fit, view.grid) == ((16, 32), "squash", (4, 8))
    with pytest.raises(vitmap.VitmapError, match=r"Leave out --size and --fit"):
        vitmap.attend(model, photo, size=48)
