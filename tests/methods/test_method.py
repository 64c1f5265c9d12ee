"""The seam of map methods: the table of docs/methods.md, attention as a member, one of a third."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import plugins
import vitmap
from command import contents, record_of
from documents import ROOT, blocks_of
from eager import photo_of
from vitmap.commands import main
from vitmap.errors import CaptureError, UsageError
from vitmap.maps.query import Query
from vitmap.maps.scale import Scale
from vitmap.methods import METHODS
from vitmap.methods.attention import ATTENTION
from vitmap.methods.method import Inputs, Learning, MapMethod
from vitmap.models.engine import Engine, Wants
from vitmap.render.colormap import palette

PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGE)
TOY = next(text for kind, text in BLOCKS if "class Norm" in text)


def toy() -> MapMethod:
    names: dict[str, MapMethod] = {}
    exec(compile(TOY, "docs/methods.md", "exec"), names)
    return names["NORM"]


def test_the_table_of_the_page_is_that_of_the_registry() -> None:
    table = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", PAGE, flags=re.MULTILINE)
    found = [METHODS.get(name) for name in METHODS.names()]
    said = [(m.name, m.unit, ", ".join(sorted(m.needs))) for m in found]
    assert [row for row in table if "values" not in row[2]] == said
    for method in found:
        assert isinstance(method, MapMethod)
        assert isinstance(method, Learning) == ("reference" in method.needs)


@pytest.mark.parametrize("query", [None, Query("mean"), Query.patch((60, 30))])
def test_attention_is_a_member(query: Query | None, tiny_backbone: Path) -> None:
    """What its plan names equals what `attend` gives, in multiples of uniform attention."""
    model, photo = vitmap.load(tiny_backbone), photo_of(40, 90)
    keys = ATTENTION.plan(model.facts, "0,2", "1,2", query)
    maps = ATTENTION.maps(model, Inputs.of(model, photo, 32), keys)
    own = vitmap.attend(model, photo, "0,2", query=query, size=32)
    cells = [c for layer in (0, 2) for c in (own.at(layer, 1), own.at(layer, 2))]
    means = [own.mean(layer, "1,2") for layer in (0, 2)]
    wanted = [*cells[:2], means[0], *cells[2:], means[1]]
    assert [found.label for found in maps] == [cell.label for cell in wanted]
    assert [found.stem for found in maps] == [cell.stem for cell in wanted]
    for found, cell in zip(maps, wanted, strict=True):
        np.testing.assert_array_equal(found.values, cell.uniform)
    assert maps.source == own.source


def test_a_plan_names_heads_of_the_pooling_query() -> None:
    import tiny
    from eager import backbone_of

    model = backbone_of(tiny.build("siglip"))
    keys = ATTENTION.plan(model.facts, -1, "all", Query("pool"))
    assert [key.label for key in keys] == ["pool H0", "pool H1", "pool H2", "pool mean of H0-H2"]
    assert keys[-1].stem == "pool-H00-H02-mean"


def test_a_third_party_adds_a_method_in_less_than_forty_lines(
    scene: Callable[..., Path],
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(TOY.splitlines()) < 40
    [toml] = (tomllib.loads(text) for kind, text in BLOCKS if kind == "toml")
    assert toml == {"project": {"entry-points": {"vitmap.map_method": {"norm": ANY}}}}
    plugins.install(monkeypatch, "map_method", norm=toy())
    picture = scene("a.png")
    given = ["--method", "norm", "--layer", "0,2", "--size", "32", "--model", str(tiny_backbone)]
    assert main([str(picture), *given, "--out", str(tmp_path / "out")]) == 0
    assert "length of the patch's features" in capsys.readouterr().out
    maps = vitmap.read_maps(tmp_path / "out" / "a" / "maps.safetensors")

    import torch

    model, photo = vitmap.load(tiny_backbone), vitmap.read_photo(picture)
    pixels = torch.from_numpy(model.pixels(photo, model.facts.view(photo.size, 32)))
    with torch.no_grad():
        hidden = model.network(pixels, output_hidden_states=True).hidden_states
    for layer, found in zip((0, 2), maps, strict=True):
        wanted = hidden[layer + 1][0, len(model.facts.prefix) :].norm(dim=1).numpy()
        np.testing.assert_allclose(found.values.ravel(), wanted, rtol=1e-5)
    assert (maps.source.method, maps.unit) == ("norm", "length of the patch's features")
    with pytest.raises(UsageError, match="Known: attention, distance, norm"):
        METHODS.get("nrom")


ANY = "my_package.norm:NORM"


def test_what_a_method_gives_must_fit_the_grid(tiny_backbone: Path) -> None:
    model = vitmap.load(tiny_backbone)
    inputs, method = Inputs.of(model, photo_of(32, 32), 32), toy()
    keys = method.plan(model.facts, "all", "all", None)
    with pytest.raises(CaptureError, match=r"gave 3 maps of 60 patches, expected 3 of 8 × 8 = 64"):
        inputs.maps(method, keys, [np.zeros(60)] * 3)
    with pytest.raises(CaptureError, match="hold values that are no numbers"):
        inputs.maps(method, keys, [np.full((8, 8), np.nan)] * 3)


def test_there_is_no_mass_to_ask_for(tiny_backbone: Path) -> None:
    model = vitmap.load(tiny_backbone)
    method = toy()
    keys = method.plan(model.facts, -1, "all", None)
    [found] = method.maps(model, Inputs.of(model, photo_of(32, 32), 32), keys, None)
    for ask in (lambda: found.keep_mass(0.6), lambda: found.uniform, lambda: found.prefix):
        with pytest.raises(UsageError, match=r"maps of norm hold the length .* which is no mass"):
            ask()
    assert found.heatmap().values.shape == (32, 32)


def test_saved_maps_are_read_as_they_were(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, method = vitmap.load(tiny_backbone), toy()
    keys = method.plan(model.facts, "0,2", "all", None)
    maps = method.maps(model, Inputs.of(model, photo_of(32, 32), 32), keys, None)
    vitmap.write_maps(tmp_path / "maps.safetensors", maps)
    with pytest.raises(vitmap.VitmapError, match="Map method 'norm' is not known"):
        vitmap.read_maps(tmp_path / "maps.safetensors")
    plugins.install(monkeypatch, "map_method", norm=method)
    found = vitmap.read_maps(tmp_path / "maps.safetensors")
    assert isinstance(found, vitmap.Maps)
    np.testing.assert_array_equal(found.values, maps.values)
    for name in ("keys", "unit", "signed", "view", "source"):
        assert getattr(found, name) == getattr(maps, name)

    content = (tmp_path / "maps.safetensors").read_bytes()
    (tmp_path / "maps.safetensors").write_bytes(content.replace(b"keys", b"kezs"))
    with pytest.raises(vitmap.VitmapError, match=r"not a maps\.safetensors that vitmap wrote"):
        vitmap.read_maps(tmp_path / "maps.safetensors")


def test_signed_maps_are_drawn_around_zero(
    scene: Callable[..., Path],
    tiny_backbone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Signed(type(toy())):  # type: ignore[misc]
        name, unit, signed = "first", "first feature", True

        def maps(self, engine: Engine, inputs: Inputs, keys: list, _: None) -> vitmap.Maps:
            tokens = engine.run(inputs.pixels, Wants(tokens=[key.layer for key in keys])).tokens
            return inputs.maps(self, keys, [tokens[key.layer][0, :, 0] for key in keys])

    plugins.install(monkeypatch, "map_method", first=Signed())
    for pictures in ([scene("a.png")], [scene("a.png"), scene("b.png", 1)]):
        out = tmp_path / f"out-{len(pictures)}"
        given = ["--method", "first", "--size", "32", "--model", str(tiny_backbone), "--quiet"]
        assert main([*map(str, pictures), *given, "--out", str(out)]) == 0
        maps = vitmap.read_maps(out / "a" / "maps.safetensors")
        upper = record_of(out / "a")["scale"]["upper"]
        scale = Scale("any", upper, -upper)
        with Image.open(out / "a" / "L02-heatmap.png") as image:
            wanted = palette()[scale.levels(next(iter(maps)).heatmap().values)]
            np.testing.assert_array_equal(np.asarray(image.convert("RGB")), wanted)
        again = tmp_path / f"again-{len(pictures)}"
        assert main(["--replay", str(out / "a" / "run.json"), "--out", str(again), "--quiet"]) == 0
        assert contents(again / "a") == contents(out / "a")


def test_every_block_of_the_page_runs(
    scene: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "normal").mkdir()
    for number in range(3):
        scene(f"normal/0{number}.jpg", number)
    scene("part.jpg", 7, (4, 4, 12, 12))
    monkeypatch.chdir(tmp_path)
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "toml"}
    for kind, text in BLOCKS:
        if kind == "sh":
            assert main([*text.split()[1:], "--no-classify"]) == 0
            assert (tmp_path / "outputs" / "part" / "maps.png").is_file()
        elif kind == "python":
            exec(compile(text, "docs/methods.md", "exec"), {})
