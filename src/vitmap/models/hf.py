"""Checkpoints in the Hugging Face layout, through transformers' own auto classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
)
from transformers.utils import logging as chatter

from vitmap.errors import UnsupportedModel
from vitmap.maps import Source
from vitmap.models.backbone import Backbone, parse_device
from vitmap.models.hub import Checkpoint

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


# Model type → the tokens before the patches, in the model's own order; registers follow them.
FAMILIES: dict[str, tuple[str, ...]] = {
    "vit": ("CLS",),
    "deit": ("CLS", "distillation"),
    "dinov2": ("CLS",),
    "dinov2_with_registers": ("CLS",),
}
_TROUBLE = {"missing_keys": "are missing from", "mismatched_keys": "have another shape in"}
_POOLED = {"vit", "deit"}  # these add a pooling layer, which few checkpoints have weights for


def read_checkpoint(
    checkpoint: Checkpoint, precision: str = "fp32", device: str = "auto", classify: bool = True
) -> Backbone:
    """A checkpoint's folder → Backbone; with its classifier where it has one and it is wanted.

    Raises UnsupportedModel for a folder that is no checkpoint, a model that is no plain ViT, and
    weights that are missing, broken or of another shape.
    """
    name, place = checkpoint.name, parse_device(device)
    with _quiet():
        config = _read(name, "config.json", AutoConfig.from_pretrained, checkpoint.folder)
        _require_family(name, config)
        if not checkpoint.weights():
            raise UnsupportedModel(f"{name}: the folder holds no weights (*.safetensors).")
        has_classifier = any("ForImageClassification" in a for a in config.architectures or [])
        network = _read_network(checkpoint, config, classify and has_classifier, precision)
        processor = _read(
            name,
            "preprocessor_config.json",
            AutoImageProcessor.from_pretrained,
            checkpoint.folder,
        )
    source = Source(model=name, revision=checkpoint.revision, digest=checkpoint.digest())
    return from_transformers(network.to(place), processor, source)


def from_transformers(
    network: nn.Module, processor: Any, source: Source | str = "a model in memory"
) -> Backbone:
    """A transformers model that is already loaded, for example your own fine-tuned one.

    >>> model = from_transformers(ViTModel.from_pretrained(...), processor)   # doctest: +SKIP

    Nothing on the model is changed. Raises UnsupportedModel where it is no plain ViT.
    """
    source = Source(model=source) if isinstance(source, str) else source
    config: Any = network.config
    _require_family(source.model, config)
    trunk: nn.Module = network.base_model  # type: ignore[assignment]
    has_classifier = "ForImageClassification" in type(network).__name__
    registers = [f"register {i}" for i in range(getattr(config, "num_register_tokens", 0))]
    return Backbone(
        name=source.model,
        network=network,
        trunk=trunk,
        blocks=_find_blocks(trunk, config, source.model),
        heads=config.num_attention_heads,
        patch=_pair(config.patch_size),
        prefix=(*FAMILIES[config.model_type], *registers),
        processor=processor,
        labels={int(k): str(v) for k, v in config.id2label.items()} if has_classifier else None,
        native=_pair(config.image_size),
        must_ask="interpolate_pos_encoding" in inspect.signature(trunk.forward).parameters,
        source=_with_facts(source, network),
    )


def _read_network(checkpoint: Checkpoint, config: Any, classify: bool, precision: str) -> nn.Module:
    auto = AutoModelForImageClassification if classify else AutoModel
    pooling = {} if classify or config.model_type not in _POOLED else {"add_pooling_layer": False}
    network, report = _read(
        checkpoint.name,
        "the weights",
        auto.from_pretrained,
        checkpoint.folder,
        config=config,
        dtype=DTYPES[precision],
        attn_implementation="sdpa",  # the one call a capture can see
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused below, in a line that says which
        **pooling,
    )
    for key, trouble in _TROUBLE.items():
        names = sorted(entry if isinstance(entry, str) else entry[0] for entry in report[key])
        if names:
            raise UnsupportedModel(
                f"{checkpoint.name}: weights {trouble} the checkpoint ({len(names)}: "
                f"{', '.join(names[:3])}{', …' if len(names) > 3 else ''}); with random ones in "
                "their place the maps would mean nothing."
            )
    loaded: nn.Module = network.eval()
    return loaded


def _read(name: str, part: str, reader: Callable[..., Any], folder: Path, **options: Any) -> Any:
    if part.endswith(".json") and not (folder / part).is_file():
        raise UnsupportedModel(
            f"{name}: the folder has no {part}. Expected a checkpoint in the Hugging Face layout: "
            "config.json, preprocessor_config.json, model.safetensors."
        )
    try:
        return reader(folder, local_files_only=True, trust_remote_code=False, **options)
    except UnsupportedModel:
        raise
    except Exception as error:  # transformers, safetensors, json and torch each raise their own
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        reason = lines[0] if lines else type(error).__name__
        raise UnsupportedModel(f"{name}: {part} cannot be read ({reason}).") from error


def _require_family(name: str, config: Any) -> None:
    if config.model_type not in FAMILIES:
        raise UnsupportedModel(
            f"{name}: a {config.model_type!r} model; maps can be read exactly from "
            f"{', '.join(FAMILIES)}."
        )


def _find_blocks(trunk: nn.Module, config: Any, name: str) -> list[nn.Module]:
    """The layers, found by shape rather than by name: names change between versions."""
    depth = config.num_hidden_layers
    lists = [m for m in trunk.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    stacks = [blocks for blocks in lists if len({type(block) for block in blocks}) == 1]
    if len(stacks) != 1:
        raise UnsupportedModel(
            f"{name}: expected one stack of {depth} layers, found {len(stacks)} in "
            f"{type(trunk).__name__}."
        )
    return list(stacks[0])


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _with_facts(source: Source, network: nn.Module) -> Source:
    """The source with what the network itself says: precision, device, versions.

    Raises UnsupportedModel for weights of another kind, such as float16.
    """
    first = next(network.parameters())
    precision = {dtype: name for name, dtype in DTYPES.items()}.get(first.dtype)
    if precision is None:
        raise UnsupportedModel(
            f"{source.model}: weights in {first.dtype}: expected float32 or bfloat16. "
            "Load it with dtype=torch.float32."
        )
    libraries = ("torch", "torchvision", "transformers")
    versions = {library: version(library) for library in libraries}
    return replace(source, precision=precision, device=str(first.device), versions=versions)


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers prints bars and load reports; what matters of them is raised instead."""
    level, bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()
