"""Models of timm: published (`timm:NAME`), in a local folder, or already in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import ImageNetInfo, create_transform, infer_imagenet_subset, resolve_data_config
from timm.data.transforms import str_to_pil_interp
from timm.models import load_state_dict
from torch import nn

from vitmap.errors import ModelUnavailable, UnsupportedModel
from vitmap.maps.maps import Source
from vitmap.models.capture import refuse_compiled
from vitmap.models.checkpoint import Checkpoint
from vitmap.models.engine import Facts
from vitmap.models.facts import width_of, with_facts
from vitmap.models.hub import find_checkpoint, find_published
from vitmap.models.preprocess import Preprocess, prepared
from vitmap.models.timm_plain import RESAMPLED, require_module, require_plain, unknown
from vitmap.models.timm_tokens import heads_of, pooling_of, prefix_of
from vitmap.models.torch_engine import Prepare, TorchEngine, gives_of, parse_device


def read(
    name: str, precision: str = "fp32", device: str = "auto", classify: bool = True
) -> TorchEngine:
    """`NAME`, `NAME.TAG`, `NAME.TAG@REVISION` as timm lists them, or a folder in timm's layout.

    The weights come from the hub that timm names, through the local cache; timm fetches nothing.

    Raises ModelUnavailable where they cannot be had, UnsupportedModel where the model is no plain
    ViT or its weights do not fit.
    """
    if name.startswith((".", "/", "~")) or Path(name).is_dir():
        return read_folder(find_checkpoint(name), precision, device, classify)
    known, _, revision = name.partition("@")
    repo, _, pinned = _published(known).hf_hub_id.partition("@")
    module = require_module(f"timm:{known}", known)
    checkpoint = find_published(f"{repo}@{revision or pinned}")
    network = _build(f"timm:{known}", known, module, checkpoint)
    return _loaded(f"timm:{known}", network, checkpoint, precision, device, classify)


def read_folder(
    checkpoint: Checkpoint, precision: str = "fp32", device: str = "auto", classify: bool = True
) -> TorchEngine:
    """A folder as timm writes it for the hub: config.json with an architecture, and weights."""
    name = checkpoint.name
    checkpoint.require_regular()
    if not checkpoint.is_timm():
        raise UnsupportedModel(
            f"{name}: no config.json of timm (with an architecture) in this folder. Expected "
            "config.json and model.safetensors, as timm.models.save_for_hf writes them."
        )
    config = checkpoint.settings()
    module = require_module(name, str(config["architecture"]))
    network = _build(name, f"local-dir:{checkpoint.folder}", module, checkpoint)
    return _loaded(name, network, checkpoint, precision, device, classify)


def shape_of(checkpoint: Checkpoint) -> tuple[int, int, int, tuple[str, ...], int]:
    """Patch, layers, heads, prefix tokens and classes of a folder, without reading its weights.

    Raises UnsupportedModel where it is no plain ViT.
    """
    config = checkpoint.settings()
    name = str(config["architecture"])
    require_module(checkpoint.name, name)
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, **config.get("model_args") or {})
    require_plain(checkpoint.name, network)
    classes = int(config.get("num_classes") or network.num_classes)
    prefix, heads = prefix_of(checkpoint.name, network), heads_of(checkpoint.name, network)
    return int(network.patch_embed.patch_size[0]), len(network.blocks), heads, prefix, classes


def from_timm(
    network: nn.Module,
    source: Source | str = "a model in memory",
    data_config: Mapping[str, Any] | None = None,
) -> TorchEngine:
    """A timm model that is already loaded, for example your own fine-tuned one.

    >>> model = from_timm(timm.create_model("vit_tiny_patch16_224", ...).eval())  # doctest: +SKIP

    `data_config` holds mean, std, interpolation and the like, as `timm.data.resolve_data_config`
    returns them; without it they are those of `network.pretrained_cfg`. A model made with
    `dynamic_img_size=True` takes photos of any size. Nothing on the model is changed.

    Raises UnsupportedModel where it is no plain ViT, CaptureError where it was compiled.
    """
    source = Source(model=source) if isinstance(source, str) else source
    return _engine(network, source, data_config, classify=True)


def _build(source: str, name: str, module: str, checkpoint: Checkpoint) -> nn.Module:
    """The network, with the weights through timm's own filter for its checkpoints."""
    checkpoint.require_regular()
    files = checkpoint.weights()
    if len(files) != 1:
        raise UnsupportedModel(
            f"{source}: expected one file of weights (model.safetensors), found {len(files)}."
        )
    overlay = {"file": str(files[0]), "source": "", "custom_load": False}
    options = {"dynamic_img_size": True} if module in RESAMPLED else {}
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
    except Exception as error:  # timm, torch, pickle and safetensors each raise their own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines[:3]) or type(error).__name__
        raise UnsupportedModel(f"{source}: it cannot be read ({reason}).") from error
    require_plain(source, network)
    _require_all_weights(source, network, files[0])
    return network


