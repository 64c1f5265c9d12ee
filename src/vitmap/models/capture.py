"""Capture: rows of softmax(QKᵀ) taken inside the attention call; no N×N matrix is ever built.

While a capture is open, every call to `scaled_dot_product_attention` (or to torch's own multi-head
attention, which hides that call) inside a watched layer hands over its very own q, k, scale and
mask; from them the wanted rows are computed, and the model runs on untouched. Calls are told apart
by the layer that makes them, not by counting: a pooling head attends too, and is not the last
layer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vitmap.errors import CaptureError
from vitmap.models.bf16 import HalfProducts
from vitmap.models.engine import TokenSet
from vitmap.models.rows import AttentionCall, multi_head_call, sdpa_call

Rows = dict[int, Float[Tensor, "batch head query token"]]
Tokens = dict[int, Float[Tensor, "batch token feature"]]  # that leave a layer
Wanted = Mapping[int, Sequence[TokenSet]]  # place of a layer in the stack → queries

Also = Callable[[int, AttentionCall], None]  # what else is done with a layer's call

_CALLS: dict[Any, Callable[..., AttentionCall]] = {
    F.scaled_dot_product_attention: sdpa_call,
    F.multi_head_attention_forward: multi_head_call,
}


class _Complete(Exception):
    """Raised through the model once all that is wanted is known."""


@dataclass(frozen=True, eq=False)
class Forward:
    """What was taken of one run, on the model's device; `output` is None where it was left."""

    rows: Rows
    tokens: Tokens
    output: Any


class _Capture(TorchFunctionMode):
    """Attached to the layers, used for one forward, released whatever happens."""

    def __init__(
        self,
        layers: Sequence[nn.Module],
        wanted: Wanted,
        leaving: Collection[int],
        stop: bool,
        products: HalfProducts | None,
        also: Also | None,
    ) -> None:
        super().__init__()
        self._also = also
        self.rows: Rows = {}
        self.tokens: Tokens = {}
        self._left = leaving
        self._products = products
        self._wanted = wanted
        self._stop = stop
        self._running: int | None = None
        self._complete = False
        self._store: Tensor | None = None
        self._layers = layers
        self._thread = threading.get_ident()
        self._hooks: list[Any] = []

    def __enter__(self) -> _Capture:
        # In bf16 every layer is watched: what its queries are made in must not depend on whose rows
        # are wanted, or a layer's rows would be others when it is looked at alone.
        asked = {*self._wanted, *self._left}
        watched = sorted(asked) if self._products is None else range(len(self._layers))
        for place in watched:
            layer = self._layers[place]
            self._hooks.append(layer.register_forward_pre_hook(self._entering(place)))
            self._hooks.append(layer.register_forward_hook(self._leaving(place), always_call=True))
        return super().__enter__()  # type: ignore[no-untyped-call]

    def release(self) -> None:
        """For whoever entered it, also where entering broke off half-way."""
        while self._hooks:
            self._hooks.pop().remove()

    def _entering(self, place: int) -> Callable[..., None]:
        def entering(*_: object) -> None:
            if threading.get_ident() == self._thread:
                self._running = place
                self._widen(True)

        return entering

    def _leaving(self, place: int) -> Callable[..., None]:
        def leaving(_module: nn.Module, _inputs: object, output: Any) -> None:
            # Hooks belong to the module: another thread that runs the same model meets them too.
            if threading.get_ident() != self._thread:
                return
            self._running = None
            self._widen(False)
            if place in self._left and place not in self.tokens and output is not None:
                self.tokens[place] = _copied(output)
                self._complete = self._known()
            if self._complete:
                self._stop_here()

        return leaving

    def _known(self) -> bool:
        """Whether the model may be left."""
        rows, tokens = self.rows.keys() == self._wanted.keys(), len(self.tokens) == len(self._left)
        return self._stop and rows and tokens

    def _stop_here(self) -> None:
        self._complete = False  # this hook is called once more on the way out
        raise _Complete

    def _widen(self, wide: bool) -> None:
        if self._products is not None:
            self._products.wide = wide

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._running is not None and func in _CALLS:
            if self._running not in self._wanted:
                self._widen(False)
                return func(*args, **kwargs)
            self._see(self._running, _CALLS[func](*args, **kwargs))
            if self._complete:
                return _nothing(func, *args, **kwargs)
        elif self._complete and func is F.linear:
            self._stop_here()
        return func(*args, **kwargs)

    def _see(self, place: int, call: AttentionCall) -> None:
        if place in self.rows:
            self._complete = False
            raise CaptureError(
                f"Layer {place} made more than one attention call: expected one. "
                "Windowed and cross attention cannot be read as maps."
            )
        self.rows[place] = self._kept(call.rows(self._wanted[place]))
        if self._also is not None:
            self._also(place, call)
        self._widen(False)
        # Not at once: a layer that attends a second time before its output projection (as
        # differential attention does) has no row of its own, and must be refused.
        self._complete = self._known()

    def _kept(self, rows: Tensor) -> Tensor:
        """The rows in one block, taken at the first of them.

        Small blocks that stay, laid between the model's large ones, would keep the heap from being
        used again: all layers of a ViT-S/8 at 480 px cost up to 100 MB that nobody holds.
        """
        if self._store is None:
            self._store = rows.new_empty((len(self._wanted), *rows.shape))
        slot = self._store[len(self.rows)]
        return slot.copy_(rows) if slot.shape == rows.shape else rows


