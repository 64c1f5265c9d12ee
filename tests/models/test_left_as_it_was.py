"""What a model's owner may do before, beside and after a capture, and what is refused of it."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import tiny
import vitmap
from eager import tensor_of
from vitmap.errors import CaptureError, UnsupportedModel, UsageError
from vitmap.maps.query import Query
from vitmap.photo.read import read_photo

PROCESSOR = transformers.ViTImageProcessor(**tiny.PROCESSOR)
PHOTO = read_photo(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def backbone_of(network: Any) -> Any:
    return vitmap.from_transformers(network, PROCESSOR)


def test_another_thread_that_runs_the_same_model_is_not_heard() -> None:
    network: Any = tiny.scale_queries_and_keys(tiny.build("vit", num_hidden_layers=4))
    model, stop, failures = backbone_of(network), threading.Event(), []
    pixels = torch.rand(1, 3, 16, 16)

    def bystander() -> None:
        while not stop.is_set():
            try:
                with torch.no_grad():
                    network(pixel_values=pixels)
            except BaseException as error:
                failures.append(error)

    alone = vitmap.attend(model, PHOTO, size=32).values
    before = sys.getswitchinterval()
    thread = threading.Thread(target=bystander)
    try:
        sys.setswitchinterval(1e-5)
        thread.start()
        for _ in range(60):
            np.testing.assert_array_equal(vitmap.attend(model, PHOTO, size=32).values, alone)
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
    assert failures == []


def test_two_threads_capture_one_model() -> None:
    model = backbone_of(tiny.scale_queries_and_keys(tiny.build("vit")))
    expected = vitmap.attend(model, PHOTO, "all", size=32).values
    found: list[np.ndarray] = []

    def capture() -> None:
        for _ in range(15):
            found.append(vitmap.attend(model, PHOTO, "all", size=32).values)

    threads = [threading.Thread(target=capture) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    for values in found:
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_captured_model_can_be_trained(family: str) -> None:
    """And a fresh one too: transformers caches BEiT's position index for the whole process."""
    network: Any = tiny.build(family)
    model = backbone_of(network)
    vitmap.attend(model, PHOTO, "all", size=28)
    pixels = tensor_of(model, PHOTO, model.facts.view(PHOTO.size, 28))
    for one in (network, tiny.build(family)):
        one.train()
        model = backbone_of(one)
        output = model.trunk(pixels).last_hidden_state
        output.sum().backward()
        assert next(one.parameters()).grad is not None


def test_a_forward_that_never_begins_leaves_no_hook() -> None:
    network = tiny.build("vit").to("meta")
    model = backbone_of(network)
    with pytest.raises(Exception):  # noqa: B017, PT011 (torch's own words on meta tensors)
        vitmap.attend(model, PHOTO, "all", size=16)
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_layers_that_share_a_module_are_refused() -> None:
    network: Any = tiny.build("vit")
    network.layers = nn.ModuleList([network.layers[0]] * 3)
    with pytest.raises(CaptureError, match="One module stands for several layers"):
        vitmap.attend(backbone_of(network), PHOTO, 2, size=16)


def test_a_part_in_training_mode_is_refused() -> None:
    network: Any = tiny.build("vit")
    network.layers[0].train()
    with pytest.raises(UnsupportedModel, match="is in training mode"):
        vitmap.attend(backbone_of(network), PHOTO, size=16)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16], ids=str)
def test_weights_that_were_cast_since_are_refused(dtype: torch.dtype) -> None:
    network = tiny.build("vit")
    model = backbone_of(network)
    network.to(dtype)
    with pytest.raises(
        UnsupportedModel, match=rf"holds weights in {dtype}, but was handed over in"
    ):
        vitmap.attend(model, PHOTO, size=16)


STRANGERS = {
    "a linear layer": (lambda: nn.Linear(2, 2), "a Linear, which is no model of transformers"),
    "DataParallel": (lambda: nn.DataParallel(tiny.build("vit")), "unwrap DataParallel"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_model_of_transformers_is_refused_by_name(name: str) -> None:
    build, message = STRANGERS[name]
    with pytest.raises(UnsupportedModel, match=message):
        backbone_of(build())


def test_a_masked_autoencoder_with_its_decoder_gives_its_encoders_maps() -> None:
    encoder: Any = tiny.scale_queries_and_keys(tiny.build("vit_mae"))
    config = encoder.config
    for name in ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"):
        setattr(config, f"decoder_{name}", 8 if "size" in name else 2)
    whole: Any = transformers.ViTMAEForPreTraining(config).eval()
    whole.vit.load_state_dict(encoder.state_dict())
    expected = vitmap.attend(backbone_of(encoder), PHOTO, "all", size=32)
    found = vitmap.attend(backbone_of(whole), PHOTO, "all", size=32)
    np.testing.assert_array_equal(found.values, expected.values)


def test_a_fixed_size_that_is_no_whole_number_of_patches_is_refused() -> None:
    model = backbone_of(tiny.build("vit", image_size=(30, 46)))
    with pytest.raises(UnsupportedModel, match="46 × 30 px alone, which is no whole number of pat"):
        vitmap.attend(model, PHOTO)


def test_a_layers_class_that_was_compiled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = tiny.build("vit")
    kind = type(network.layers[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setattr(kind, "forward", torch.compile(kind.forward, backend="eager"))
    with pytest.raises(CaptureError, match=r"ViTLayer was compiled with torch\.compile"):
        backbone_of(network)


def test_a_compiled_forward_that_is_wrapped_is_refused() -> None:
    network: Any = tiny.build("vit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.forward = functools.partial(torch.compile(network.forward, backend="eager"))
    with pytest.raises(CaptureError, match=r"ViTModel was compiled with torch\.compile"):
        backbone_of(network)


def test_a_query_of_another_type_is_refused() -> None:
    """In a process of its own: here every call is checked against its annotations."""
    code = (
        "import vitmap, numpy\n"
        "model, photo = vitmap.load('embedded'), numpy.zeros((32, 32, 3), numpy.uint8)\n"
        "for query in (3, b'cls', ('cls',)):\n"
        "    try:\n"
        "        vitmap.attend(model, photo, query=query, size=32)\n"
        "    except vitmap.VitmapError as error:\n"
        "        print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    expected = "is none: expected a vitmap.Query or text such as patch:120,80."
    assert lines == [f"Query {query!r} {expected}" for query in (3, b"cls", ("cls",))]


def test_a_kind_of_query_that_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="Query 'bogus' is not known"):
        Query("bogus")