def _loaded(
    source: str,
    network: Any,
    checkpoint: Checkpoint,
    precision: str,
    device: str,
    classify: bool,
) -> TorchEngine:
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = True  # the one call a capture can see; the model is our own
    network = network.float().to(parse_device(device)).eval()
    origin = Source(model=source, revision=checkpoint.revision, digest=checkpoint.digest())
    engine = _engine(network, origin, None, classify)
    return engine.in_bf16() if precision == "bf16" else engine


def _engine(
    network: Any, source: Source, data_config: Mapping[str, Any] | None, classify: bool
) -> TorchEngine:
    refuse_compiled([network])
    require_plain(source.model, network)
    patch, native = network.patch_embed.patch_size, network.patch_embed.img_size
    prefix = prefix_of(source.model, network)
    pooling, labels = pooling_of(network), _labels(network) if classify else None
    layers = list(network.blocks)
    facts = Facts(
        name=source.model,
        depth=len(layers),
        heads=heads_of(source.model, network),
        width=width_of(layers[0]),
        patch=(int(patch[0]), int(patch[1])),
        prefix=prefix,
        native=(int(native[0]), int(native[1])),
        any_size=bool(getattr(network, "dynamic_img_size", False)),
        source=with_facts(source, network, "torchvision", "timm"),
        gives=gives_of(classifier=bool(labels), pooling=pooling is not None),
        labels=labels,
        pooling_heads=pooling.num_heads if pooling is not None else 0,
    )
    return TorchEngine(
        facts=facts,
        network=network,
        trunk=lambda pixels: network.forward_head(
            network.forward_features(pixels), pre_logits=True
        ),
        classifier=network if labels else None,
        layers=layers,
        prepare=_prepare(source.model, network, data_config),
        pooling=pooling,
    )


def _published(name: str) -> Any:
    """timm's own settings of a published model, with the hub's id of its weights."""
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise unknown(f"timm:{name}", name)
    known = timm.list_models(f"{architecture}.*", pretrained=True)
    settings = timm.get_pretrained_cfg(name) if name in [architecture, *known] else None
    if settings is None or not settings.hf_hub_id:
        has = f"Published: {', '.join(known)}." if known else "None are published for it."
        raise ModelUnavailable(
            f"timm:{name}: timm names no weights on the hub, and with random ones the maps would "
            f"mean nothing. {has}"
        )
    return settings


def _require_all_weights(source: str, network: Any, file: Path) -> None:
    """timm loads strictly but in these cases, where it leaves what does not fit random."""
    settings = network.pretrained_cfg
    had = (settings["num_classes"], settings["input_size"][0])
    has = (network.num_classes, network.patch_embed.proj.in_channels)
    if had != has:
        raise UnsupportedModel(
            f"{source}: its weights are for {had[0]} classes and {had[1]} channels, the model has "
            f"{has[0]} and {has[1]}: parts of it would be random."
        )
    if "siglip" in settings["architecture"] and getattr(network, "attn_pool", None) is None:
        missing = sorted(set(network.state_dict()) - set(load_state_dict(str(file))))
        if missing:
            raise UnsupportedModel(
                f"{source}: weights are missing from the checkpoint ({len(missing)}: "
                f"{', '.join(missing[:3])}{', …' if len(missing) > 3 else ''})."
            )


def _labels(network: Any) -> dict[int, str] | None:
    """The checkpoint's own names; ImageNet's where its tag says so; else plain numbers."""
    count, settings = network.num_classes, getattr(network, "pretrained_cfg", {})
    if not count:
        return None
    names = settings.get("label_names")
    if names and len(names) == count:
        told = settings.get("label_descriptions") or {}
        return {index: str(told.get(name, name)) for index, name in enumerate(names)}
    subset = infer_imagenet_subset({"num_classes": count})
    if subset and re.search(r"in\d+k", settings.get("tag") or ""):
        return dict(enumerate(ImageNetInfo(subset).label_descriptions()))
    return {index: f"class {index}" for index in range(count)}


def _prepare(source: str, network: Any, data_config: Mapping[str, Any] | None) -> Prepare:
    settings = getattr(network, "pretrained_cfg", None)
    if not settings and not {"mean", "std"} <= set(data_config or {}):
        raise UnsupportedModel(
            f"{source}: it has no pretrained_cfg, so its mean and std are not known: pass "
            "data_config={'mean': …, 'std': …, 'interpolation': …}."
        )
    config = resolve_data_config(dict(data_config or {}), settings or {})
    native = tuple(network.patch_embed.img_size)
    if not getattr(network, "dynamic_img_size", False) or not settings:
        config["input_size"] = (3, *native)  # the only one that it takes
    look = Preprocess(
        tuple(config["mean"]), tuple(config["std"]), int(str_to_pil_interp(config["interpolation"]))
    )
    return partial(prepared, create_transform(**config), look)
