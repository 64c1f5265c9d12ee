"""`timm:NAME` → weights: from the hub, the cache, a folder; and what is prepared and named."""

from __future__ import annotations

import json
import pickle
import shutil
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

import loopback_hub
import tiny_timm
import vitmap
from closed_network import reach
from eager import tensor_of
from trap import Trap
from vitmap.errors import ModelUnavailable, UnsupportedModel, UsageError, VitmapError
from vitmap.models import hub
from vitmap.photo.read import read_photo

NAME = "test_vit.r160_in1k"  # the smallest ViT that timm publishes: 0.4 million weights
REPO = f"timm/{NAME}"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository as timm has it on the hub, with weights of this test's own."""
    torch.manual_seed(0)
    network = tiny_timm.peaked(timm.create_model(NAME))
    folder = tmp_path_factory.mktemp("repository")
    save_for_hf(network, folder, safe_serialization=True)
    (folder / "open_clip_model.safetensors").write_bytes(b"the same model for another program")
    return folder


@pytest.fixture
def photo() -> vitmap.Photo:
    rng = np.random.default_rng(1)
    return read_photo(rng.integers(0, 256, (120, 200, 3), dtype=np.uint8))


def test_a_name_comes_from_the_hub_and_then_from_the_cache(
    published: Path, photo: vitmap.Photo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with loopback_hub.serving({REPO: published}) as (url, asked):
        reach(monkeypatch, url)
        model = vitmap.load(f"timm:{NAME}")
    fetched = {path.rsplit("/", 1)[-1] for path in asked if "GET" in path and "/resolve/" in path}
    assert fetched == {"config.json", "model.safetensors"}
    assert (model.facts.source.model, model.facts.source.revision) == (
        f"timm:{NAME}",
        loopback_hub.SHA,
    )
    assert model.facts.source.versions["timm"] == timm.__version__
    weights = load_file(published / "model.safetensors")
    assert set(weights) == set(model.network.state_dict())
    for name, values in model.network.state_dict().items():
        assert torch.equal(values, weights[name])

    reach(monkeypatch, "http://127.0.0.1:9")
    for again in (NAME, f"{NAME}@main", f"{NAME}@{loopback_hub.SHA}", "test_vit"):
        cached = vitmap.load(f"timm:{again}")
        assert cached.facts.source.digest == model.facts.source.digest
    maps = vitmap.attend(cached, photo, "all", size=160)
    assert maps.view.target[0] < maps.view.target[1]
    expected = tiny_timm.matrices(cached.network, tensor_of(cached, photo, maps.view))
    for layer, matrix in enumerate(expected):
        row = np.concatenate([maps.prefix[layer], maps.values[layer].reshape(2, -1)], axis=1)
        assert (np.abs(row - matrix[:, 0].numpy()) <= 1e-5 * row.max(axis=1, keepdims=True)).all()


@pytest.mark.parametrize("prefix", ["", "timm:"])
def test_a_folder_of_timm_is_read(published: Path, photo: vitmap.Photo, prefix: str) -> None:
    model = vitmap.load(f"{prefix}{published}")
    assert model.facts.source.model == str(published)
    assert (model.facts.prefix, model.facts.heads, model.facts.any_size) == (("CLS",), 2, True)
    assert model.facts.source.digest == hub.find_checkpoint(str(published)).digest()
    assert vitmap.load(f"{prefix}{published}", classify=False).facts.labels is None
    assert vitmap.predict(model, photo).labels[0][0] in model.facts.labels.values()


def test_attention_that_the_environment_turned_off_is_turned_on(
    published: Path, photo: vitmap.Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = vitmap.attend(vitmap.load(published), photo, size=160)
    monkeypatch.setattr("timm.layers.config._USE_FUSED_ATTN", 0)
    assert not timm.create_model("test_vit").blocks[0].attn.fused_attn
    np.testing.assert_array_equal(
        vitmap.attend(vitmap.load(published), photo, size=160).values, fused.values
    )


def _edit(folder: Path, **changed: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


def _drop(folder: Path, part: str) -> None:
    kept = {n: t for n, t in load_file(folder / "model.safetensors").items() if part not in n}
    save_file(kept, folder / "model.safetensors")


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(folder / "sprung")))


DAMAGE = {
    "a missing weight": (lambda f: _drop(f, "blocks.3.attn.qkv.weight"), "blocks.3.attn.qkv.weig"),
    "a missing head": (lambda f: _drop(f, "head."), "head.weight"),
    "no weights": (lambda f: [p.unlink() for p in f.glob("*.safet*")], "weights (model.safetens"),
    "other classes": (
        lambda f: _edit(f, model_args={"num_classes": 7}),
        "its weights are for 1000 classes and 3 channels, the model has 7 and 3",
    ),
    "another family": (
        lambda f: _edit(f, architecture="swin_tiny_patch4_window7_224"),
        "a model of timm's swin_transformer, which attends within windows",
    ),
    "no such family": (
        lambda f: _edit(f, architecture="test_vitt"),
        "is not known to timm " + timm.__version__ + ": did you mean 'test_vit",
    ),
    "a pickle": (_pickled, "it cannot be read ("),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_folder_that_cannot_be_read_exactly_is_refused(
    case: str, published: Path, tmp_path: Path
) -> None:
    damage, text = DAMAGE[case]
    folder = tmp_path / "damaged"
    shutil.copytree(published, folder)
    damage(folder)
    with pytest.raises(VitmapError) as caught:
        vitmap.load(folder)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{folder}: ")
    assert "\n" not in str(caught.value)
    assert not (folder / "sprung").exists()


def test_a_siglip_without_its_pooling_head_must_bring_all_else(tmp_path: Path) -> None:
    """timm loads these loosely, since the weights of the pooling head are left over."""
    name = "vit_base_patch16_siglip_gap_224"
    small = {"embed_dim": 48, "depth": 2, "num_heads": 4, "img_size": 32}
    network = timm.create_model(name, **small)
    save_for_hf(network, tmp_path, model_args=small, safe_serialization=True)
    assert vitmap.load(tmp_path).facts.depth == 2
    _drop(tmp_path, "blocks.1.mlp")
    with pytest.raises(UnsupportedModel, match=r"are missing from the checkpoint \(4: blocks\.1\."):
        vitmap.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("timm:test_vitt", ModelUnavailable, "timm:test_vitt is not known to timm"),
        ("timm:test_vitt", ModelUnavailable, ": did you mean 'test_vit"),
        ("timm:test_vit.none", ModelUnavailable, "Published: test_vit.r160_in1k."),
        ("timm:vit_tiny_patch16_384.x", ModelUnavailable, "no weights on the hub"),
        ("timm:test_vit4", ModelUnavailable, "None are published for it."),
        ("timm:resnet50", UnsupportedModel, "timm:resnet50: a model of timm's resnet. Maps can"),
        ("timm:naflexvit_base_patch16_gap", VitmapError, "timm:naflexvit_base_patch16_gap: "),
        ("timm:./none", ModelUnavailable, "./none: no such folder."),
        (
            "tim:x",
            UsageError,
            "Model library 'tim' is not known: did you mean 'timm'? Known: timm,",
        ),
    ],
)
def test_names_that_lead_nowhere(name: str, error: type[VitmapError], text: str) -> None:
    with pytest.raises(error) as caught:
        vitmap.load(name)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_third_party_adds_a_library_by_an_entry_point(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(name: str, precision: str, device: str, classify: bool) -> object:
        assert (name, precision, device, classify) == ("small", "fp32", "cpu", False)
        return vitmap.load(published)

    def entry_points(group: str) -> list[object]:
        found = [SimpleNamespace(name="mine", load=lambda: read)]
        return found if group == "vitmap.model_library" else []

    monkeypatch.setattr("vitmap.registry.entry_points", entry_points)
    assert vitmap.load("mine:small", device="cpu", classify=False).facts.depth == 6
    with pytest.raises(UsageError, match="Known: mine, timm, torchvision"):
        vitmap.load("yours:small")


def test_a_closed_network_is_answered_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelUnavailable, match="it is not in the local cache, and HF_HUB_OFFLINE"):
        vitmap.load(f"timm:{NAME}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reach(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(hub, "DEADLINE", 0.7)
        begun = time.monotonic()
        with pytest.raises(ModelUnavailable, match=rf"{REPO}: the hub .* `hf download {REPO}`"):
            vitmap.load(f"timm:{NAME}")
        assert time.monotonic() - begun < 4


def test_a_missing_timm_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "vitmap.models.timm", raising=False)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ModelUnavailable, match=r"needs timm.*: pip install 'vitmap\[timm\]'\."):
        vitmap.load(f"timm:{NAME}")


