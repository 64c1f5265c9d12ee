"""Operands: the queries and keys of one photo, from which every row of its attention can be made.

They grow linearly with the number of tokens, the rows with its square: what shows any patch's
attention later stores these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from vitmap.errors import UnsupportedModel, UsageError
from vitmap.maps.maps import Source
from vitmap.photo.view import View

_PLAY = 1e-6  # of the largest bias: offsets that differ by more are no offsets


@dataclass(frozen=True, eq=False)
class RelativeBias:
    """What a model with relative positions adds to the scores of one layer, as a table.

    Between patches it depends on their offset alone: `offsets[head, dy + gy - 1, dx + gx - 1]` is
    added where the key lies `dy` rows below and `dx` columns right of the query. Prefix tokens have
    no place, and keep their own rows (as queries) and columns (as keys).
    """

    offsets: Float32[np.ndarray, "head dy dx"]  # 2·gy − 1 by 2·gx − 1
    rows: Float32[np.ndarray, "head prefix token"]
    columns: Float32[np.ndarray, "head token prefix"]

    @classmethod
    def of(
        cls, mask: Float32[np.ndarray, "head token token"], prefix: int, grid: tuple[int, int]
    ) -> RelativeBias:
        """The table of a whole mask.

        Raises UnsupportedModel where the mask is no such table: no page could hold it.
        """
        gy, gx = grid
        patches = mask[:, prefix:, prefix:].reshape(-1, gy, gx, gy, gx)
        offsets = np.empty((len(mask), 2 * gy - 1, 2 * gx - 1), dtype=np.float32)
        for dy in range(-gy + 1, gy):
            for dx in range(-gx + 1, gx):
                row, column = max(0, -dy), max(0, -dx)  # the first query with such a key
                offsets[:, dy + gy - 1, dx + gx - 1] = patches[
                    :, row, column, row + dy, column + dx
                ]
        table = cls(offsets, mask[:, :prefix].copy(), mask[:, :, :prefix].copy())
        worst = max(
            float(np.abs(table.of_query(prefix + place) - mask[:, prefix + place]).max())
            for place in range(gy * gx)
        )
        if not worst <= _PLAY * float(np.abs(mask).max()):
            raise UnsupportedModel(
                "The attention mask of this model is no table of relative positions (patches with "
                f"one offset differ by {worst:.3g}): its rows cannot be made from queries and keys."
            )
        return table

    def of_query(self, token: int) -> Float32[np.ndarray, "head token"]:
        """What is added to one query token's scores."""
        prefix = self.rows.shape[1]
        if token < prefix:
            return self.rows[:, token]
        gy, gx = ((side + 1) // 2 for side in self.offsets.shape[1:])
        row, column = divmod(token - prefix, gx)
        window = self.offsets[:, gy - 1 - row : 2 * gy - 1 - row, gx - 1 - column :][:, :, :gx]
        return np.concatenate([self.columns[:, token], window.reshape(len(window), -1)], axis=1)


@dataclass(frozen=True, eq=False)
class LayerOperands:
    """Queries and keys of one layer, as a forward gives them."""

    query: Float32[np.ndarray, "head token dim"]  # times the call's scale
    key: Float32[np.ndarray, "head token dim"]
    bias: RelativeBias | None


@dataclass(frozen=True, eq=False)
class Operands:
    """Queries and keys of one photo, layer by layer and head by head.

    >>> maps, operands = attend_with_operands(model, photo, view)            # doctest: +SKIP
    >>> operands.row(layer=11, head=4, token=0)[1:].reshape(view.grid)        # doctest: +SKIP
    """

    query: Float32[np.ndarray, "layer head token dim"]  # times the call's scale
    key: Float32[np.ndarray, "layer head token dim"]
    bias: tuple[RelativeBias | None, ...]  # layer by layer
    layers: tuple[int, ...]  # the model's own numbers, 0-based
    depth: int
    prefix: tuple[str, ...]  # names of the tokens before the patches
    view: View
    source: Source

    def row(self, layer: int, head: int, token: int) -> Float[np.ndarray, " token"]:
        """softmax(q·kᵀ + bias) of one query token, in float64: over prefix tokens, then patches.

        Raises UsageError for a layer that is not held.
        """
        if layer not in self.layers:
            raise UsageError(
                f"Layer {layer} asked for, but layers {', '.join(map(str, self.layers))} are held."
            )
        place = self.layers.index(layer)
        scores = np.einsum(
            "nd,d->n",
            self.key[place, head].astype(np.float64),
            self.query[place, head, token].astype(np.float64),
        )
        table = self.bias[place]
        if table is not None:
            scores = scores + table.of_query(token)[head]
        shares: Float[np.ndarray, " token"] = np.exp(scores - scores.max())
        return shares / shares.sum()
