"""Engine: what runs a model, with its Facts; a forward is asked for its Wants and gives Captured.

Everything outside `models/` speaks to a model through these alone: no torch, no module, no hook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from vitmap.errors import UnsupportedModel
from vitmap.maps.maps import Source
from vitmap.maps.operands import LayerOperands
from vitmap.maps.query import Query
from vitmap.photo.read import Photo
from vitmap.photo.view import View

SIZE = 480  # the side of a square with as many pixels as the model sees, where it takes any size

TokenSet = Sequence[int]  # a query: one token, or several whose rows are averaged
Pixels = Float32[np.ndarray, "batch 3 y x"]

GIVES = {
    "rows": "rows of softmax(QKᵀ)",
    "pool": "rows of an attention-pooling head",
    "tokens": "the patch features that leave a layer",
    "operands": "queries and keys",
    "spans": "how far each head looks",
    "logits": "a classifier's logits",
}


@dataclass(frozen=True)
class Facts:
    """What is known of a loaded plain ViT: its layers run one after the other, each attends once.

    `gives` names what its engine can hand out of a forward, in the words of `GIVES`.
    """

    name: str
    depth: int  # layers
    heads: int  # in each layer
    width: int  # numbers in a token
    patch: tuple[int, int]
    prefix: tuple[str, ...]  # token names before the patches, in order
    native: tuple[int, int]  # (y, x) in pixels that it was trained at
    any_size: bool  # whether it takes other sizes than that
    source: Source
    gives: frozenset[str]
    labels: Mapping[int, str] | None = None  # None: no classifier
    pooling_heads: int = 0  # of the pooling head, where it has one

    def default_query(self, layers: Sequence[int]) -> Query:
        """Whose attention is shown where nobody said: CLS, else the model's own pooling query.

        That one asks after the last layer alone: for other layers, and for models that pool by
        the mean, it is the mean over patches.
        """
        if "CLS" in self.prefix:
            return Query("cls")
        pools = "pool" in self.gives and tuple(layers) == (self.depth - 1,)
        return Query("pool" if pools else "mean")

    def view(self, photo: tuple[int, int], size: int | None = None, fit: str | None = None) -> View:
        """How a photo of (y, x) pixels reaches this model: 480 px and `keep` unless said.

        A model of one size sees every photo squashed to that size.

        Raises UnsupportedModel where that one size is not what was asked for, UsageError for a
        size or a fit that cannot be.
        """
        if not self.any_size and any(s % p for s, p in zip(self.native, self.patch, strict=True)):
            raise UnsupportedModel(
                f"{self.name}: it takes {self.native[1]} × {self.native[0]} px alone, which is no "
                f"whole number of patches of {self.patch[1]} × {self.patch[0]}: the borders would "
                "be drawn where the model does not see. Load it for any size (timm: "
                "dynamic_img_size=True)."
            )
        fixed = View(photo, self.native, self.patch, "squash")
        if not self.any_size and size is None and fit in (None, "squash"):
            return fixed
        view = View.of(photo, self.patch, SIZE if size is None else size, fit or "keep")
        if self.any_size or view.target == self.native:
            return view
        (height, width), (py, px) = self.native, self.patch
        raise UnsupportedModel(
            f"{self.name}: trained at {width} × {height} px with patches of {px} × {py}, and its "
            "position embeddings cannot be had at other sizes; the photo would be seen at "
            f"{view.target[1]} × {view.target[0]} px. Leave out --size and --fit (size= and fit=)."
        )

    def require(self, needs: frozenset[str], asker: str) -> None:
        """Raises UnsupportedModel where the engine does not give all that is needed."""
        missing = [GIVES.get(need, need) for need in sorted(needs - self.gives)]
        if missing:
            gives = ", ".join(GIVES[give] for give in GIVES if give in self.gives) or "nothing"
            raise UnsupportedModel(
                f"{self.name}: {asker} needs {' and '.join(missing)}, and its engine gives {gives}."
            )


@dataclass(frozen=True)
class Wants:
    """What a forward shall give; what is not asked for is not computed.

    A place in `rows` is a layer, or, one after the last layer, the pooling head. `spans` is the
    view of the first photo: then every layer that gives rows also says how far its heads look.
    """

    rows: Mapping[int, Sequence[TokenSet]] = field(default_factory=dict)  # place → queries
    tokens: Sequence[int] = ()  # layers
    operands: Sequence[int] = ()  # layers, of the first photo
    spans: View | None = None
    logits: bool = False

    def needs(self, depth: int) -> frozenset[str]:
        """What the engine of a model of so many layers must give, in the words of `GIVES`."""
        asked = {
            "rows": any(place < depth for place in self.rows),
            "pool": depth in self.rows,
            "tokens": bool(self.tokens),
            "operands": bool(self.operands),
            "spans": self.spans is not None,
            "logits": self.logits,
        }
        return frozenset(name for name, wanted in asked.items() if wanted)


@dataclass(frozen=True, eq=False)
class Captured:
    """What came out of one forward: all that was asked for, and nothing else."""

    rows: Mapping[int, Float32[np.ndarray, "batch head query token"]] = field(default_factory=dict)
    tokens: Mapping[int, Float32[np.ndarray, "batch patch feature"]] = field(default_factory=dict)
    operands: Mapping[int, LayerOperands] = field(default_factory=dict)
    spans: Mapping[int, Float32[np.ndarray, " head"]] = field(default_factory=dict)  # photo's px
    logits: Float32[np.ndarray, "batch label"] | None = None


@runtime_checkable
class Engine(Protocol):
    """Runs a model.

    >>> engine = load("facebook/dino-vits8")                                  # doctest: +SKIP
    >>> view = engine.facts.view(photo.size)                                  # doctest: +SKIP
    >>> wants = Wants(rows={11: [[0]]}, tokens=(8,))                          # doctest: +SKIP
    >>> captured = engine.run(engine.pixels(photo, view), wants)              # doctest: +SKIP
    >>> captured.rows[11].shape, captured.tokens[8].shape                     # doctest: +SKIP
    ((1, 6, 1, 3578), (1, 3577, 384))
    """

    @property
    def facts(self) -> Facts:
        """What the model is, and what this engine gives."""

    def pixels(self, photo: Photo, view: View) -> Float32[np.ndarray, "1 3 y x"]:
        """The model's input for a view."""

    def classifier_pixels(self, photo: Photo) -> Float32[np.ndarray, "1 3 y x"]:
        """The model's input exactly as its classifier was meant to get it, crop included."""

    def run(self, pixels: Pixels, wants: Wants) -> Captured:
        """One forward, left as soon as the last of what is wanted is known.

        `tokens` are the hidden states that leave a layer, without prefix tokens and without the
        model's final norm. Raises UnsupportedModel for what the engine does not give, CaptureError
        where it cannot be had exactly.
        """
