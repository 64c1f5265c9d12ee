"""Vision Transformers of torchvision: published (`torchvision:NAME@WEIGHTS`), or in memory."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.models import vision_transformer
from torchvision.transforms._presets import ImageClassification

from vitmap.errors import ModelUnavailable, UnsupportedModel
from vitmap.maps.maps import Source
from vitmap.models.capture import refuse_compiled
from vitmap.models.engine import Facts
from vitmap.models.facts import width_of, with_facts
from vitmap.models.families import windowed
from vitmap.models.hub import find_file
from vitmap.models.preprocess import Preprocess, prepared
from vitmap.models.torch_engine import TorchEngine, gives_of, parse_device
from vitmap.registry import suggest


def read(
    name: str, precision: str = "fp32", device: str = "auto", classify: bool = True
) -> TorchEngine:
    """`NAME` or `NAME@WEIGHTS`, such as `vit_b_16@IMAGENET1K_SWAG_E2E_V1`.

    Without weights they are torchvision's default ones. They come from torch's cache (TORCH_HOME)
    or are fetched.

    Raises ModelUnavailable where they cannot be had, UnsupportedModel for another kind of model,
    UsageError for weights that torchvision does not list.
    """
    architecture, _, wanted = name.partition("@")
    if architecture not in models.list_models(module=models):
        near = difflib.get_close_matches(architecture, models.list_models(module=models), n=1)
        hint = f": did you mean {near[0]!r}?" if near else "."
        raise ModelUnavailable(f"torchvision:{architecture} is not known to torchvision{hint}")
    build = models.get_model_builder(architecture)
    if build.__module__ != vision_transformer.__name__:
        kind = build.__module__.rpartition(".")[-1]
        raise _refused(f"torchvision:{architecture}", kind)
    known: Any = models.get_model_weights(architecture)
    if wanted and wanted not in known.__members__:
        raise suggest(f"weights of torchvision:{architecture}", wanted, known.__members__)
    weights = known[wanted] if wanted else known.DEFAULT
    source = f"torchvision:{architecture}@{weights.name}"

    file = find_file(source, weights.url)
    labels, side = weights.meta["categories"], weights.meta["min_size"][0]
    network = build(weights=None, image_size=side, num_classes=len(labels))
    try:
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # torch and pickle each raise their own
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UnsupportedModel(
            f"{source}: {file} cannot be read ({reason[0]}). Remove it to fetch it again."
        ) from error
    network = network.to(parse_device(device)).eval()
    with file.open("rb") as content:
        origin = Source(source, digest=hashlib.file_digest(content, "sha256").hexdigest())
    engine = _engine(network, weights.transforms(), origin, labels if classify else None)
    return engine.in_bf16() if precision == "bf16" else engine


def from_torchvision(
    network: nn.Module,
    transforms: Any,
    source: Source | str = "a model in memory",
    labels: Sequence[str] | None = None,
) -> TorchEngine:
    """A torchvision Vision Transformer that is already loaded, for example a fine-tuned one.

    >>> model = from_torchvision(vit_b_16(...).eval(), weights.transforms())  # doctest: +SKIP

    `transforms` is the preset of its weights: mean and std are read from it. Labels that are not
    given are `class 0`, `class 1`, and so on. Nothing on the model is changed.

    Raises UnsupportedModel where it is no such model, CaptureError where it was compiled.
    """
    source = Source(model=source) if isinstance(source, str) else source
    if labels is None:
        head = getattr(getattr(network, "heads", None), "head", None)
        labels = [f"class {index}" for index in range(getattr(head, "out_features", 0))]
    return _engine(network, transforms, source, labels)


def _engine(
    network: Any, transforms: Any, source: Source, labels: Sequence[str] | None
) -> TorchEngine:
    refuse_compiled([network])
    _require_plain(source.model, network)
    if not isinstance(transforms, ImageClassification):
        raise UnsupportedModel(
            f"{source.model}: its mean and std are read from torchvision's ImageClassification "
            f"preset (weights.transforms()), not from {type(transforms).__name__}."
        )
    layers = list(network.encoder.layers)
    resample = Image.Resampling[transforms.interpolation.value.upper()]
    look = Preprocess(tuple(transforms.mean), tuple(transforms.std), int(resample))
    side, patch = network.image_size, network.patch_size
    facts = Facts(
        name=source.model,
        depth=len(layers),
        heads=layers[0].num_heads,
        width=width_of(layers[0]),
        patch=(patch, patch),
        prefix=("CLS",),
        native=(side, side),
        any_size=False,  # the network asserts it
        source=with_facts(source, network, "torchvision"),
        gives=gives_of(classifier=bool(labels), pooling=False),
        labels=dict(enumerate(labels)) if labels else None,
    )
    return TorchEngine(
        facts=facts,
        network=network,
        trunk=network,
        classifier=network if labels else None,
        layers=layers,
        prepare=partial(prepared, transforms, look),
    )


def _require_plain(source: str, network: Any) -> None:
    """Raises UnsupportedModel for another class, a stem of convolutions, or other layers."""
    if type(network) is not vision_transformer.VisionTransformer:
        raise _refused(source, type(network).__name__)
    if not isinstance(network.conv_proj, nn.Conv2d):
        raise UnsupportedModel(
            f"{source}: its patches come from a stem of several convolutions, which look beyond "
            "the patch: no map of it has a place."
        )
    other = {type(layer).__name__ for layer in network.encoder.layers} - {"EncoderBlock"}
    if other:
        raise UnsupportedModel(
            f"{source}: its layers are {', '.join(sorted(other))}: expected torchvision's "
            "EncoderBlock."
        )


def _refused(source: str, kind: str) -> UnsupportedModel:
    why = ", which attends within windows: no row of it covers the photo" if windowed(kind) else ""
    return UnsupportedModel(
        f"{source}: a model of torchvision's {kind}{why}. Maps can be read exactly from "
        "torchvision's VisionTransformer (vit_b_16, vit_b_32, vit_l_16, vit_l_32, vit_h_14)."
    )
