"""Checkpoints in the Hugging Face layout, through transformers' own auto classes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor
from transformers.utils import logging as chatter

from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import Source
from vitmap.models.capture import refuse_compiled
from vitmap.models.checkpoint import Checkpoint
from vitmap.models.engine import Facts
from vitmap.models.entry import entry_of, unpacked
from vitmap.models.facts import width_of, with_facts
from vitmap.models.families import FAMILIES, Family, windowed
from vitmap.models.preprocess import Preprocess
from vitmap.models.torch_engine import TorchEngine, gives_of, parse_device
from vitmap.photo.read import Photo

_TROUBLE = {"missing_keys": "are missing from", "mismatched_keys": "have another shape in"}


def read_checkpoint(
    checkpoint: Checkpoint, precision: str = "fp32", device: str = "auto", classify: bool = True
) -> TorchEngine:
    """A checkpoint's folder → its engine; with its classifier where it has one and it is wanted.

    Raises UnsupportedModel for a folder that is no checkpoint, a model that is no plain ViT, and
    weights that are missing, broken or of another shape.
    """
    name, place = checkpoint.name, parse_device(device)
    checkpoint.require_regular()
    with _quiet():
        config = _read(name, "config.json", AutoConfig.from_pretrained, checkpoint.folder)
        family = _family(name, config)
        if not checkpoint.weights():
            raise UnsupportedModel(f"{name}: the folder holds no weights (*.safetensors).")
        has_classifier = any("ForImageClassification" in a for a in config.architectures or [])
        classes = family.classifier if classify and has_classifier else None
        network = _read_network(checkpoint, config, classes or family.backbone)
        processor = _read(
            name,
            "preprocessor_config.json",
            AutoImageProcessor.from_pretrained,
            checkpoint.folder,
        )
    source = Source(model=name, revision=checkpoint.revision, digest=checkpoint.digest())
    engine = from_transformers(network.to(place), processor, source)
    return engine.in_bf16() if precision == "bf16" else engine


def read_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """config.json with everything that its class fills in; no weights are read."""
    settings: dict[str, Any] = _read(
        checkpoint.name, "config.json", AutoConfig.from_pretrained, checkpoint.folder
    ).to_dict()
    return settings


def from_transformers(
    network: nn.Module, processor: Any, source: Source | str = "a model in memory"
) -> TorchEngine:
    """A transformers model that is already loaded, for example your own fine-tuned one.

    >>> model = from_transformers(ViTModel.from_pretrained(...), processor)   # doctest: +SKIP

    Nothing on the model is changed. Raises UnsupportedModel where it is no plain ViT, CaptureError
    where it was compiled.
    """
    refuse_compiled([network])
    source = Source(model=source) if isinstance(source, str) else source
    settings: Any = getattr(network, "config", None)
    if not hasattr(settings, "model_type"):
        raise UnsupportedModel(
            f"{source.model}: a {type(network).__name__}, which is no model of transformers. For "
            "other libraries there are from_timm and from_torchvision; unwrap DataParallel."
        )
    family = _family(source.model, settings)
    trunk = _trunk(network, family)
    if "pixel_values" not in inspect.signature(trunk.forward).parameters:
        raise UnsupportedModel(
            f"{source.model}: {type(network).__name__} holds no {family.backbone}: expected that, "
            "or a model built on it."
        )
    config, patch = trunk.config, _pair(trunk.config.patch_size)
    names = any("ForImageClassification" in base.__name__ for base in type(network).__mro__)
    count = config.num_register_tokens if family.registers else 0
    registers = [f"register {i}" for i in range(count)]
    native = _native(config, patch)
    heads = (m for m in trunk.modules() if type(m).__name__.endswith("AttentionPoolingHead"))
    whole = entry_of(network, family, patch, native) if names else None
    layers = _find_layers(trunk, config, source.model)
    pooling = getattr(next(heads, None), "attention", None)
    facts = Facts(
        name=source.model,
        depth=len(layers),
        heads=config.num_attention_heads,
        width=width_of(layers[0]),
        patch=patch,
        prefix=(*family.prefix, *registers),
        native=native,
        any_size=family.any_shape or (native[0] == native[1] and patch[0] == patch[1]),
        source=with_facts(source, network, "torchvision", "transformers"),
        gives=gives_of(classifier=names, pooling=pooling is not None),
        labels={int(k): str(v) for k, v in settings.id2label.items()} if names else None,
        pooling_heads=config.num_attention_heads,
    )
    return TorchEngine(
        facts=facts,
        network=network,
        trunk=entry_of(trunk, family, patch, native),
        classifier=(lambda pixels: whole(pixels).logits) if whole else None,
        layers=layers,
        prepare=partial(_prepare, processor, patch if family.entry == "packed" else None),
        pooling=pooling,
    )


def _trunk(network: nn.Module, family: Family) -> Any:
    """The part that ends with the last layer's tokens: no classifier, no text, no decoder."""
    for module in network.modules():
        if any(kind.__name__ == family.backbone for kind in type(module).__mro__):
            return module
    return getattr(network, "vision_model", getattr(network, "base_model", network))


