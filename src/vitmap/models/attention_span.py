"""Attention span: how far a head looks, as the mean over all patches that ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from vitmap.models.rows import AttentionCall
from vitmap.photo.view import View


@dataclass(eq=False)
class AttentionSpans:
    """Gathers the mean attention distance of every head while a model runs.

    >>> captured = engine.run(pixels, Wants(rows={11: [[0]]}, spans=view))    # doctest: +SKIP
    >>> captured.spans[11]                                                    # doctest: +SKIP
    array([141.2, 160.8, 97.5, 155.0, 149.3, 170.1], dtype=float32)

    For each patch that asks, the distance to the patches that it attends to, weighted by its
    attention; then the mean over all of them. Distances are between middles of patches, in the
    photo's own pixels; attention on prefix tokens, which have no place, is left out of the weights.

    Source: Dosovitskiy et al. 2021, *An Image is Worth 16x16 Words*, figure 7 (right).
    """

    prefix: int
    view: View
    pixels: dict[int, Float32[np.ndarray, " head"]] = field(default_factory=dict)  # by layer

    def add(self, place: int, call: AttentionCall) -> None:
        """One layer's call: the first photo of the batch is measured."""
        (gy, gx), tokens = self.view.grid, call.key.shape[-2]
        if tokens != self.prefix + gy * gx or call.query.shape[-2] != tokens:
            return  # a pooling head asks from no place
        total = call.key.new_zeros(call.query.shape[-3], dtype=torch.float32)
        one = AttentionCall(call.query[:1], call.key[:1], _first(call.mask), call.scale)
        for some, shares in one.softmax(range(self.prefix, tokens)):
            patches = shares[0, ..., self.prefix :]
            far = self._from([token - self.prefix for token in some]).to(total.device)
            mass = patches.sum(dim=-1).clamp_min(torch.finfo(torch.float32).tiny)
            total += ((patches * far).sum(dim=-1) / mass).sum(dim=-1)
        self.pixels[place] = (total / (gy * gx)).cpu().numpy()

    def _from(self, patches: Sequence[int]) -> Float[Tensor, "some patch"]:
        """Distances of some patches to all, in pixels of the photo."""
        (height, width), (gy, gx) = self.view.source, self.view.grid
        y = (torch.arange(gy).repeat_interleave(gx) + 0.5) * (height / gy)
        x = (torch.arange(gx).repeat(gy) + 0.5) * (width / gx)
        return torch.hypot(y[patches, None] - y, x[patches, None] - x)


def _first(mask: Tensor | None) -> Tensor | None:
    return mask[:1] if mask is not None and mask.dim() == 4 else mask
