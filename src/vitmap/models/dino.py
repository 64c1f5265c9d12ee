"""A checkpoint in DINO's own format: a `.pth` file of facebookresearch/dino or of your own run."""

from __future__ import annotations

import argparse
import hashlib
import math
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import Source
from vitmap.models.preprocess import Preprocess
from vitmap.models.torch_engine import TorchEngine, parse_device
from vitmap.photo.read import Photo

SUFFIXES = (".pth", ".pt", ".bin")

# Width → heads in DINO's vision_transformer.py: vit_tiny, vit_small, vit_base. Weights do not tell.
_HEADS = {192: 3, 384: 6, 768: 12}

# DINO's names → those of the same part in transformers' ViT checkpoints.
_STEM = {
    "cls_token": "embeddings.cls_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
_LAYER = {
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def read(file: Path, precision: str = "fp32", device: str = "auto") -> TorchEngine:
    """The backbone of a DINO checkpoint: its weights alone, or the teacher of a training run.

    Photos are prepared as DINO's visualize_attention.py does, by bilinear resampling and with
    ImageNet's mean and std.

    Raises UnsupportedModel for any other format, naming the keys that were seen, and for a file
    with anything but weights in it, of which nothing is run.
    """
    from vitmap.models.hf import from_transformers, vit_from_state

    found, part = _weights(file, _open(file))
    config, state = _converted(file, found)
    network = vit_from_state(config, state).to(parse_device(device))
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    engine = from_transformers(network, None, Source(str(file), digest=digest))
    look = Preprocess(resample=int(Image.Resampling.BILINEAR))

    native = engine.facts.native

    def prepare(photo: Photo, size: tuple[int, int] | None) -> Float[Tensor, "1 3 y x"]:
        return look(photo, size or native)

    facts = replace(engine.facts, name=f"{file}{part}")
    engine = replace(engine, facts=facts, prepare=prepare)
    return engine.in_bf16() if precision == "bf16" else engine


def _open(file: Path) -> Any:
    """What the file holds: tensors, and the options that DINO keeps in a Namespace."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's version: it opens, or is refused
            return torch.load(
                file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
            )
    except pickle.UnpicklingError as error:
        asks = re.search(r"GLOBAL (\S+)|class (\S+)", str(error))
        what = next((name for name in asks.groups() if name), "") if asks else ""
        raise UnsupportedModel(
            f"{file}: it holds more than weights{f' ({what})' if what else ''}; it was not "
            "unpickled, and nothing in it ran."
        ) from error
    except Exception as error:  # zipfile, torch and the operating system each raise their own
        raise UnsupportedModel(
            f"{file}: it cannot be read as weights that torch saved ({type(error).__name__})."
        ) from error


def _weights(file: Path, found: Any) -> tuple[dict[str, Tensor], str]:
    """The bare weights of one network, and which of several it is."""
    part = ""
    if isinstance(found, Mapping) and isinstance(found.get("teacher"), Mapping):
        found, part = found["teacher"], " (teacher)"
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    ):
        seen = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise _refused(file, seen)
    names = ((re.sub(r"^(module\.|backbone\.)+", "", name), name) for name in found)
    return {short: found[name] for short, name in names if not short.startswith("head.")}, part


def _converted(file: Path, found: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and weights under transformers' names: every key known, every shape fitting."""
    depth = len({name.split(".")[1] for name in found if name.startswith("blocks.")})
    known = {*_STEM, *(f"blocks.{i}.{name}" for i in range(depth) for name in _layer_names())}
    unknown, missing = sorted(set(found) - known), sorted(known - set(found))
    if not depth or unknown:
        raise _refused(file, _some(unknown) or _some(sorted(found)) or "nothing")
    if missing:
        raise UnsupportedModel(
            f"{file}: weights are missing from the checkpoint ({len(missing)}: {_some(missing)})."
        )

    stem, positions = found["patch_embed.proj.weight"], found["pos_embed"]
    width = stem.shape[0]
    if width not in _HEADS:
        raise UnsupportedModel(
            f"{file}: tokens of {width} numbers; weights do not tell the number of heads, and it "
            "is known for DINO's own widths only: "
            f"{', '.join(f'{known} ({heads} heads)' for known, heads in _HEADS.items())}."
        )
    # DINO is trained on square crops: its own code reads the grid's side so, too.
    side = math.isqrt(max(1, positions.numel() // width - 1))
    hidden = found["blocks.0.mlp.fc1.weight"].shape[0]
    _require_shapes(file, found, _shapes(width, hidden, stem.shape[-1], side))
    state = {new: found[old] for old, new in _STEM.items()}
    for place in range(depth):
        old, new = f"blocks.{place}", f"encoder.layer.{place}"
        for kind in ("weight", "bias"):
            qkv = found[f"{old}.attn.qkv.{kind}"].chunk(3)
            for role, values in zip(("query", "key", "value"), qkv, strict=True):
                state[f"{new}.attention.attention.{role}.{kind}"] = values
            for name, other in _LAYER.items():
                state[f"{new}.{other}.{kind}"] = found[f"{old}.{name}.{kind}"]
    config = {
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": _HEADS[width],
        "intermediate_size": hidden,
        "patch_size": stem.shape[-1],
        "image_size": side * stem.shape[-1],
        "layer_norm_eps": 1e-6,
        "qkv_bias": True,
    }
    return config, {name: values.float() for name, values in state.items()}


def _layer_names() -> list[str]:
    parts = ["attn.qkv", *_LAYER]
    return [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]


def _shapes(width: int, hidden: int, patch: int, side: int) -> dict[str, tuple[int, ...]]:
    """The shape of each part, by the end of its name."""
    return {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + side * side, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "attn.qkv.weight": (3 * width, width),
        "attn.qkv.bias": (3 * width,),
        "attn.proj.weight": (width, width),
        "mlp.fc1.weight": (hidden, width),
        "mlp.fc1.bias": (hidden,),
        "mlp.fc2.weight": (width, hidden),
        "": (width,),  # norms, and the other biases
    }


def _require_shapes(
    file: Path, found: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    for name, values in found.items():
        expected = next(shape for end, shape in shapes.items() if name.endswith(end))
        if tuple(values.shape) != expected:
            raise UnsupportedModel(
                f"{file}: {name} has the shape {tuple(values.shape)}: expected {expected}."
            )


def _refused(file: Path, seen: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{file}: not a checkpoint in DINO's own format; seen: {seen}. Expected the weights of "
        "its vision_transformer.py (cls_token, pos_embed, blocks.0.attn.qkv.weight, …), or a "
        "training run's with a teacher. Other models load from a folder in their library's layout."
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
