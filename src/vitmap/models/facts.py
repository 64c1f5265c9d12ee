"""Facts: what a loaded network itself says of its numbers, for the record of a run."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import torch
from torch import nn

from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import Source

PRECISIONS = ("fp32", "bf16")


def with_facts(source: Source, network: nn.Module, *libraries: str) -> Source:
    """The source with precision, device, and the versions of the libraries that run the network.

    Raises UnsupportedModel for weights of another kind, such as float16.
    """
    first = next(network.parameters())
    precision = {torch.float32: "fp32", torch.bfloat16: "bf16 weights"}.get(first.dtype)
    if precision is None:
        raise UnsupportedModel(
            f"{source.model}: weights in {first.dtype}: expected float32 or bfloat16. "
            "Load it with dtype=torch.float32."
        )
    versions = {library: version(library) for library in ("torch", *libraries)}
    return replace(source, precision=precision, device=str(first.device), versions=versions)


def width_of(layer: nn.Module) -> int:
    """The numbers of a token: what the layer's first linear module reads, however it is called."""
    return next(m for m in layer.modules() if isinstance(m, nn.Linear)).in_features
