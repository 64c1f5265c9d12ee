"""Backbone: a loaded Vision Transformer with what a capture must know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vitmap.errors import UnsupportedModel, UsageError
from vitmap.maps.maps import Source
from vitmap.maps.query import Query
from vitmap.models.bf16 import HalfProducts, halve
from vitmap.models.capture import refuse_compiled
from vitmap.photo.read import Photo
from vitmap.photo.view import View

SIZE = 480  # the side of a square with as many pixels as the model sees, where it takes any size


# A photo at a size (y, x) as the model's input, with the checkpoint's own mean and std; without a
# size, exactly what its classifier was meant to see.
Prepare = Callable[[Photo, tuple[int, int] | None], Tensor]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A plain ViT: `layers` run one after the other, each attends once over prefix + patches.

    `trunk` runs the model to the last layer's tokens (and through `pooling` where it has such a
    head), `classifier` to the logits; both take pixels alone.
    """

    name: str
    network: nn.Module
    trunk: Callable[[Tensor], Any]
    classifier: Callable[[Tensor], Tensor] | None
    layers: Sequence[nn.Module]
    heads: int
    patch: tuple[int, int]
    prefix: tuple[str, ...]  # token names before the patches, in order
    prepare: Prepare
    labels: dict[int, str] | None  # None: no classifier
    native: tuple[int, int]  # (y, x) in pixels that it was trained at
    any_size: bool  # whether it takes other sizes than that
    source: Source
    pooling: nn.Module | None = None  # the module whose learned query pools the tokens
    pooling_heads: int = 0
    products: HalfProducts | None = None  # how it multiplies, where that is not float32

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def default_query(self, layers: Sequence[int]) -> Query:
        """Whose attention is shown where nobody said: CLS, else the model's own pooling query.

        That one asks after the last layer alone: for other layers, and for models that pool by
        the mean, it is the mean over patches.
        """
        if "CLS" in self.prefix:
            return Query("cls")
        pools = self.pooling is not None and tuple(layers) == (self.depth - 1,)
        return Query("pool" if pools else "mean")

    def view(self, photo: tuple[int, int], size: int | None = None, fit: str | None = None) -> View:
        """How a photo of (y, x) pixels reaches this model: 480 px and `keep` unless said.

        A model of one size sees every photo squashed to that size.

        Raises UnsupportedModel where that one size is not what was asked for, UsageError for a
        size or a fit that cannot be.
        """
        if not self.any_size and any(s % p for s, p in zip(self.native, self.patch, strict=True)):
            raise UnsupportedModel(
                f"{self.name}: it takes {self.native[1]} × {self.native[0]} px alone, which is no "
                f"whole number of patches of {self.patch[1]} × {self.patch[0]}: the borders would "
                "be drawn where the model does not see. Load it for any size (timm: "
                "dynamic_img_size=True)."
            )
        fixed = View(photo, self.native, self.patch, "squash")
        if not self.any_size and size is None and fit in (None, "squash"):
            return fixed
        view = View.of(photo, self.patch, SIZE if size is None else size, fit or "keep")
        if self.any_size or view.target == self.native:
            return view
        (height, width), (py, px) = self.native, self.patch
        raise UnsupportedModel(
            f"{self.name}: trained at {width} × {height} px with patches of {px} × {py}, and its "
            "position embeddings cannot be had at other sizes; the photo would be seen at "
            f"{view.target[1]} × {view.target[0]} px. Leave out --size and --fit (size= and fit=)."
        )

    def pixels(self, photo: Photo, view: View) -> Float[Tensor, "1 3 y x"]:
        """The model's input for a view, in the precision of its embeddings and on its device."""
        return self._placed(self.prepare(photo, view.target))

    def classifier_pixels(self, photo: Photo) -> Float[Tensor, "1 3 y x"]:
        """The model's input exactly as its classifier was meant to get it, crop included."""
        return self._placed(self.prepare(photo, None))

    def _placed(self, pixels: Float[Tensor, "1 3 y x"]) -> Float[Tensor, "1 3 y x"]:
        first = next(self.network.parameters())
        return pixels.to(device=first.device, dtype=first.dtype)

    def in_bf16(self) -> Backbone:
        """The same model in bf16, for good: its linear layers' weights are halved in place.

        For a network that nobody else holds, as `load` makes it.
        """
        halve(self.network)
        source = replace(self.source, precision="bf16")
        return replace(self, source=source, products=HalfProducts())

    def require_plain(self) -> None:
        """Raises what makes rows differ from the model's own, or from what the source says.

        CaptureError for a compiled network; UnsupportedModel in training mode, also of a part, and
        for weights that were cast since the network was handed over.
        """
        refuse_compiled([self.network])
        acting = (m for m in self.network.modules() if not isinstance(m, _CONTAINERS))
        if any(module.training for module in acting):
            raise UnsupportedModel(
                f"{self.name} is in training mode, where dropout changes the rows: "
                "call model.eval() first."
            )
        expected = {"fp32": {torch.float32}}.get(self.source.precision, _HALVED)
        others = {p.dtype for p in self.network.parameters()} - expected
        if others:
            raise UnsupportedModel(
                f"{self.name}: holds weights in {', '.join(map(str, others))}, but was handed over "
                f"in {self.source.precision}: hand it over again as it is now."
            )


_CONTAINERS = (nn.ModuleList, nn.ModuleDict)  # these do nothing, in whatever mode
_HALVED = {torch.float32, torch.bfloat16}


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
