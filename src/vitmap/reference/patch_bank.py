"""Patch distance: how far a patch's features lie from those of good pictures' patches.

The usual baseline of unsupervised inspection, on the same model's features: a map of attention
that does not beat it has no place. Source: Roth et al. 2022, *Towards Total Recall in Industrial
Anomaly Detection* (PatchCore), with a random sample in place of its coreset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

MOST = 4096  # patches that a bank holds: more cost more than the model itself

Tokens = Float32[np.ndarray, "patch feature"]
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Bank:
    """Unit-length features of patches of good pictures, and which picture each is of."""

    features: Tokens
    owners: Int64[np.ndarray, " patch"]
    digests: tuple[str, ...]

    def distances(
        self, tokens: Tokens, digest: str = "", product: Product = np.matmul
    ) -> Float32[np.ndarray, " patch"]:
        """Cosine distance to the nearest patch of the bank; a picture's own ones do not count.

        Beside a model that runs in torch the product had better be torch's: numpy's threads go on
        spinning, and slow the model by a half.
        """
        near = product(unit(tokens), self.features.T)
        if digest in self.digests:
            near[:, self.owners == self.digests.index(digest)] = -1
        return np.maximum(1 - near.max(axis=1), 0)


def bank_of(pictures: Iterable[tuple[str, Tokens]], count: int) -> Bank:
    """As many patches of each of `count` good pictures, drawn at random, the same every time."""
    each = max(1, MOST // count)
    parts: list[Tokens] = []
    owners: list[np.ndarray] = []
    digests: list[str] = []
    for digest, tokens in pictures:
        chance = np.random.default_rng(int(digest[:15], 16))  # by the picture, not by its turn
        picked = np.sort(chance.permutation(len(tokens))[:each])
        parts.append(unit(tokens[picked]))
        owners.append(np.full(len(picked), len(digests)))
        digests.append(digest)
    return Bank(np.concatenate(parts), np.concatenate(owners), tuple(digests))


def joined(banks: Sequence[Bank]) -> Bank:
    """Banks of different pictures as one."""
    starts = np.cumsum([0, *(len(bank.digests) for bank in banks[:-1])])
    return Bank(
        np.concatenate([bank.features for bank in banks]),
        np.concatenate([bank.owners + start for bank, start in zip(banks, starts, strict=True)]),
        tuple(digest for bank in banks for digest in bank.digests),
    )


def own_distances(tokens: Tokens) -> Float32[np.ndarray, " patch"]:
    """Cosine distance to the mean of the picture's own patches: where there are no good ones."""
    units = unit(tokens)
    near = np.einsum("pf,f->p", units, unit(units.mean(axis=0, keepdims=True))[0])
    return np.maximum(1 - near, 0)


def unit(tokens: Tokens) -> Tokens:
    """Rows brought to length 1."""
    sizes = np.linalg.norm(tokens, axis=1, keepdims=True)
    return tokens / np.maximum(sizes, np.float32(1e-12))


def centre_prior(grid: tuple[int, int]) -> Float32[np.ndarray, "gy gx"]:
    """A Gaussian at the middle, a quarter of each side wide, in multiples of uniform."""
    gy, gx = grid
    rows = ((np.arange(gy) + 0.5) / gy - 0.5) / 0.25
    columns = ((np.arange(gx) + 0.5) / gx - 0.5) / 0.25
    bell = np.exp(-(rows[:, None] ** 2 + columns**2) / 2)
    return (bell * bell.size / bell.sum()).astype(np.float32)
