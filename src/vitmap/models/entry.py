"""How pixels go into a transformers network, family by family, and nothing on it is changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from vitmap.models.families import Family

Run = Callable[[Float[Tensor, "batch 3 y x"]], Any]

# A checkpoint's config may ask for these: transformers would then leave hooks on every layer.
_PLAIN = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}


def entry_of(
    network: nn.Module, family: Family, patch: tuple[int, int], native: tuple[int, int]
) -> Run:
    """The network as a function of pixels alone, at any size it has positions for."""
    if family.entry == "ordered":
        network = _unmasked(network)
    parameters = inspect.signature(network.forward).parameters
    asks = "interpolate_pos_encoding" in parameters or "kwargs" in parameters

    def run(pixels: Float[Tensor, "batch 3 y x"]) -> Any:
        if family.entry == "packed":
            return network(**_packed(pixels, patch), **_PLAIN)
        other = asks and tuple(pixels.shape[-2:]) != native
        options: dict[str, Any] = {"interpolate_pos_encoding": True} if other else {}
        if family.entry == "ordered":
            options["noise"] = _in_order(pixels, patch)
        return network(pixel_values=pixels, **options, **_PLAIN)

    return run


def unpacked(batch: Mapping[str, Tensor], patch: tuple[int, int]) -> Float[Tensor, "1 3 y x"]:
    """A picture back from NaFlex patches, padding left out: undoes what `entry_of` packs."""
    gy, gx = (int(side) for side in batch["spatial_shapes"][0])
    patches = batch["pixel_values"][:1, : gy * gx]
    py, px = patch
    return rearrange(patches, "b (gy gx) (py px c) -> b c (gy py) (gx px)", gy=gy, py=py, px=px)


def _packed(pixels: Float[Tensor, "batch 3 y x"], patch: tuple[int, int]) -> dict[str, Tensor]:
    """SigLIP 2 NaFlex takes patches in reading order, channels last, and the grid beside them."""
    py, px = patch
    packed = rearrange(pixels, "b c (gy py) (gx px) -> b (gy gx) (py px c)", py=py, px=px)
    batch, tokens, _ = packed.shape
    grid = torch.tensor([[pixels.shape[-2] // py, pixels.shape[-1] // px]] * batch)
    whole = torch.ones((batch, tokens), dtype=torch.int32, device=pixels.device)
    return {"pixel_values": packed, "pixel_attention_mask": whole, "spatial_shapes": grid}


def _unmasked(network: nn.Module) -> nn.Module:
    """ViT-MAE with no patch masked: the same weights under another mask ratio.

    The ratio is read from the embeddings' configuration; a copy of these two holds another one, so
    that the model that was handed over keeps its own.
    """
    network = copy(network)
    embeddings: Any = copy(network.embeddings)
    embeddings.config = copy(embeddings.config)
    embeddings.config.mask_ratio = 0.0
    network._modules = {**network._modules, "embeddings": embeddings}
    return network


def _in_order(
    pixels: Float[Tensor, "batch 3 y x"], patch: tuple[int, int]
) -> Float[Tensor, "batch token"]:
    """ViT-MAE sorts its patches by this noise, also where it masks none: rising keeps the order."""
    tokens = (pixels.shape[-2] // patch[0]) * (pixels.shape[-1] // patch[1])
    return torch.arange(tokens, device=pixels.device).float().expand(len(pixels), -1)
