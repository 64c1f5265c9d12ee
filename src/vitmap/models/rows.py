"""An attention call's own arguments, and rows of its softmax(QKᵀ), a few tokens at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own name for it)
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from vitmap.errors import CaptureError
from vitmap.models.engine import TokenSet

# One row would go through a matrix-vector kernel, which sums in another order than the product of
# matrices in eager attention: on real weights the two are 1.4e-5 of the row's maximum apart. From
# four rows on (eight, to be safe) both sum alike, and the first layer's rows agree to the last bit.
_GEMM_ROWS = 8
_CHUNK = 4 * 2**20  # scores held at a time, in numbers: 16 MB, whatever the number of tokens


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What one attention call was given: all that its rows are made of.

    `mask` is as `scaled_dot_product_attention` takes it: a boolean mask keeps where it is true; a
    float mask is added.
    """

    query: Float[Tensor, "batch head token_q dim"]
    key: Float[Tensor, "batch head token dim"]
    mask: Tensor | None
    scale: float

    def rows(self, queries: Sequence[TokenSet]) -> Float[Tensor, "batch head query token"]:
        """The softmax rows of some queries; of several tokens, the mean of their rows.

        Raises CaptureError for a query token that the call does not have.
        """
        tokens = sorted({token for members in queries for token in members})
        rows = self.key.new_zeros(
            (*self.query.shape[:-2], len(queries), self.key.shape[-2]), dtype=torch.float32
        )
        for some, shares in self.softmax(tokens) if tokens else ():
            rows += torch.einsum("...cn,qc->...qn", shares, _parts(queries, some, rows))
        return rows

    def softmax(
        self, tokens: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], Float[Tensor, "batch head some token"]]]:
        """The rows of ascending query tokens, in portions of bounded memory.

        The softmax is taken in float32, as transformers' eager attention takes it. Raises
        CaptureError for a query token that the call does not have.
        """
        if tokens[-1] >= self.query.shape[-2]:
            raise CaptureError(
                f"Query token {tokens[-1]} asked for, but the attention call has "
                f"{self.query.shape[-2]} query tokens: not the token sequence that was expected."
            )
        turned = self.key.float().transpose(-2, -1)
        width = self.query.shape[:-2].numel() * self.key.shape[-2]
        for some in _chunks(tokens, width):
            wide = [*some, *[some[0]] * (_GEMM_ROWS - len(some))]
            scores = self.query[..., wide, :].float() @ turned
            scores = scores[..., : len(some), :].mul_(self.scale)
            if self.mask is not None:
                scores = _masked(scores, self.mask, some)
            yield some, scores.softmax(dim=-1)


def sdpa_call(
    query: Float[Tensor, "batch head token_q dim"],
    key: Float[Tensor, "batch head_kv token dim"],
    value: Float[Tensor, "batch head_kv token dim_v"],  # noqa: ARG001 (the call's signature)
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> AttentionCall:
    """A call of `scaled_dot_product_attention`, as it documents its arguments.

    Raises CaptureError for causal attention, which no plain ViT has, and for dropout.
    """
    if dropout_p > 0:
        raise CaptureError(
            f"Attention with dropout {dropout_p:g} was seen, which changes every row: "
            "call model.eval() first."
        )
    if is_causal:
        raise CaptureError("Causal attention was seen: not a plain ViT.")
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
    return AttentionCall(
        query, key, attn_mask, query.shape[-1] ** -0.5 if scale is None else float(scale)
    )


def multi_head_call(
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
) -> AttentionCall:
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
    return sdpa_call(q, k, k, attn_mask, is_causal=is_causal)  # values play no part


def _chunks(tokens: Sequence[int], width: int) -> list[Sequence[int]]:
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


def _parts(
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
