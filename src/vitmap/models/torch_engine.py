"""TorchEngine: a loaded network of torch with what a capture must know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from vitmap.errors import CaptureError, UnsupportedModel, UsageError
from vitmap.maps.operands import LayerOperands, RelativeBias
from vitmap.models.attention_span import AttentionSpans
from vitmap.models.bf16 import HalfProducts, halve
from vitmap.models.capture import capture, refuse_compiled
from vitmap.models.engine import Captured, Facts, Pixels, Wants
from vitmap.models.rows import AttentionCall
from vitmap.photo.read import Photo
from vitmap.photo.view import View

# A photo at a size (y, x) as the model's input, with the checkpoint's own mean and std; without a
# size, exactly what its classifier was meant to see.
Prepare = Callable[[Photo, tuple[int, int] | None], Tensor]


@dataclass(frozen=True, eq=False)
class TorchEngine:
    """The engine of models in memory: rows are taken inside their own attention calls.

    `trunk` runs the model to the last layer's tokens (and through `pooling` where it has such a
    head), `classifier` to the logits; both take pixels alone.
    """

    facts: Facts
    network: nn.Module
    trunk: Callable[[Tensor], Any]
    classifier: Callable[[Tensor], Tensor] | None
    layers: Sequence[nn.Module]
    prepare: Prepare
    pooling: nn.Module | None = None  # the module whose learned query pools the tokens
    products: HalfProducts | None = None  # how it multiplies, where that is not float32

    def pixels(self, photo: Photo, view: View) -> Float32[np.ndarray, "1 3 y x"]:
        """The model's input for a view."""
        return self.prepare(photo, view.target).float().numpy()

    def classifier_pixels(self, photo: Photo) -> Float32[np.ndarray, "1 3 y x"]:
        """The model's input exactly as its classifier was meant to get it, crop included."""
        return self.prepare(photo, None).float().numpy()

    def run(self, pixels: Pixels | Float[Tensor, "batch 3 y x"], wants: Wants) -> Captured:
        """One forward (see `Engine`); pixels may also be a tensor, on any device.

        Raises what `require_plain` raises, and CaptureError where what is wanted cannot be had
        exactly.
        """
        facts = self.facts
        facts.require(wants.needs(facts.depth), "what was asked")
        self.require_plain()
        placed = self._placed(pixels)
        if wants.logits and not (wants.rows or wants.tokens or wants.operands):
            return Captured(logits=self._logits(placed))
        grid = placed.shape[-2] // facts.patch[0], placed.shape[-1] // facts.patch[1]
        spans = AttentionSpans(len(facts.prefix), wants.spans) if wants.spans else None
        held: dict[int, LayerOperands] = {}

        def see(place: int, call: AttentionCall) -> None:
            if spans is not None and place in wants.rows:
                spans.add(place, call)
            if place in wants.operands:
                held[place] = self._operands(call, grid)

        run: Any = self.classifier if wants.logits else self.trunk
        found = capture(
            lambda: run(placed),
            [*self.layers, *([self.pooling] if self.pooling is not None else [])],
            rows={**dict.fromkeys(wants.operands, ()), **wants.rows},
            tokens=wants.tokens,
            stop=not wants.logits,
            products=self.products,
            also=see,
        )
        return Captured(
            rows={place: found.rows[place].cpu().numpy() for place in wants.rows},
            tokens={layer: self._patches(found.tokens[layer], grid) for layer in wants.tokens},
            operands=held,
            spans={} if spans is None else spans.pixels,
            logits=found.output.float().cpu().numpy() if wants.logits else None,
        )

    def in_bf16(self) -> TorchEngine:
        """The same model in bf16, for good: its linear layers' weights are halved in place.

        For a network that nobody else holds, as `load` makes it.
        """
        halve(self.network)
        source = replace(self.facts.source, precision="bf16")
        return replace(self, facts=replace(self.facts, source=source), products=HalfProducts())

    def require_plain(self) -> None:
        """Raises what makes rows differ from the model's own, or from what the source says.

        CaptureError for a compiled network; UnsupportedModel in training mode, also of a part, and
        for weights that were cast since the network was handed over.
        """
        name, precision = self.facts.name, self.facts.source.precision
        refuse_compiled([self.network])
        acting = (m for m in self.network.modules() if not isinstance(m, _CONTAINERS))
        if any(module.training for module in acting):
            raise UnsupportedModel(
                f"{name} is in training mode, where dropout changes the rows: "
                "call model.eval() first."
            )
        expected = {"fp32": {torch.float32}}.get(precision, _HALVED)
        others = {p.dtype for p in self.network.parameters()} - expected
        if others:
            raise UnsupportedModel(
                f"{name}: holds weights in {', '.join(map(str, others))}, but was handed over "
                f"in {precision}: hand it over again as it is now."
            )

    def _placed(
        self, pixels: Pixels | Float[Tensor, "batch 3 y x"]
    ) -> Float[Tensor, "batch 3 y x"]:
        """In the precision of the model's embeddings, and on its device."""
        first = next(self.network.parameters())
        return torch.as_tensor(pixels).to(device=first.device, dtype=first.dtype)

    def _logits(self, pixels: Float[Tensor, "batch 3 y x"]) -> Float32[np.ndarray, "batch label"]:
        assert self.classifier is not None
        with torch.no_grad(), self.products or nullcontext():
            return self.classifier(pixels).float().cpu().numpy()

    def _patches(
        self, tokens: Float[Tensor, "batch token feature"], grid: tuple[int, int]
    ) -> Float32[np.ndarray, "batch patch feature"]:
        first, count = len(self.facts.prefix), grid[0] * grid[1]
        if tokens.shape[-2] < first + count:
            raise CaptureError(
                f"{self.facts.name}: {tokens.shape[-2]} tokens left a layer, expected {first} "
                f"prefix tokens + {grid[0]} × {grid[1]} patches."
            )
        return tokens[:, first : first + count].float().cpu().numpy()

    def _operands(self, call: AttentionCall, grid: tuple[int, int]) -> LayerOperands:
        facts, tokens = self.facts, len(self.facts.prefix) + grid[0] * grid[1]
        query, key = call.query[0].float() * call.scale, call.key[0].float()
        for side in (query, key):
            if side.shape[:2] != (facts.heads, tokens):
                raise CaptureError(
                    f"{facts.name}: {side.shape[0]} heads over {side.shape[1]} tokens were seen, "
                    f"expected {facts.heads} heads over {tokens} tokens."
                )
        bias = self._bias(call.mask, tokens, grid)
        return LayerOperands(query.cpu().numpy(), key.cpu().numpy(), bias)

    def _bias(self, mask: Tensor | None, tokens: int, grid: tuple[int, int]) -> RelativeBias | None:
        if mask is None:
            return None
        if mask.dtype == torch.bool:
            if bool(mask.all()):
                return None
            raise UnsupportedModel(
                f"{self.facts.name}: some tokens are masked out: its rows cannot be made from "
                "queries and keys alone."
            )
        whole: Float32[np.ndarray, "head token token"] = (
            mask.float().reshape(-1, *mask.shape[-2:]).cpu().numpy()
        )
        if not whole.any():
            return None
        full = np.broadcast_to(whole, (self.facts.heads, tokens, tokens))
        return RelativeBias.of(full, len(self.facts.prefix), grid)


_CONTAINERS = (nn.ModuleList, nn.ModuleDict)  # these do nothing, in whatever mode
_HALVED = {torch.float32, torch.bfloat16}


def gives_of(*, classifier: bool, pooling: bool) -> frozenset[str]:
    """What this engine gives of a model that has such parts."""
    parts = {"logits": classifier, "pool": pooling}
    return frozenset(
        {"rows", "tokens", "operands", "spans", *(p for p, has in parts.items() if has)}
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
