"""Which of timm's models are plain ViTs; all others are refused by name."""

from __future__ import annotations

import difflib
from typing import Any

import timm
from timm.layers import Attention, AttentionRope, PatchEmbed
from timm.models import beit, deit, eva, vision_transformer

from vitmap.errors import ModelUnavailable, UnsupportedModel
from vitmap.models.families import windowed

# The classes whose tokens are known, and the modules whose names build them. BEiT's biases fit one
# grid; the others hold positions that timm itself resamples to any grid in each forward.
_CLASSES = (
    vision_transformer.VisionTransformer,
    deit.VisionTransformerDistilled,
    eva.Eva,
    beit.Beit,
)
RESAMPLED = {vision_transformer.__name__, deit.__name__, eva.__name__}
_MODULES = {*RESAMPLED, beit.__name__}

# One call to scaled_dot_product_attention over all tokens. Differential attention, for one, makes
# two and subtracts: neither is the row that the model uses.
_ATTENTION = (
    Attention,
    AttentionRope,
    eva.EvaAttention,
    beit.Attention,
    vision_transformer.ParallelScalingBlock,
)


def unknown(given: str, name: str) -> ModelUnavailable:
    near = difflib.get_close_matches(name, timm.list_models(), n=1)
    near = near or difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=1)
    hint = f": did you mean {near[0]!r}?" if near else "."
    return ModelUnavailable(f"{given} is not known to timm {timm.__version__}{hint}")


def require_module(source: str, name: str) -> str:
    """The module that builds a model; others are refused before anything is fetched."""
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise unknown(f"{source}: architecture {architecture!r}", architecture)
    module = str(timm.model_entrypoint(architecture).__module__)
    if module not in _MODULES:
        raise _refused(source, module.removeprefix("timm.models."))
    return module


def _refused(source: str, kind: str) -> UnsupportedModel:
    within = windowed(kind) or "sam" in kind.lower()  # timm's image encoder of SAM
    why = ", which attends within windows: no row of it covers the photo" if within else ""
    return UnsupportedModel(
        f"{source}: a model of timm's {kind}{why}. Maps can be read exactly from timm's "
        f"{', '.join(kind.__name__ for kind in _CLASSES)}."
    )


def require_plain(source: str, network: Any) -> None:
    """Raises UnsupportedModel for a class, a stem or an attention whose tokens are not known."""
    if type(network) not in _CLASSES:
        raise _refused(source, type(network).__name__)
    stem = network.patch_embed
    if getattr(stem, "dynamic_img_pad", False):
        raise UnsupportedModel(
            f"{source}: it pads photos to whole patches (dynamic_img_pad), which no patch of the "
            "photo stands for: make it with dynamic_img_size=True alone."
        )
    if type(stem) is not PatchEmbed or stem.proj.in_channels != 3 or stem.img_size is None:
        raise UnsupportedModel(
            f"{source}: its patches come from {type(stem).__name__} over "
            f"{getattr(getattr(stem, 'proj', None), 'in_channels', 'unknown')} channels: expected "
            "PatchEmbed over 3, with a size that it was trained at."
        )
    for place, block in enumerate(network.blocks):
        attention = getattr(block, "attn", block)
        if type(attention) not in _ATTENTION:
            known = dict.fromkeys(kind.__name__ for kind in _ATTENTION)
            raise UnsupportedModel(
                f"{source}: layer {place} attends through {type(attention).__name__}; rows can be "
                f"read exactly from {', '.join(known)}."
            )
