"""Where attention cannot be seen it is refused by name, and nothing is left behind."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn
from torch.overrides import _get_current_function_mode_stack

import tiny
import vitmap
from vitmap.errors import CaptureError
from vitmap.models.capture import capture
from vitmap.photo.read import read_photo

PROCESSOR = transformers.ViTImageProcessor(**tiny.PROCESSOR)
PHOTO = read_photo(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def _whole(network: Any) -> Any:
    return torch.compile(network, backend="eager")


def _in_place(network: Any) -> Any:
    network.compile(backend="eager")
    return network


def _one_layer(network: Any) -> Any:
    network.layers[1] = torch.compile(network.layers[1], backend="eager")
    return network


def _forward(network: Any) -> Any:
    network.forward = torch.compile(network.forward, backend="eager")
    return network


def _warmed(network: Any) -> Any:
    compiled = torch.compile(network, backend="eager")
    compiled(torch.zeros(1, 3, 16, 16))
    return compiled


COMPILED = {
    "the model": _whole,
    "the model, in place": _in_place,
    "one layer": _one_layer,
    "its forward": _forward,
    "the model, warm": _warmed,
}


@pytest.mark.parametrize("how", COMPILED.values(), ids=list(COMPILED))
def test_compiled_graphs_are_refused(how: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dynamo's own, of its first import
        network = how(tiny.build("vit"))
    with pytest.raises(CaptureError, match=r"was compiled with torch\.compile, which hides its"):
        vitmap.from_transformers(network, PROCESSOR)
    torch._dynamo.reset()


def test_a_model_that_is_compiled_later_is_refused() -> None:
    network: Any = tiny.build("vit")
    model = vitmap.from_transformers(network, PROCESSOR)
    network.compile(backend="eager")
    with pytest.raises(CaptureError, match=r"ViTModel was compiled with torch\.compile"):
        vitmap.attend(model, PHOTO)


def test_traced_modules_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and still in use
        traced = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(CaptureError, match=r"was compiled with torch\.jit"):
        capture(lambda: traced(torch.zeros(1, 2)), [traced], {0: [[0]]})


def test_a_kernel_registered_with_transformers_is_refused_by_its_name() -> None:
    """flash_attention_2 and the kernels of the hub come in by this door."""

    def hidden(_module: Any, q: Any, k: Any, v: Any, *_: object, **__: object) -> Any:
        return ((q @ k.transpose(-1, -2)).softmax(-1) @ v).transpose(1, 2), None

    transformers.AttentionInterface.register("own_kernel", hidden)
    network = tiny.build("vit", attn_implementation="own_kernel")
    model = vitmap.from_transformers(network, PROCESSOR)
    message = r"Layer 2 made no call .*: its attention implementation is 'own_kernel'"
    with pytest.raises(CaptureError, match=message):
        vitmap.attend(model, PHOTO)


class MemEffAttention(nn.Module):
    """Stands where DINOv2's own code calls xFormers: a kernel that torch does not know."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x @ x.transpose(-1, -2)).softmax(-1) @ x


def test_an_unknown_kernel_is_refused_by_the_module_that_calls_it() -> None:
    block = nn.Sequential(nn.LayerNorm(4), MemEffAttention())
    with pytest.raises(CaptureError, match=r"Sequential attends through MemEffAttention"):
        capture(lambda: block(torch.zeros(1, 5, 4)), [block], {0: [[0]]})


def test_a_layer_that_does_not_attend_is_refused() -> None:
    block = nn.Linear(4, 4)
    with pytest.raises(CaptureError, match=r"Linear attends through something unknown"):
        capture(lambda: block(torch.zeros(1, 5, 4)), [block], {0: [[0]]})


def test_a_query_that_the_call_does_not_have_is_refused() -> None:
    class Pooling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(x[:, :, :1], x, x)

    block = Pooling()
    with pytest.raises(CaptureError, match="Query token 3 asked for, but the attention call has 1"):
        capture(lambda: block(torch.zeros(1, 2, 5, 4)), [block], {0: [[3]]})


@pytest.mark.parametrize("how", ["stopped half-way", "broken half-way", "interrupted", "refused"])
def test_nothing_is_left_behind(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = tiny.build("vit")
    model = vitmap.from_transformers(network, PROCESSOR)
    config, weights = network.config.to_dict(), copy.deepcopy(network.state_dict())
    answer = network(torch.ones(1, 3, 16, 16)).last_hidden_state

    def broken(*_: object) -> None:
        raise {"interrupted": KeyboardInterrupt}.get(how, ZeroDivisionError)

    with monkeypatch.context() as patch:
        if how in ("broken half-way", "interrupted"):
            patch.setattr(network.layers[1].mlp, "forward", broken)
        if how == "refused":
            network.set_attn_implementation("eager")
        expected = (ZeroDivisionError, KeyboardInterrupt, CaptureError)
        if how == "stopped half-way":
            vitmap.attend(model, PHOTO, 1, size=16)
        else:
            with pytest.raises(expected):
                vitmap.attend(model, PHOTO, "all", size=16)
        network.set_attn_implementation("sdpa")

    assert _get_current_function_mode_stack() == []
    assert torch.is_grad_enabled()
    for module in network.modules():
        hooks = (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._forward_hooks_always_called,
        )
        assert not any(hooks)
    assert network.config.to_dict() == config
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert torch.equal(network(torch.ones(1, 3, 16, 16)).last_hidden_state, answer)
