"""A checkpoint in DINO's own format: there and back, the teacher chosen, nothing else read."""

from __future__ import annotations

import argparse
import hashlib
import pickle
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

import tiny
import vitmap
from eager import tensor_of
from trap import Trap
from vitmap.errors import ModelUnavailable, UnsupportedModel, VitmapError
from vitmap.photo.read import read_photo

# transformers' names → DINO's, written by hand from DINO's vision_transformer.py.
NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "attention.o_proj": "attn.proj",
    "layers.": "blocks.",
    "layernorm.": "norm.",
}
SHAPE = {"hidden_size": 192, "intermediate_size": 256, "num_hidden_layers": 2, "patch_size": 4}


def vit(seed: int = 0, **shape: Any) -> Any:
    """DINO's vit_tiny, but of two layers: its norms' epsilon is not transformers' default."""
    network = tiny.build("vit", seed=seed, layer_norm_eps=1e-6, **{**SHAPE, **shape})
    with torch.no_grad():
        for values in network.parameters():
            values += 0.05 * torch.randn_like(values)
    return tiny.scale_queries_and_keys(network, 3.0)


def dino_state(network: Any) -> dict[str, torch.Tensor]:
    """The same weights under DINO's names, q, k and v in one."""
    state, theirs = {}, network.state_dict()
    for name, values in theirs.items():
        if "k_proj" in name or "v_proj" in name:
            continue
        if "q_proj" in name:
            values = torch.cat([theirs[name.replace("q_proj", role)] for role in QKV])
            name = name.replace("attention.q_proj", "attn.qkv")
        for old, new in NAMES.items():
            name = name.replace(old, new)
        state[name] = values.clone()
    return state


QKV = ("q_proj", "k_proj", "v_proj")
HEAD = {"head.mlp.0.weight": torch.zeros(4, 192), "head.last_layer.weight_g": torch.zeros(9, 1)}


def of_a_run(state: dict[str, torch.Tensor], student: dict[str, torch.Tensor]) -> dict[str, Any]:
    """What main_dino.py writes after an epoch."""
    return {
        "student": {f"module.backbone.{k}": v for k, v in student.items()},
        "teacher": {f"backbone.{k}": v for k, v in state.items()} | HEAD,
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]},
        "epoch": 100,
        "args": argparse.Namespace(arch="vit_tiny", patch_size=4, lr=5e-4),
        "dino_loss": {"center": torch.zeros(1, 9)},
    }


WRITTEN: dict[str, Callable[[Any, Any], Any]] = {
    "the backbone alone": lambda state, _: state,
    "the backbone, by its module": lambda state, _: {f"module.{k}": v for k, v in state.items()},
    "a run, with a student": of_a_run,
}


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
@pytest.mark.parametrize("form", WRITTEN)
def test_there_and_back_the_rows_are_the_same(form: str, suffix: str, tmp_path: Path) -> None:
    network, student = vit(seed=1), vit(seed=2)
    file = tmp_path / f"checkpoint{suffix}"
    torch.save(WRITTEN[form](dino_state(network), dino_state(student)), file)
    model = vitmap.load(file)
    assert (model.facts.depth, model.facts.heads, model.facts.native, model.facts.patch) == (
        2,
        3,
        (16, 16),
        (4, 4),
    )
    assert model.facts.source.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert model.facts.source.model == str(file)
    assert model.facts.name == str(file) + (" (teacher)" if "run" in form else "")

    photo = read_photo(np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8))
    for size, fit in ((16, "squash"), (32, "keep")):
        maps = vitmap.attend(model, photo, "all", size=size, fit=fit)
        pixels = tensor_of(model, photo, maps.view)
        for other, same in ((network, True), (student, False)):
            eager = deepcopy(other)
            eager.set_attn_implementation("eager")
            with torch.no_grad():
                rows = eager(
                    pixels, output_attentions=True, interpolate_pos_encoding=True
                ).attentions
            for layer, matrix in enumerate(rows):
                wanted = matrix[0, :, 0].numpy()
                patches = maps.values[layer].reshape(3, -1)
                captured = np.concatenate([maps.prefix[layer], patches], axis=1)
                tolerance = 1e-5 * wanted.max(axis=1, keepdims=True)
                assert (np.abs(captured - wanted) <= tolerance).all() == same
        assert (torch.stack(rows).max(dim=-1).values * maps.values[0, 0].size).median() > 3


