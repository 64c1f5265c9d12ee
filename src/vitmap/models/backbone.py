"""Backbone: a loaded Vision Transformer with what a capture must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitmap.errors import UnsupportedModel, UsageError
from vitmap.geometry import View
from vitmap.images import Photo
from vitmap.maps import Source


@dataclass(frozen=True, eq=False)
class Backbone:
    """A plain ViT: `blocks` run one after the other, each attends once over prefix + patches.

    `network` is the whole model, `trunk` the part that ends with the last block's tokens; they are
    the same object where the checkpoint has no classifier.
    """

    name: str
    network: nn.Module
    trunk: nn.Module
    blocks: Sequence[nn.Module]
    heads: int
    patch: tuple[int, int]
    prefix: tuple[str, ...]  # token names before the patches, in order; the first is the query
    processor: Any
    labels: dict[int, str] | None  # None: no classifier
    native: tuple[int, int]  # (y, x) in pixels that it was trained at
    must_ask: bool  # whether other sizes need interpolate_pos_encoding=True
    source: Source

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.blocks)

    def options(self, view: View) -> dict[str, bool]:
        """What the forward needs besides pixels, for a view.

        Raises UnsupportedModel where the positions of that view cannot be had: transformers
        interpolates square grids of square patches alone.
        """
        (height, width), (py, px) = self.native, self.patch
        if view.target == self.native and self.must_ask:
            return {}
        if height != width or py != px:
            raise UnsupportedModel(
                f"{self.name}: trained at {width} × {height} px with patches of {px} × {py}; "
                "position embeddings are interpolated for square sizes and square patches alone, "
                f"and the photo would be seen at {view.target[1]} × {view.target[0]} px."
            )
        return {"interpolate_pos_encoding": True} if self.must_ask else {}

    def pixels(self, photo: Photo, view: View) -> Float[Tensor, "1 3 y x"]:
        """The model's input for a view, with the checkpoint's own mean, std and resampling."""
        height, width = view.target
        size = {"height": height, "width": width}
        return self._process(photo, do_resize=True, size=size, do_center_crop=False)

    def classifier_pixels(self, photo: Photo) -> Float[Tensor, "1 3 y x"]:
        """The model's input exactly as its classifier was meant to get it, crop included."""
        return self._process(photo)

    def _process(self, photo: Photo, **geometry: object) -> Float[Tensor, "1 3 y x"]:
        # The channel axis is said: a photo that is 3 px wide must not be taken for planes.
        batch = self.processor(
            images=photo.pixels, return_tensors="pt", input_data_format="channels_last", **geometry
        )
        first = next(self.network.parameters())
        pixels: Tensor = batch["pixel_values"]
        return pixels.to(device=first.device, dtype=first.dtype)

    def require_eval(self) -> None:
        """Raises UnsupportedModel in training mode, where dropout would change every row."""
        if self.network.training:
            raise UnsupportedModel(
                f"{self.name} is in training mode, where dropout changes the rows: "
                "call model.eval() first."
            )


def parse_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps` → a device that is there.

    Raises UsageError where it is not.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"Device {name!r} cannot be used here: expected cpu, cuda, cuda:1, mps or auto."
        ) from error
    return device