def capture(
    forward: Callable[[], Any],
    layers: Sequence[nn.Module],
    rows: Wanted,
    tokens: Collection[int] = (),
    *,
    stop: bool = True,
    products: HalfProducts | None = None,
    also: Also | None = None,
) -> Forward:
    """Run a model once; the rows of some queries, the tokens that leave some layers, its output.

    With `stop` the model is left as soon as all of that is known, and the output is None: layers
    and heads after it cost nothing. With `products` it runs in bf16 (see `vitmap.models.bf16`).
    `also` gets the call of every layer in `rows` while the model waits: what it keeps of it is its
    to copy.

    Raises CaptureError where a layer in `rows` ran without an attention call that can be seen (a
    compiled graph, xFormers, a flash kernel called by its own name, eager attention), or one in
    `tokens` did not run.
    """
    refuse_compiled(layers)
    if len({id(layer) for layer in layers}) < len(layers):
        raise CaptureError(
            "One module stands for several layers: their calls cannot be told apart. "
            "Expected a module of its own for each layer."
        )
    taken = _Capture(layers, rows, tokens, stop, products, also)
    output = None
    try:
        # The caller's autocast would round the rows: the weights' own precision is what counts.
        plain = torch.autocast(_device(layers), enabled=False)
        # Not inference_mode: what a model caches under it (BEiT its position index, for the whole
        # process) could never be trained with again.
        with torch.no_grad(), plain, products or nullcontext(), taken:
            output = forward()
    except _Complete:
        pass
    except ImportError as error:  # transformers brings kernels in when they are first called
        said = _implementation(layers[next(iter([*rows, *tokens]))])
        raise CaptureError(f"The model cannot run here: {said} ({error}).") from error
    finally:
        taken.release()
    for place in rows:
        if place not in taken.rows:
            raise CaptureError(
                f"Layer {place} made no call to scaled_dot_product_attention: "
                f"{_implementation(layers[place])}. Maps are read exactly or not at all: load the "
                "model with torch's own attention (transformers: attn_implementation='sdpa'; "
                "timm: fused_attn), not compiled."
            )
    for layer in tokens:
        if layer not in taken.tokens:
            raise CaptureError(f"Layer {layer} did not run: its tokens are not known.")
    return Forward(taken.rows, taken.tokens, output)


def _copied(output: Any) -> Float[Tensor, "batch token feature"]:
    """A layer's tokens, which later layers may write over; some return them first of several."""
    tokens: Tensor = output if isinstance(output, Tensor) else output[0]
    return (tokens if tokens.ndim == 3 else tokens[None]).clone()


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
            or _is_compiled(module.forward)
        )
        if compiled or isinstance(module, torch.jit.ScriptModule):
            how = "torch.compile" if compiled else "torch.jit"
            raise CaptureError(
                f"{type(module).__name__} was compiled with {how}, which hides its attention: "
                "pass the model as it was before that."
            )


def _is_compiled(forward: Any) -> bool:
    """Whether torch.compile made this function, or the one it was bound or wrapped from."""
    while forward is not None:
        if hasattr(forward, "_torchdynamo_orig_callable"):
            return True
        wraps = ("func", "__func__", "__wrapped__")
        forward = next((getattr(forward, name) for name in wraps if hasattr(forward, name)), None)
    return False


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
