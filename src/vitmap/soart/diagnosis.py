"""Diagnosis: is the attention of a step worth anything? Saturation, rank, means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from vitmap.soart.attention import Attention

_ONE_HOT = 0.99  # a weight above this share has chosen one token and dropped the others


@dataclass(frozen=True)
class Diagnosis:
    """One input metric's attention in numbers."""

    metric: str
    tokens: int
    perplexity: float  # median over rows: how many tokens a row really attends to
    saturated: float  # share of rows with more than 99 % on one token
    rank: float  # effective rank of att: 1 means that all columns look alike
    columns: int
    temperature: float
    learn_mean: float
    valid_mean: float

    def sentence(self) -> str:
        """One line for people."""
        return (
            f"{self.metric}: attends to {self.perplexity:.1f} of {self.tokens} rows (median), "
            f"{self.saturated:.0%} one-hot, effective rank {self.rank:.1f} of {self.columns}, "
            f"temperature {self.temperature:.3g}, "
            f"means learn {self.learn_mean:+.3g}, valid {self.valid_mean:+.3g}"
        )


def diagnose(
    attention: Attention,
    learn: Float[np.ndarray, "3 member column"],
    valid: Float[np.ndarray, "3 row column"],
) -> list[Diagnosis]:
    """What to look at before believing an attention step, for Y1, Y2 and Y3."""
    found = []
    for metric in range(3):
        weights = attention.weights[metric]
        found.append(
            Diagnosis(
                metric=f"Y{metric + 1}",
                tokens=weights.shape[1],
                perplexity=float(np.median(perplexity(weights))),
                saturated=float((weights.max(axis=1) > _ONE_HOT).mean()),
                rank=effective_rank(attention.att[metric]),
                columns=attention.att.shape[2],
                temperature=attention.temperatures[metric],
                learn_mean=float(learn[metric].mean()),
                valid_mean=float(valid[metric].mean()),
            )
        )
    return found


def perplexity(weights: Float[np.ndarray, "*row token"]) -> Float[np.ndarray, " *row"]:
    """exp(entropy): 1 for one token, the number of tokens for no preference.

    >>> perplexity(np.array([[0.5, 0.5], [1.0, 0.0]])).round(6)
    array([2., 1.])
    """
    logs = np.log(np.where(weights > 0, weights, 1))
    return np.exp(-(weights * logs).sum(axis=-1))


def effective_rank(table: Float[np.ndarray, "row column"]) -> float:
    """exp(entropy of the singular values' shares): Roy and Vetterli 2007; 0 for a table of zeros.

    >>> round(effective_rank(np.eye(4)), 6)
    4.0
    """
    sizes = np.linalg.svd(table, compute_uv=False)
    total = sizes.sum()
    return float(perplexity(sizes[None] / total)[0]) if total > 0 else 0.0


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The numbers, rounded, for run.json."""
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in vars(diagnosis).items()
    }
