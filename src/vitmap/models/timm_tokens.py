"""Tokens of a timm network: what stands before the patches, how many heads, what pools."""

from __future__ import annotations

from typing import Any

from vitmap.errors import UnsupportedModel


def prefix_of(source: str, network: Any) -> tuple[str, ...]:
    """Names of the tokens before the patches, in the order in which the class joins them.

    Raises UnsupportedModel where the network counts others than are known.
    """
    prefix = ["CLS"] if network.cls_token is not None else []
    if hasattr(network, "dist_token"):  # this class joins no registers, whatever it holds
        prefix.append("distillation")
    elif getattr(network, "reg_token", None) is not None:
        prefix += [f"register {index}" for index in range(network.reg_token.shape[1])]
    if len(prefix) != network.num_prefix_tokens:
        raise UnsupportedModel(
            f"{source}: {network.num_prefix_tokens} tokens stand before the patches, but "
            f"{len(prefix)} are known ({', '.join(prefix) or 'none'})."
        )
    return tuple(prefix)


def heads_of(source: str, network: Any) -> int:
    """Heads of each layer; raises UnsupportedModel where layers differ."""
    counts = [getattr(block, "attn", block).num_heads for block in network.blocks]
    if len(set(counts)) != 1:
        raise UnsupportedModel(
            f"{source}: its layers have {', '.join(map(str, counts))} heads: expected as many in "
            "each layer."
        )
    return int(counts[0])


def pooling_of(network: Any) -> Any:
    """The head whose one learned query pools all tokens, SigLIP's for example, or None.

    Heads that leave the prefix out have shorter rows, and refined pooling has no learned query:
    neither is a query over prefix and patches.
    """
    pool = getattr(network, "attn_pool", None)
    whole = network.num_prefix_tokens == 0 or getattr(network, "pool_include_prefix", True)
    return pool if getattr(pool, "latent_len", 0) == 1 and whole else None
