"""Two small ViTs with a classifier, of fixed random weights, as folders that `--model` takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

WIDTH, MLP, LAYERS, HEADS, PATCH, SIDE, CLASSES = 24, 32, 3, 3, 8, 64, 3


def write_models(folder: Path) -> None:
    """Write `tiny-a` and `tiny-b`: one shape, other weights."""
    for seed, name in enumerate(("tiny-a", "tiny-b")):
        write_model(folder / name, seed)


def write_model(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    save_file(weights(seed), folder / "model.safetensors", metadata={"format": "pt"})
    for name, settings in (("config", config()), ("preprocessor_config", processor())):
        (folder / f"{name}.json").write_text(json.dumps(settings), encoding="utf-8")


def weights(seed: int) -> dict[str, np.ndarray]:
    """Weights of the seed, large enough that no row of attention is flat."""
    chance = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.5, shape).astype(np.float32)

    def linear(name: str, out: int, into: int) -> dict[str, np.ndarray]:
        return {f"{name}.weight": drawn(out, into), f"{name}.bias": drawn(out)}

    def norm(name: str) -> dict[str, np.ndarray]:
        ones = np.ones(WIDTH, dtype=np.float32)
        return {f"{name}.weight": ones, f"{name}.bias": 0 * ones}

    top = "vit.embeddings"
    found = {
        f"{top}.cls_token": drawn(1, 1, WIDTH),
        f"{top}.position_embeddings": drawn(1, 1 + (SIDE // PATCH) ** 2, WIDTH),
        f"{top}.patch_embeddings.projection.weight": drawn(WIDTH, 3, PATCH, PATCH) / PATCH,
        f"{top}.patch_embeddings.projection.bias": drawn(WIDTH),
        **norm("vit.layernorm"),
        **linear("classifier", CLASSES, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"vit.encoder.layer.{layer}"
        for role in ("query", "key", "value"):
            found |= linear(f"{block}.attention.attention.{role}", WIDTH, WIDTH)
        found |= linear(f"{block}.attention.output.dense", WIDTH, WIDTH)
        found |= linear(f"{block}.intermediate.dense", MLP, WIDTH)
        found |= linear(f"{block}.output.dense", WIDTH, MLP)
        found |= norm(f"{block}.layernorm_before") | norm(f"{block}.layernorm_after")
    return found


def config() -> dict[str, object]:
    names = {str(i): f"class-{i}" for i in range(CLASSES)}
    return {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
        "hidden_size": WIDTH,
        "intermediate_size": MLP,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "patch_size": PATCH,
        "image_size": SIDE,
        "id2label": names,
        "label2id": {name: int(i) for i, name in names.items()},
    }


def processor() -> dict[str, object]:
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": SIDE, "width": SIDE},
    }