def test_a_photo_is_prepared_as_timm_prepares_it(photo: vitmap.Photo) -> None:
    network = timm.create_model("test_vit", dynamic_img_size=True).eval()
    model = vitmap.from_timm(network)
    settings = timm.data.resolve_data_config(model=network)
    theirs = timm.data.create_transform(**settings)(Image.fromarray(photo.pixels))
    assert torch.equal(torch.from_numpy(model.classifier_pixels(photo))[0], theirs)
    whole = timm.data.create_transform(**{**settings, "crop_pct": 1.0, "crop_mode": "squash"})
    ours = tensor_of(model, photo, model.facts.view(photo.size, 160, "squash"))
    torch.testing.assert_close(ours[0], whole(Image.fromarray(photo.pixels)))


def test_labels_are_the_checkpoints_own_or_imagenets_or_numbers() -> None:
    named = timm.create_model("test_vit.r160_in1k").eval()
    assert vitmap.from_timm(named).facts.labels[281] == "tabby, tabby cat"
    own = timm.create_model("test_vit", num_classes=3).eval()
    assert vitmap.from_timm(own).facts.labels == {0: "class 0", 1: "class 1", 2: "class 2"}
    own.pretrained_cfg["label_names"] = ["good", "scratch", "dent"]
    own.pretrained_cfg["label_descriptions"] = {"dent": "a dent"}
    assert vitmap.from_timm(own).facts.labels == {0: "good", 1: "scratch", 2: "a dent"}
    own.reset_classifier(0)
    assert vitmap.from_timm(own).facts.labels is None
    untagged = timm.create_model("test_vit", pretrained_cfg={"num_classes": 1000}).eval()
    assert vitmap.from_timm(untagged).facts.labels[7] == "class 7"
