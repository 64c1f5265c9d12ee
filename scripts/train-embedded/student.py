"""The student: a plain Hugging Face ``ViTModel``, and its last layer's attention by hand."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from transformers import AttentionInterface, ViTConfig, ViTModel

PATCH = 16
NATIVE = 224
MEAN = STD = (0.5, 0.5, 0.5)

# Six heads, so that each can take the part of one of the teacher's six. Few wide layers rather
# than twelve narrow ones: on a CPU attention's backward pass, not the matrix products, is dear.
CONFIG = {
    "hidden_size": 288,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "intermediate_size": 864,
    "image_size": NATIVE,
    "patch_size": PATCH,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "layer_norm_eps": 1e-6,
}


def _dense_attention(_module, query, key, value, _mask, scaling=None, **_):
    """Softmax in the products' own precision: torch's fused CPU kernel is 2x slower backwards."""
    weights = ((query * scaling) @ key.transpose(-1, -2)).softmax(-1)
    return (weights @ value).transpose(1, 2), weights


AttentionInterface.register("dense", _dense_attention)


@dataclass(frozen=True)
class Seen:
    """One forward pass, as the losses need it."""

    entry: Float[Tensor, "view token d"]  # what the last layer's queries and keys are made of
    logits: Float[Tensor, "view head row token"]  # last layer, before the softmax
    features: Float[Tensor, "view token d"]  # the model's output


def build(device: torch.device) -> ViTModel:
    """A student with random weights and two-dimensional sin-cos positions."""
    model = ViTModel(ViTConfig(**CONFIG), add_pooling_layer=False)
    with torch.no_grad():
        model.embeddings.position_embeddings[:, 1:] = _sincos(
            NATIVE // PATCH, CONFIG["hidden_size"]
        )
    model.set_attn_implementation(attention(device))
    return model.to(device)


def attention(device: torch.device) -> str:
    """The faster attention for training on this device."""
    return "dense" if device.type == "cpu" else "sdpa"


def normalise(pixels: UInt8[Tensor, "view y x 3"]) -> Float[Tensor, "view 3 y x"]:
    """0..255 to -1..1, channels first."""
    return rearrange(pixels, "view y x c -> view c y x").float() / 127.5 - 1


def see(
    model: ViTModel, images: Float[Tensor, "view 3 y x"], rows: slice | Tensor = slice(0, 1)
) -> Seen:
    """Run the model and keep the last layer's attention for the query tokens ``rows`` (CLS)."""
    state = model.embeddings(images, interpolate_pos_encoding=True)
    for layer in model.layers[:-1]:
        state = layer(state)
    last = model.layers[-1]
    entry = last.layernorm_before(state)
    attention = last.attention
    q = rearrange(attention.q_proj(entry), "v n (h d) -> v h n d", d=attention.head_dim)
    k = rearrange(attention.k_proj(entry), "v n (h d) -> v h n d", d=attention.head_dim)
    logits = (q[:, :, rows] * attention.scaling) @ k.transpose(-1, -2)
    return Seen(entry, logits, model.layernorm(last(state)))


def cls_map(logits: Float[Tensor, "view head row token"]) -> Float[Tensor, "view patch"]:
    """Head mean of the CLS row over the patches, as probabilities among them."""
    mass = logits[:, :, 0].float().softmax(-1).mean(1)[:, 1:]
    return mass / mass.sum(-1, keepdim=True)


class Bridge(nn.Module):
    """Linear maps from the student's width to the teacher's; used in training, then dropped."""

    def __init__(self, width: int, teacher_width: int) -> None:
        super().__init__()
        self.entry = nn.Linear(width, teacher_width)
        self.features = nn.Linear(width, teacher_width)


def _sincos(grid: int, width: int) -> Float[Tensor, "patch width"]:
    frequencies = 1 / 10000 ** (torch.arange(width // 4) / (width // 4))
    angles = torch.arange(grid)[:, None] * frequencies
    axis = torch.cat([angles.sin(), angles.cos()], dim=1)  # (grid, width / 2)
    rows = axis[:, None].expand(grid, grid, -1)
    columns = axis[None].expand(grid, grid, -1)
    # Scaled down to the size of fresh patch embeddings, so that content is heard from the start.
    return 0.25 * rearrange(torch.cat([rows, columns], dim=-1), "gy gx width -> (gy gx) width")
