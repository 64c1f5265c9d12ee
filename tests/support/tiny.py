"""Tiny Vision Transformers in the Hugging Face layout: random, peaked, or planted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from torch import nn

_SHAPE = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 32,
    "patch_size": 4,
    "image_size": 16,
}
FAMILIES = {
    "vit": ("ViTConfig", "ViTModel", {}),
    "deit": ("DeiTConfig", "DeiTModel", {}),
    "dinov2": ("Dinov2Config", "Dinov2Model", {"mlp_ratio": 2}),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        {"mlp_ratio": 2, "num_register_tokens": 4},
    ),
    "dinov3_vit": ("DINOv3ViTConfig", "DINOv3ViTModel", {"num_register_tokens": 2}),
    "beit": (
        "BeitConfig",
        "BeitModel",
        {"use_relative_position_bias": True, "use_absolute_position_embeddings": True},
    ),
    "beit, positions shared": (
        "BeitConfig",
        "BeitModel",
        {"use_shared_relative_position_bias": True, "use_mean_pooling": True},
    ),
    "vit_mae": ("ViTMAEConfig", "ViTMAEModel", {}),
    "vit_msn": ("ViTMSNConfig", "ViTMSNModel", {}),
    "ijepa": ("IJepaConfig", "IJepaModel", {}),
    "clip": ("CLIPVisionConfig", "CLIPVisionModel", {}),
    "siglip": ("SiglipVisionConfig", "SiglipVisionModel", {}),
    "siglip2": ("Siglip2VisionConfig", "Siglip2VisionModel", {"num_patches": 16}),
}
PLANTABLE = ("vit", "deit", "dinov2", "dinov2_with_registers")
PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 1 / 255,
    "size": {"height": 16, "width": 16},
}


def build(family: str, *, classes: int = 0, seed: int = 0, **shape: object) -> nn.Module:
    """A random model of a family; with `classes` one that names what it sees."""
    config_name, model_name, extra = FAMILIES[family]
    config = getattr(transformers, config_name)(**{**_SHAPE, **extra, **shape})
    torch.manual_seed(seed)
    if classes:
        config.num_labels = classes
        config.id2label = {i: f"class {i}, number {i}" for i in range(classes)}
        config.label2id = {name: i for i, name in config.id2label.items()}
        name = model_name.replace("Model", "ForImageClassification")
        return getattr(transformers, name)(config).eval()
    pooling = {"add_pooling_layer": False} if family in ("vit", "deit") else {}
    model = getattr(transformers, model_name)(config, **pooling).eval()
    return _with_positions(model)


def _with_positions(model: nn.Module) -> nn.Module:
    """Tables and tokens that start at zero (BEiT's) would hide what is read wrongly."""
    parts = ("relative_position_bias_table", "position_embeddings", "cls_token")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in parts):
                nn.init.normal_(parameter, std=0.5)
    return model


def scale_queries_and_keys(model: nn.Module, factor: float = 6.0) -> nn.Module:
    """Make rows peaked: flat rows would agree with anything."""
    with torch.no_grad():
        for projection in _projections(model, "q") + _projections(model, "k"):
            nn.init.normal_(projection.weight, std=projection.in_features**-0.5)
            projection.weight *= factor**0.5
    return model


def plant(model: nn.Module, layer: int, head: int, strength: float = 8.0) -> nn.Module:
    """Make one head of one layer look at bright patches, whatever the others do.

    Channel 0 of every token is made to carry its patch's brightness and nothing else, all the way
    up; the head's query is a constant and its key reads channel 0.
    """
    config = model.config
    dim = config.hidden_size // config.num_attention_heads
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            writes = name.endswith(("o_proj.weight", "o_proj.bias", "fc2.weight", "fc2.bias"))
            if writes or name.endswith(("out_proj.weight", "out_proj.bias")):
                parameter[0] = 0
            elif "position_embed" in name or name.endswith(("cls_token", "distillation_token")):
                nn.init.normal_(parameter, std=0.3)  # else brightness is all that a layer norm sees
                parameter[..., 0] = 0
        stem = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
        stem.weight *= 0.1
        stem.weight[0] = 1 / stem.weight[0].numel()
        stem.bias[0] = 1.0
        query, key = _projections(model, "q")[layer], _projections(model, "k")[layer]
        rows = slice(head * dim, (head + 1) * dim)
        query.weight[rows], key.weight[rows] = 0, 0
        query.bias[rows], key.bias[rows] = 0, 0
        query.bias[rows.start] = strength * dim**0.5
        key.weight[rows.start, 0] = 1
    return model


def save(model: nn.Module, folder: Path, **processor: object) -> Path:
    """The model as a folder in the hub's layout."""
    model.save_pretrained(folder)
    settings = json.dumps({**PROCESSOR, **processor})
    (folder / "preprocessor_config.json").write_text(settings)
    return folder


def _projections(model: nn.Module, role: str) -> list[nn.Linear]:
    """The query or key projections, layer by layer, under transformers' names old and new."""
    names = {"q": (".q_proj", ".query"), "k": (".k_proj", ".key")}[role]
    return [m for name, m in model.named_modules() if name.endswith(names)]
