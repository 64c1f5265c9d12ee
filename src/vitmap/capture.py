"""Rows of softmax(QKᵀ), taken inside the attention call, so that no N×N matrix is ever built.

While a capture is open, every call to `scaled_dot_product_attention` inside a watched layer hands
over its very own q, k, scale and mask; from them the wanted rows are computed, and the fused kernel
runs on untouched. The calls are told apart by the layer that makes them, not by counting: a pooling
head that attends too is not the last layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vitmap.errors import CaptureError

# One row would go through a matrix-vector kernel, which sums in another order than the product of
# matrices in eager attention: on real weights the two are 1.4e-5 of the row's maximum apart. From
# four rows on (eight, to be safe) both sum alike, and the first layer's rows agree to the last bit.
_GEMM_ROWS = 8

Rows = dict[int, Float[Tensor, "batch head query token"]]


class _RowsComplete(Exception):
    """Raised through the model once every wanted row is known and nothing else is wanted."""


class _Capture(TorchFunctionMode):
    """Attached to the layers, used for one forward, released whatever happens."""

    def __init__(
        self, blocks: Sequence[nn.Module], layers: Sequence[int], queries: Sequence[int], stop: bool
    ) -> None:
        super().__init__()
        self.rows: Rows = {}
        self._wanted = set(layers)
        self._queries = list(queries)
        self._stop = stop
        self._running: int | None = None
        self._hooks = [
            hook
            for layer, block in enumerate(blocks)
            for hook in (
                block.register_forward_pre_hook(self._enter(layer)),
                block.register_forward_hook(self._leave, always_call=True),
            )
        ]

    def release(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _enter(self, layer: int) -> Callable[..., None]:
        def entering(*_: object) -> None:
            self._running = layer

        return entering

    def _leave(self, *_: object) -> None:
        self._running = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention and self._running in self._wanted:
            self._see(int(self._running), attention_rows(self._queries, *args, **kwargs))
        return func(*args, **kwargs)

    def _see(self, layer: int, rows: Float[Tensor, "batch head query token"]) -> None:
        if layer in self.rows:
            raise CaptureError(
                f"Layer {layer} made more than one attention call: expected one. "
                "Windowed and cross attention cannot be read as maps."
            )
        self.rows[layer] = rows
        if self._stop and self.rows.keys() == self._wanted:
            raise _RowsComplete


def capture_rows(
    forward: Callable[[], Any],
    blocks: Sequence[nn.Module],
    layers: Sequence[int],
    queries: Sequence[int] = (0,),
    *,
    stop: bool = True,
) -> tuple[Rows, Any]:
    """Run a model once; the attention of the query tokens in the wanted layers, and its output.

    With `stop` the model is left as soon as the last row is known, and the output is None: layers
    and heads after it cost nothing.

    Raises CaptureError where a wanted layer ran without an attention call that can be seen.
    """
    capture = _Capture(blocks, layers, queries, stop)
    output = None
    try:
        # The caller's autocast would round the rows: the weights' own precision is what counts.
        with torch.inference_mode(), torch.autocast(_device(blocks), enabled=False), capture:
            output = forward()
    except _RowsComplete:
        pass
    finally:
        capture.release()
    unseen = [layer for layer in layers if layer not in capture.rows]
    if unseen:
        raise CaptureError(
            f"Layer {unseen[0]} made no call to scaled_dot_product_attention: "
            f"{_implementation(blocks)}. Load it with attn_implementation='sdpa', not compiled."
        )
    return capture.rows, output


def attention_rows(
    queries: Sequence[int],
    query: Float[Tensor, "batch head token_q dim"],
    key: Float[Tensor, "batch head_kv token dim"],
    value: Float[Tensor, "batch head_kv token dim_v"],  # noqa: ARG001 (the call's signature)
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 (zero: models in training mode are refused)
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Float[Tensor, "batch head query token"]:
    """The softmax rows that `scaled_dot_product_attention` would apply, for some query tokens.

    The softmax is taken in float32, as transformers' eager attention takes it. A boolean mask keeps
    where it is true; a float mask is added (the documentation of `scaled_dot_product_attention`).

    Raises CaptureError for causal attention, which no plain ViT has.
    """
    if is_causal:
        raise CaptureError("Causal attention was seen: not a plain ViT.")
    if enable_gqa:
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    wide = list(queries) + [queries[0]] * (_GEMM_ROWS - len(queries))
    scores = query[:, :, wide].float() @ key.float().transpose(-2, -1)
    scores = scores[:, :, : len(queries)] * (scale or query.shape[-1] ** -0.5)
    if attn_mask is not None:
        if attn_mask.shape[-2] > 1:
            attn_mask = attn_mask[..., list(queries), :]
        if attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, float("-inf"))
        else:
            scores = scores + attn_mask.float()
    return scores.softmax(dim=-1)


def _device(blocks: Sequence[nn.Module]) -> str:
    parameter = next(blocks[0].parameters(), None)
    return parameter.device.type if parameter is not None else "cpu"


def _implementation(blocks: Sequence[nn.Module]) -> str:
    """What is known of a model whose calls were not seen."""
    for module in blocks[0].modules():
        implementation = getattr(getattr(module, "config", None), "_attn_implementation", None)
        if implementation is not None:
            return f"its attention implementation is {implementation!r}"
    return f"its layers are {type(blocks[0]).__name__}"