def test_photos_are_prepared_as_dino_prepares_them(tmp_path: Path) -> None:
    torch.save(dino_state(vit()), tmp_path / "dino.pth")
    model = vitmap.load(tmp_path / "dino.pth")
    photo = read_photo(np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8))
    theirs = transforms.Compose(  # visualize_attention.py
        [
            transforms.Resize((32, 32)),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )(Image.fromarray(photo.pixels))
    ours = tensor_of(model, photo, model.facts.view(photo.size, 32, "squash"))[0]
    torch.testing.assert_close(ours, theirs)
    assert model.facts.labels is None


def test_precision_is_the_one_asked_for(tmp_path: Path) -> None:
    torch.save({k: v.half() for k, v in dino_state(vit()).items()}, tmp_path / "half.pth")
    assert vitmap.load(tmp_path / "half.pth").facts.source.precision == "fp32"
    assert vitmap.load(tmp_path / "half.pth", precision="bf16").facts.source.precision == "bf16"


def changed(**values: Any) -> Callable[[], Any]:
    """The backbone alone with some of its weights replaced, or left out where None."""

    def change() -> Any:
        state = {**dino_state(vit()), **{k.replace("__", "."): v for k, v in values.items()}}
        return {k: v for k, v in state.items() if v is not None}

    return change


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "dinov2": (
        changed(blocks__0__ls1__gamma=torch.ones(192), mask_token=torch.zeros(1, 192)),
        "not a checkpoint in DINO's own format; seen: blocks.0.ls1.gamma, mask_token. Expected",
    ),
    "mae": (lambda: {"model": dino_state(vit())}, "seen: model. Expected the weights of its"),
    "a student alone": (
        lambda: {"student": dino_state(vit()), "epoch": 3},
        "seen: student, epoch. Expected",
    ),
    "a resnet": (lambda: {"conv1.weight": torch.ones(3)}, "seen: conv1.weight. Expected"),
    "a list": (lambda: [1, 2], "seen: list. Expected"),
    "a missing layer": (
        changed(blocks__1__attn__qkv__bias=None, norm__weight=None),
        "weights are missing from the checkpoint (2: blocks.1.attn.qkv.bias, norm.weight).",
    ),
    "a wrong shape": (
        changed(blocks__1__attn__qkv__weight=torch.ones(192, 192)),
        "blocks.1.attn.qkv.weight has the shape (192, 192): expected (576, 192).",
    ),
    "an oblong grid": (
        changed(pos_embed=torch.zeros(1, 13, 192)),
        "pos_embed has the shape (1, 13, 192): expected (1, 10, 192).",
    ),
    "another width": (
        lambda: dino_state(vit(hidden_size=96)),
        "tokens of 96 numbers; weights do not tell the number of heads, and it is known for "
        "DINO's own widths only: 192 (3 heads), 384 (6 heads), 768 (12 heads).",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_formats_are_refused_by_what_was_seen(case: str, tmp_path: Path) -> None:
    build, text = REFUSED[case]
    torch.save(build(), tmp_path / "x.pth")
    with pytest.raises(UnsupportedModel) as caught:
        vitmap.load(tmp_path / "x.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'x.pth'}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["torch", "pickle", "inside"])
def test_a_file_with_more_than_weights_is_not_run(written: str, tmp_path: Path) -> None:
    trap, file = Trap(tmp_path / "sprung"), tmp_path / "evil.pth"
    if written == "pickle":
        file.write_bytes(pickle.dumps({"teacher": trap}))
    else:
        state = dino_state(vit())
        torch.save({"teacher": state, "args": trap} if written == "inside" else trap, file)
    with pytest.raises(UnsupportedModel) as caught:
        vitmap.load(file)
    assert "holds more than weights" in str(caught.value)
    assert str(caught.value).endswith("; it was not unpickled, and nothing in it ran.")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()
    torch.load(file, weights_only=False) if written != "pickle" else pickle.loads(file.read_bytes())
    assert (tmp_path / "sprung").exists(), "the trap would have sprung"


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_broken_file_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.pth").write_bytes(content)
    with pytest.raises(VitmapError) as caught:
        vitmap.load(tmp_path / "broken.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'broken.pth'}: it ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"none\.pth: no such file\."):
        vitmap.load(tmp_path / "none.pth")