def _prepare(
    processor: Any, packs: tuple[int, int] | None, photo: Photo, size: tuple[int, int] | None
) -> Float[Tensor, "1 3 y x"]:
    if packs is not None and size is not None:  # NaFlex chooses its own size: this one is ours
        look = Preprocess(
            tuple(processor.image_mean),
            tuple(processor.image_std),
            int(processor.resample),
            processor.rescale_factor,
        )
        return look(photo, size)
    geometry: dict[str, Any] = {}
    if size is not None:
        height, width = size
        geometry = {"do_resize": True, "size": {"height": height, "width": width}}
        geometry["do_center_crop"] = False
    # The channel axis is said: a photo that is 3 px wide must not be taken for planes.
    batch = processor(
        images=photo.pixels, return_tensors="pt", input_data_format="channels_last", **geometry
    )
    return batch["pixel_values"] if packs is None else unpacked(batch, packs)


def _read_network(checkpoint: Checkpoint, config: Any, kind: str) -> nn.Module:
    model: Any = getattr(transformers, kind)
    pools = "add_pooling_layer" in inspect.signature(model.__init__).parameters
    if "vision_config" in config and "ForImageClassification" not in kind:
        config = config.vision_config  # the vision tower of CLIP and SigLIP, without the text
    network, report = _read(
        checkpoint.name,
        "the weights",
        model.from_pretrained,
        checkpoint.folder,
        config=config,
        dtype=torch.float32,
        attn_implementation="sdpa",  # the one call a capture can see
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused below, in a line that says which
        **({"add_pooling_layer": False} if pools else {}),  # few checkpoints have its weights
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


def _family(name: str, config: Any) -> Family:
    if config.model_type not in FAMILIES:
        known = [kind for kind in FAMILIES if not kind.endswith("_vision_model")]
        if windowed(config.model_type):
            raise UnsupportedModel(
                f"{name}: a {config.model_type!r} model attends within windows: no row of its "
                f"attention covers the photo. Maps can be read from {', '.join(known)}."
            )
        raise UnsupportedModel(
            f"{name}: a {config.model_type!r} model; maps can be read exactly from "
            f"{', '.join(known)}."
        )
    return FAMILIES[config.model_type]


def _native(config: Any, patch: tuple[int, int]) -> tuple[int, int]:
    """The size it was trained at; SigLIP 2 NaFlex knows a number of patches instead."""
    if getattr(config, "num_patches", None) and not hasattr(config, "image_size"):
        side = math.isqrt(config.num_patches)
        return side * patch[0], side * patch[1]
    return _pair(config.image_size)


def _find_layers(trunk: nn.Module, config: Any, name: str) -> list[nn.Module]:
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


def vit_from_state(config: dict[str, Any], state: dict[str, Tensor]) -> nn.Module:
    """A ViTModel with these weights, under the names that checkpoints on the hub use."""
    settings: Any = transformers.ViTConfig(**config)
    with _quiet():
        network: nn.Module = transformers.ViTModel.from_pretrained(
            None,
            config=settings,
            state_dict=state,
            attn_implementation="sdpa",
            add_pooling_layer=False,
        )
    return network.eval()
