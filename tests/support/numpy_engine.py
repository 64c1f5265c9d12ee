"""An engine in plain numpy: a ViT of one size, read from its checkpoint, without torch."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
from einops import rearrange
from PIL import Image
from safetensors.numpy import load_file

from vitmap.maps.maps import Source
from vitmap.models.engine import Captured, Facts, Wants
from vitmap.photo.read import Photo
from vitmap.photo.view import View

_erf = np.vectorize(math.erf, otypes=[np.float64])


class NumpyEngine:
    """Gives rows, tokens and logits; it has neither operands nor spans to give."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "config.json").read_text("utf-8"))
        file = folder / "model.safetensors"
        named = "ForImageClassification" in about["architectures"][0]
        self._weights = {k.removeprefix("vit."): v for k, v in load_file(file).items()}
        self._epsilon = about["layer_norm_eps"]
        side, patch = about["image_size"], about["patch_size"]
        self.facts = Facts(
            name=f"numpy:{folder.name}",
            depth=about["num_hidden_layers"],
            heads=about["num_attention_heads"],
            width=about["hidden_size"],
            patch=(patch, patch),
            prefix=("CLS",),
            native=(side, side),
            any_size=False,
            source=Source(str(folder), digest=hashlib.sha256(file.read_bytes()).hexdigest()),
            gives=frozenset({"rows", "tokens", *(["logits"] if named else [])}),
            labels={int(k): v for k, v in about["id2label"].items()} if named else None,
        )

    def pixels(self, photo: Photo, view: View) -> np.ndarray:
        image = Image.fromarray(photo.pixels).resize(view.target[::-1], Image.Resampling.BILINEAR)
        values = (np.asarray(image, dtype=np.float32) / 255 - 0.5) / 0.5
        return np.ascontiguousarray(rearrange(values, "y x c -> 1 c y x"))

    def classifier_pixels(self, photo: Photo) -> np.ndarray:
        return self.pixels(photo, self.facts.view(photo.size))

    def run(self, pixels: np.ndarray, wants: Wants) -> Captured:
        facts = self.facts
        facts.require(wants.needs(facts.depth), "what was asked")
        rows, tokens = {}, {}
        x = self._embedded(pixels)
        for layer in range(facts.depth):
            name = f"encoder.layer.{layer}"
            shares, x = self._layer(name, x)
            if layer in wants.rows:
                asked = [shares[:, :, list(some)].mean(axis=2) for some in wants.rows[layer]]
                rows[layer] = np.stack(asked, axis=2).astype(np.float32)
            if layer in wants.tokens:
                tokens[layer] = x[:, len(facts.prefix) :].astype(np.float32)
        logits = None
        if wants.logits:
            logits = self._linear("classifier", self._norm("layernorm", x)[:, 0])
        return Captured(rows, tokens, logits=logits if logits is None else np.float32(logits))

    def _embedded(self, pixels: np.ndarray) -> np.ndarray:
        stem = "embeddings.patch_embeddings.projection"
        py, px = self.facts.patch
        patches = rearrange(
            pixels, "b c (gy py) (gx px) -> b (gy gx) (c py px)", py=py, px=px
        ).astype(np.float64)
        kernel = rearrange(self._weights[f"{stem}.weight"], "f c py px -> (c py px) f")
        found = patches @ kernel + self._weights[f"{stem}.bias"]
        cls = np.broadcast_to(self._weights["embeddings.cls_token"], (len(found), 1, len(kernel.T)))
        return np.concatenate([cls, found], 1) + self._weights["embeddings.position_embeddings"]

    def _layer(self, name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        normed, attention = self._norm(f"{name}.layernorm_before", x), f"{name}.attention"
        q, k, v = (
            rearrange(
                self._linear(f"{attention}.attention.{role}", normed),
                "b n (h d) -> b h n d",
                h=self.facts.heads,
            )
            for role in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(-2, -1) / math.sqrt(q.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        joined = rearrange(shares @ v, "b h n d -> b n (h d)")
        x = x + self._linear(f"{attention}.output.dense", joined)
        hidden = self._linear(
            f"{name}.intermediate.dense", self._norm(f"{name}.layernorm_after", x)
        )
        bent = hidden * 0.5 * (1 + _erf(hidden / math.sqrt(2)))
        return shares, x + self._linear(f"{name}.output.dense", bent)

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, name: str, x: np.ndarray) -> np.ndarray:
        away = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((away**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return away / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def read(name: str, precision: str, device: str, _: bool) -> NumpyEngine:
    """What `--model numpy:FOLDER` asks for."""
    assert (precision, device in ("auto", "cpu")) == ("fp32", True)
    return NumpyEngine(Path(name))
