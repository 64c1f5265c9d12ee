"""The teacher: a DINOv2-small backbone, read at the entry of its last layer.

From that one hidden state follow all rows of the last layer's attention, for every query and
head, and the final patch features. So one cached tensor per view supervises everything.
"""

from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import interpolate
from transformers import Dinov2Model

PATCH = 14
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Teacher(nn.Module):
    """Frozen; the grid it is run on is the student's, at 14 px a patch instead of 16."""

    def __init__(self, folder: Path, attention: str = "sdpa") -> None:
        super().__init__()
        self.backbone = Dinov2Model.from_pretrained(folder, dtype=torch.float32).eval()
        self.backbone.set_attn_implementation(attention)
        self.backbone.requires_grad_(False)
        self.last = self.backbone.encoder.layer[-1]
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def hidden(
        self, pixels: UInt8[Tensor, "view y x 3"], grid: int
    ) -> Float[Tensor, "view token d"]:
        """The hidden state that enters the last layer, for views shrunk to ``14 * grid`` px."""
        channels = rearrange(pixels, "view y x c -> view c y x").float()
        side = PATCH * grid
        shrunk = interpolate(
            channels, size=(side, side), mode="bicubic", antialias=True, align_corners=False
        )
        state = self.backbone.embeddings((shrunk.clamp(0, 255) / 255 - self.mean) / self.std)
        for layer in self.backbone.encoder.layer[:-1]:
            state = layer(state)
        return state

    def entry(self, hidden: Float[Tensor, "view token d"]) -> Float[Tensor, "view token d"]:
        """The state as the last layer's queries and keys see it: after its first norm."""
        return self.last.norm1(hidden)

    def logits(
        self, entry: Float[Tensor, "view token d"], rows: slice | Tensor
    ) -> Float[Tensor, "view head row token"]:
        """Attention before the softmax, for the query tokens ``rows``."""
        attention = self.last.attention
        q = rearrange(
            attention.q_proj(entry[:, rows]), "v n (h d) -> v h n d", d=attention.head_dim
        )
        k = rearrange(attention.k_proj(entry), "v n (h d) -> v h n d", d=attention.head_dim)
        return (q * attention.scaling) @ k.transpose(-1, -2)

    def features(self, hidden: Float[Tensor, "view token d"]) -> Float[Tensor, "view token d"]:
        """The backbone's output: last layer and final norm applied to a cached hidden state."""
        return self.backbone.layernorm(self.last(hidden))
