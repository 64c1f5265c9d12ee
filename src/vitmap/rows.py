"""Rows of softmax(QKᵀ) from an attention call's own arguments, a few query tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from vitmap.errors import CaptureError

TokenSet = Sequence[int]  # a query: one token, or several whose rows are averaged

# One row would go through a matrix-vector kernel, which sums in another order than the product of
# matrices in eager attention: on real weights the two are 1.4e-5 of the row's maximum apart. From
# four rows on (eight, to be safe) both sum alike, and the first layer's rows agree to the last bit.
_GEMM_ROWS = 8
_CHUNK = 4 * 2**20  # scores held at a time, in numbers: 16 MB, whatever the number of tokens


def sdpa_rows(
    queries: Sequence[TokenSet],
    query: Float[Tensor, "batch head token_q dim"],
    key: Float[Tensor, "batch head_kv token dim"],
    value: Float[Tensor, "batch head_kv token dim_v"],  # noqa: ARG001 (the call's signature)
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Float[Tensor, "batch head query token"]:
    """The softmax rows that `scaled_dot_product_attention` would apply, for some query tokens.

    A query of several tokens gives the mean of their rows. The softmax is taken in float32, as
    transformers' eager attention takes it. A boolean mask keeps where it is true; a float mask is
    added (the documentation of `scaled_dot_product_attention`).

    Raises CaptureError for causal attention, which no plain ViT has, for dropout, and for a query
    token that the call does not have.
    """
    if dropout_p > 0:
        raise CaptureError(
            f"Attention with dropout {dropout_p:g} was seen, which changes every row: "
            "call model.eval() first."
        )
    if is_causal:
        raise CaptureError("Causal attention was seen: not a plain ViT.")
    tokens = sorted({token for members in queries for token in members})
    if tokens[-1] >= query.shape[-2]:
        raise CaptureError(
            f"Query token {tokens[-1]} asked for, but the attention call has {query.shape[-2]} "
            "query tokens: not the token sequence that was expected."
        )
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    turned = key.float().transpose(-2, -1)
    rows = turned.new_zeros((*query.shape[:-2], len(queries), key.shape[-2]))
    for some in _chunks(tokens, rows.shape[:-2].numel() * key.shape[-2]):
        wide = some + some[:1] * (_GEMM_ROWS - len(some))
        scores = (query[..., wide, :].float() @ turned)[..., : len(some), :].mul_(scale)
        if attn_mask is not None:
            scores = _masked(scores, attn_mask, some)
        shares = _shares(queries, some, rows)
        rows += torch.einsum("...cn,qc->...qn", scores.softmax(dim=-1), shares)
    return rows


def multi_head_rows(
    queries: Sequence[TokenSet],
    query: Float[Tensor, "token_q batch embed"],
    key: Float[Tensor, "token batch embed"],
    value: Float[Tensor, "token batch embed"],  # noqa: ARG001 (the call's signature)
    embed_dim_to_check: int,  # noqa: ARG001 (the call's signature)
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    *_rest: object,
    attn_mask: Tensor | None = None,
    key_padding_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    is_causal: bool = False,
    **_options: object,
) -> Float[Tensor, "batch head query token"]:
    """The same for `torch.nn.functional.multi_head_attention_forward`, projections included.

    torchvision's encoder and transformers' SigLIP pooling head attend through it. Only the key
    projection is computed a second time.

    Raises CaptureError for its rarer forms, which no known ViT uses.
    """
    rare = {
        "bias_k": bias_k is not None or bias_v is not None,
        "add_zero_attn": add_zero_attn,
        "key_padding_mask": key_padding_mask is not None,
        "projections that are not packed": use_separate_proj_weight or in_proj_weight is None,
    }
    for name, used in rare.items():
        if used:
            raise CaptureError(f"torch's multi-head attention with {name} cannot be read as maps.")
    assert in_proj_weight is not None
    wq, wk, _ = in_proj_weight.chunk(3)
    bq, bk, _ = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
    heads = "token batch (head dim) -> batch head token dim"
    q = rearrange(F.linear(query, wq, bq), heads, head=num_heads)
    k = rearrange(F.linear(key, wk, bk), heads, head=num_heads)
    if attn_mask is not None and attn_mask.dim() == 3:
        attn_mask = rearrange(attn_mask, "(batch head) q k -> batch head q k", head=num_heads)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = ~attn_mask  # here a boolean mask drops where it is true
    return sdpa_rows(queries, q, k, k, attn_mask, is_causal=is_causal)  # values play no part


def _chunks(tokens: list[int], width: int) -> list[list[int]]:
    """The query tokens in portions whose scores stay within `_CHUNK` numbers."""
    size = max(_GEMM_ROWS, _CHUNK // width)
    return [tokens[start : start + size] for start in range(0, len(tokens), size)]


def _masked(
    scores: Float[Tensor, "*lead some token"], mask: Tensor, some: Sequence[int]
) -> Float[Tensor, "*lead some token"]:
    if mask.shape[-2] > 1:
        mask = mask[..., list(some), :]
    if mask.dtype == torch.bool:
        return scores.masked_fill(~mask, float("-inf"))
    return scores + mask.float()


def _shares(
    queries: Sequence[TokenSet], some: Sequence[int], like: Tensor
) -> Float[Tensor, "query some"]:
    """What each token's row counts for in each query: 1 where the query is that token alone."""
    place = {token: column for column, token in enumerate(some)}
    shares = like.new_zeros((len(queries), len(some)))
    for line, members in enumerate(queries):
        for token in members:
            if token in place:
                shares[line, place[token]] += 1 / len(members)
    return shares
