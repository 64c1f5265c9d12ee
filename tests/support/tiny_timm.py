"""Tiny networks of timm's classes: random all over, with q and k scaled until rows are peaked."""

from __future__ import annotations

import inspect
from copy import deepcopy
from typing import Any

import torch
from timm.layers import LayerNorm
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import (
    ParallelScalingBlock,
    ResPostBlock,
    VisionTransformer,
)
from torch import nn
from torch.overrides import TorchFunctionMode

DATA = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), "interpolation": "bilinear"}
_SHAPE = {
    "img_size": 16,
    "patch_size": 4,
    "embed_dim": 48,
    "depth": 3,
    "num_heads": 4,
    "mlp_ratio": 2.0,
    "num_classes": 5,
}
_ANY = {"dynamic_img_size": True}
_ROPE = {"attn_type": "rope", "use_abs_pos_emb": False, "use_rot_pos_emb": True, **_ANY}
FAMILIES: dict[str, tuple[type[nn.Module], dict[str, Any], tuple[str, ...]]] = {
    "vit": (VisionTransformer, _ANY, ("CLS",)),
    "vit at its own size": (VisionTransformer, {}, ("CLS",)),
    "vit at its own oblong size": (VisionTransformer, {"img_size": (16, 24)}, ("CLS",)),
    "vit of an oblong grid": (VisionTransformer, {"img_size": (16, 36), **_ANY}, ("CLS",)),
    "clip": (VisionTransformer, {"pre_norm": True, **_ANY}, ("CLS",)),
    "dinov2": (VisionTransformer, {"init_values": 1e-5, **_ANY}, ("CLS",)),
    "dinov2 with registers": (
        VisionTransformer,
        {"init_values": 1e-5, "reg_tokens": 4, "no_embed_class": True, **_ANY},
        ("CLS", "register 0", "register 1", "register 2", "register 3"),
    ),
    "gap": (VisionTransformer, {"class_token": False, "global_pool": "avg", **_ANY}, ()),
    "gap with registers": (
        VisionTransformer,
        {"class_token": False, "global_pool": "avg", "reg_tokens": 2, **_ANY},
        ("register 0", "register 1"),
    ),
    "siglip": (VisionTransformer, {"class_token": False, "global_pool": "map", **_ANY}, ()),
    "post-norm": (VisionTransformer, {"block_fn": ResPostBlock, **_ANY}, ("CLS",)),
    "parallel, normed": (
        VisionTransformer,
        {"block_fn": ParallelScalingBlock, "qk_norm": True, **_ANY},
        ("CLS",),
    ),
    "deit distilled": (VisionTransformerDistilled, _ANY, ("CLS", "distillation")),
    "eva": (Eva, _ANY, ("CLS",)),
    "eva02": (
        Eva,
        {
            "use_rot_pos_emb": True,
            "qkv_fused": False,
            "swiglu_mlp": True,
            "scale_mlp": True,
            **_ANY,
        },
        ("CLS",),
    ),
    "eva02 at its own size": (Eva, {"use_rot_pos_emb": True, "ref_feat_shape": 3}, ("CLS",)),
    "rope, mixed": (Eva, {**_ROPE, "rope_type": "mixed"}, ("CLS",)),
    "rope, pooled": (Eva, {**_ROPE, "global_pool": "map"}, ("CLS",)),
    "dinov3": (
        Eva,
        {
            **_ROPE,
            "rope_type": "dinov3",
            "rope_temperature": 100.0,
            "rope_rotate_half": True,
            "num_reg_tokens": 4,
            "no_embed_class": True,
            "init_values": 1e-5,
            "norm_layer": LayerNorm,
        },
        ("CLS", "register 0", "register 1", "register 2", "register 3"),
    ),
    "beit": (
        Beit,
        {"use_abs_pos_emb": False, "use_rel_pos_bias": True, "init_values": 0.1},
        ("CLS",),
    ),
    "beit, shared biases": (Beit, {"use_shared_rel_pos_bias": True}, ("CLS",)),
}
if "num_kv_heads" in inspect.signature(Eva).parameters:  # not yet in the oldest timm that is taken
    grouped = {**_ROPE, "qkv_fused": False, "num_kv_heads": 2}
    FAMILIES["grouped heads"] = (Eva, grouped, ("CLS",))


def build(family: str, seed: int = 0, **options: Any) -> Any:
    """A network of a family, peaked; it brings no pretrained_cfg."""
    kind, settings, _ = FAMILIES[family]
    torch.manual_seed(seed)
    return peaked(kind(**{**_SHAPE, **settings, **options}).eval())


def peaked(network: nn.Module, factor: float = 3.0) -> nn.Module:
    """Every weight random, so that no part hides; then q and k scaled."""
    with torch.no_grad():
        for name, values in network.named_parameters():
            noise = torch.randn_like(values)
            if "freqs" in name:  # the rotations of mixed RoPE are trained, and start as they are
                continue
            if "norm" in name and name.endswith("weight"):
                values.copy_(1 + 0.1 * noise)
            elif "gamma" in name or name.endswith(("_token", "pos_embed", "latent", "bias_table")):
                values.copy_(0.5 * noise)
            elif values.dim() > 1:
                values.copy_(noise * values[0].numel() ** -0.5)
            else:
                values.copy_(0.1 * noise)
        for block in network.blocks:
            if isinstance(block, ResPostBlock):  # what it attends to is not normed: peaked already
                continue
            attention = getattr(block, "attn", block)
            normed = not isinstance(getattr(attention, "q_norm", nn.Identity()), nn.Identity)
            for scaled in _norms(attention) if normed else _projections(attention):
                scaled *= factor**0.5
    return network


def matrices(network: nn.Module, pixels: torch.Tensor) -> list[torch.Tensor]:
    """Every softmax of the same network with its attention not fused: layers, then pooling."""
    plain = deepcopy(network)
    for module in plain.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    found: list[torch.Tensor] = []

    class Softmax(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if func is torch.Tensor.softmax:
                found.append(result[0])
            return result

    with torch.no_grad(), Softmax():
        plain(pixels)
    return found


def _norms(attention: Any) -> list[torch.Tensor]:
    return [attention.q_norm.weight, attention.k_norm.weight]


def _projections(attention: Any) -> list[torch.Tensor]:
    if getattr(attention, "qkv", None) is not None:
        width = attention.qkv.weight.shape[0] // 3
        return [attention.qkv.weight[: 2 * width]]
    return [attention.q_proj.weight, attention.k_proj.weight]
