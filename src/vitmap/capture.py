"""The seam: rows of softmax(QKᵀ) taken inside the attention call, and no N×N matrix is ever built.

While a capture is open, every call to `scaled_dot_product_attention` (or to torch's own multi-head
attention, which hides that call) inside a watched layer hands over its very own q, k, scale and
mask; from them the wanted rows are computed, and the model runs on untouched. Calls are told apart
by the layer that makes them, not by counting: a pooling head attends too, and is not the last
layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vitmap.bf16 import HalfProducts
from vitmap.errors import CaptureError
from vitmap.rows import TokenSet, multi_head_rows, sdpa_rows

Rows = dict[int, Float[Tensor, "batch head query token"]]
Wanted = Mapping[int, Sequence[TokenSet]]  # place of a layer in the stack → queries

_CALLS: dict[Any, Callable[..., Tensor]] = {
    F.scaled_dot_product_attention: sdpa_rows,
    F.multi_head_attention_forward: multi_head_rows,
}


class _RowsComplete(Exception):
    """Raised through the model once every wanted row is known and nothing else is wanted."""


class _Capture(TorchFunctionMode):
    """Attached to the layers, used for one forward, released whatever happens."""

    def __init__(
        self,
        layers: Sequence[nn.Module],
        wanted: Wanted,
        stop: bool,
        products: HalfProducts | None,
    ) -> None:
        super().__init__()
        self.rows: Rows = {}
        self._products = products
        self._wanted = wanted
        self._stop = stop
        self._running: int | None = None
        self._complete = False
        self._store: Tensor | None = None
        self._hooks = [
            hook
            for place in wanted
            for hook in (
                layers[place].register_forward_pre_hook(self._enter(place)),
                layers[place].register_forward_hook(self._leave, always_call=True),
            )
        ]

    def release(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, place: int) -> Callable[..., None]:
        def entering(*_: object) -> None:
            self._running = place
            self._widen(True)

        return entering

    def _leave(self, *_: object) -> None:
        self._running = None
        self._widen(False)
        if self._complete:
            self._stop_here()

    def _stop_here(self) -> None:
        self._complete = False  # this hook is called once more on the way out
        raise _RowsComplete

    def _widen(self, wide: bool) -> None:
        if self._products is not None:
            self._products.wide = wide

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._running is not None and func in _CALLS:
            self._see(self._running, _CALLS[func](self._wanted[self._running], *args, **kwargs))
            if self._complete:
                return _nothing(func, *args, **kwargs)
        elif self._complete and func is F.linear:
            self._stop_here()
        return func(*args, **kwargs)

    def _see(self, place: int, rows: Float[Tensor, "batch head query token"]) -> None:
        if place in self.rows:
            self._complete = False
            raise CaptureError(
                f"Layer {place} made more than one attention call: expected one. "
                "Windowed and cross attention cannot be read as maps."
            )
        self.rows[place] = self._kept(rows)
        self._widen(False)
        # Not at once: a layer that attends a second time before its output projection (as
        # differential attention does) has no row of its own, and must be refused.
        self._complete = self._stop and self.rows.keys() == self._wanted.keys()

    def _kept(self, rows: Tensor) -> Tensor:
        """The rows in one block, taken at the first of them.

        Small blocks that stay, laid between the model's large ones, would keep the heap from being
        used again: all layers of a ViT-S/8 at 480 px cost up to 100 MB that nobody holds.
        """
        if self._store is None:
            self._store = rows.new_empty((len(self._wanted), *rows.shape))
        slot = self._store[len(self.rows)]
        return slot.copy_(rows) if slot.shape == rows.shape else rows


def capture_rows(
    forward: Callable[[], Any],
    layers: Sequence[nn.Module],
    wanted: Wanted,
    *,
    stop: bool = True,
    products: HalfProducts | None = None,
) -> tuple[Rows, Any]:
    """Run a model once; the rows of the wanted queries in the wanted layers, and its output.

    With `stop` the model is left as soon as the last row is known, and the output is None: layers
    and heads after it cost nothing. With `products` it runs in bf16 (see `vitmap.bf16`).

    Raises CaptureError where a wanted layer ran without an attention call that can be seen: a
    compiled graph, xFormers, a flash kernel called by its own name, eager attention.
    """
    refuse_compiled(layers)
    capture = _Capture(layers, wanted, stop, products)
    output = None
    # The caller's autocast would round the rows: the weights' own precision is what counts.
    plain = torch.autocast(_device(layers), enabled=False)
    try:
        with torch.inference_mode(), plain, products or nullcontext(), capture:
            output = forward()
    except _RowsComplete:
        pass
    finally:
        capture.release()
    for place in wanted:
        if place not in capture.rows:
            raise CaptureError(
                f"Layer {place} made no call to scaled_dot_product_attention: "
                f"{_implementation(layers[place])}. Maps are read exactly or not at all: load the "
                "model with torch's own attention (transformers: attn_implementation='sdpa'; "
                "timm: fused_attn), not compiled."
            )
    return capture.rows, output


def _nothing(func: Any, query: Tensor, _key: Tensor, value: Tensor, *_: Any, **__: Any) -> Any:
    """What stands for the result of a call whose result nobody will use."""
    if func is F.multi_head_attention_forward:
        return torch.zeros_like(query), None
    return query.new_zeros((*query.shape[:-1], value.shape[-1]))


def refuse_compiled(modules: Sequence[nn.Module]) -> None:
    """Raises CaptureError for modules whose graph was compiled, scripted or traced.

    A compiled graph may attend without a call that can be seen, or be seen while it is traced with
    values that are not the model's.
    """
    for module in (inner for outer in modules for inner in outer.modules()):
        compiled = (
            "_orig_mod" in module._modules
            or module._compiled_call_impl is not None
            or hasattr(module.__dict__.get("forward"), "_torchdynamo_orig_callable")
        )
        if compiled or isinstance(module, torch.jit.ScriptModule):
            how = "torch.compile" if compiled else "torch.jit"
            raise CaptureError(
                f"{type(module).__name__} was compiled with {how}, which hides its attention: "
                "pass the model as it was before that."
            )


def _device(layers: Sequence[nn.Module]) -> str:
    parameter = next(layers[0].parameters(), None)
    return parameter.device.type if parameter is not None else "cpu"


def _implementation(layer: nn.Module) -> str:
    """What is known of a layer whose call was not seen."""
    for module in layer.modules():
        implementation = getattr(getattr(module, "config", None), "_attn_implementation", None)
        if implementation is not None:
            return f"its attention implementation is {implementation!r}"
        if getattr(module, "fused_attn", None) is False:
            return f"{type(module).__name__} has fused_attn off"
    foreign = sorted({type(m).__name__ for m in layer.modules() if "tten" in type(m).__name__})
    return f"{type(layer).__name__} attends through {', '.join(foreign) or 'something unknown'}"
