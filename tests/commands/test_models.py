"""`vitmap models`: the catalog says of each model what loading it would show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
import vitmap as api
from command import Command
from vitmap.models.families import FAMILIES


@pytest.fixture
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Places for snapshots in an empty cache of the hub: hub_cache("owner/name")."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def place(name: str) -> Path:
        home = cache / f"models--{name.replace('/', '--')}"
        (home / "refs").mkdir(parents=True)
        (home / "refs" / "main").write_text("0" * 40)
        snapshot = home / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        return snapshot

    return place


def listed(vitmap: Command) -> dict[str, dict]:
    code, out, err = vitmap("models", "--json")
    assert (code, err) == (0, [])
    return {entry["name"]: entry for entry in json.loads("\n".join(out))["models"]}


@pytest.fixture
def vitmap(capfd: pytest.CaptureFixture[str]) -> Command:
    from command import command

    return command(capfd)


@pytest.mark.parametrize("family", ["vit", "deit", "dinov2_with_registers", "dinov3_vit", "siglip"])
def test_the_catalog_agrees_with_the_loaded_model(
    family: str, hub_cache: Callable[[str], Path], vitmap: Command
) -> None:
    classes = 7 if family in ("vit", "deit") else 0
    tiny.save(tiny.build(family, classes=classes), hub_cache("me/mine"))
    entry, model = listed(vitmap)["me/mine"], api.load("me/mine")
    assert entry["family"].removesuffix("_vision_model") == family
    assert entry["patch"] == model.facts.patch[0]
    assert (entry["layers"], entry["heads"]) == (model.facts.depth, model.facts.heads)
    assert tuple(entry["prefix"]) == model.facts.prefix
    assert entry["labels"] == (classes or None)
    assert entry["trouble"] is None


def test_what_a_config_leaves_out_is_filled_in(
    hub_cache: Callable[[str], Path], vitmap: Command
) -> None:
    folder = tiny.save(tiny.build("vit", num_hidden_layers=12), hub_cache("me/short"))
    settings = json.loads((folder / "config.json").read_text())
    del settings["num_hidden_layers"]  # 12 is the class's own default
    (folder / "config.json").write_text(json.dumps(settings))
    assert listed(vitmap)["me/short"]["layers"] == api.load("me/short").facts.depth == 12


BROKEN = {
    '{"model_type": "swin"}': "attends within windows",
    '{"model_type": "resnet"}': "no plain ViT that vitmap knows",
    "{": "config.json cannot be read (JSONDecodeError)",
    '{"model_type": "vit", "patch_size": [], "num_hidden_layers": 1, "num_attention_heads": 1}': (
        "config.json cannot be read (IndexError)"
    ),
    '{"model_type": "vit", "patch_size": "x"}': "config.json cannot be read (UnsupportedModel)",
    "[]": "config.json cannot be read (ValueError)",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_read_is_listed_with_its_reason(
    text: str, hub_cache: Callable[[str], Path], vitmap: Command
) -> None:
    (hub_cache("me/odd") / "config.json").write_text(text)
    assert listed(vitmap)["me/odd"]["trouble"] == BROKEN[text]
    code, out, _ = vitmap("models")
    assert code == 0
    assert f"  me/odd: no maps ({BROKEN[text]})" in out


def test_a_model_without_weights_says_so(hub_cache: Callable[[str], Path], vitmap: Command) -> None:
    folder = tiny.save(tiny.build("vit"), hub_cache("me/empty"))
    (folder / "model.safetensors").unlink()
    assert listed(vitmap)["me/empty"]["trouble"] == "no weights in the cache"


def test_files_of_torchvision_are_named_as_load_takes_them(
    hub_cache: Callable[[str], Path], vitmap: Command, tmp_path: Path
) -> None:
    hub_cache("me/any")
    place = tmp_path / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    (place / "vit_l_32-c7638314.pth").write_bytes(b"0" * 2_000_000)
    entry = listed(vitmap)["torchvision:vit_l_32"]
    assert (entry["patch"], entry["layers"], entry["heads"]) == (32, 24, 16)
    assert entry["megabytes"] == 2


def test_the_table_for_people(hub_cache: Callable[[str], Path], vitmap: Command) -> None:
    tiny.save(tiny.build("dinov2_with_registers"), hub_cache("me/mine"))
    code, out, err = vitmap("models")
    assert (code, err, out[0]) == (0, [], "On this machine:")
    assert out[1].split() == [
        "model",
        "family",
        "patch",
        "layers",
        "×",
        "heads",
        "prefix",
        "tokens",
        "classes",
        "weights",
    ]
    assert out[2].split()[:7] == ["embedded", "vit", "16", "px", "6", "×", "6"]
    registers = "CLS, register 0, register 1, register 2, register 3"
    assert f"dinov2_with_registers  4 px   3 × 3           {registers}" in out[3]
    for family in FAMILIES:
        assert any(line.split()[:1] == [family] for line in out) or "_vision_model" in family


def test_a_cache_that_is_a_file_is_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vitmap: Command
) -> None:
    from huggingface_hub import constants

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert list(listed(vitmap)) == ["embedded"]


def test_an_empty_machine_has_the_embedded_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vitmap: Command
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nowhere"))
    assert list(listed(vitmap)) == ["embedded"]


def test_nothing_heavy_is_imported_for_it(tmp_path: Path) -> None:
    code = (
        "import sys; from vitmap.commands import main; assert main(['models']) == 0;"
        "assert not {'torch', 'transformers', 'timm', 'torchvision'} & set(sys.modules)"
    )
    environment = {"HF_HUB_CACHE": str(tmp_path), "TORCH_HOME": str(tmp_path), "PATH": "/usr/bin"}
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def test_a_model_of_timm_is_shown_by_its_shape(
    hub_cache: Callable[[str], Path], vitmap: Command
) -> None:
    timm = pytest.importorskip("timm")
    network = timm.create_model("test_vit.r160_in1k", pretrained=False)
    timm.models.save_for_hf(network, str(hub_cache("timm/test_vit.r160_in1k")))
    entry = listed(vitmap)["timm:test_vit.r160_in1k"]
    model = api.load("timm:test_vit.r160_in1k")
    assert (entry["family"], entry["trouble"]) == ("test_vit", None)
    shape = (model.facts.patch[0], model.facts.depth, model.facts.heads)
    assert (entry["patch"], entry["layers"], entry["heads"]) == shape
    assert (tuple(entry["prefix"]), entry["labels"]) == (model.facts.prefix, 1000)
