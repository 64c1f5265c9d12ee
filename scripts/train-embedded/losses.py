"""What the student is asked to match, from one forward pass and one cached teacher state."""

import torch
from jaxtyping import Float
from student import Bridge, Seen
from teacher import Teacher
from torch import Tensor
from torch.nn.functional import cosine_similarity

WEIGHTS = {"heads": 1.0, "mean": 1.0, "order": 0.5, "rows": 0.5, "entry": 1.0, "features": 0.25}


def distillation(
    seen: Seen,
    hidden: Float[Tensor, "view token d"],
    rows: Tensor,
    teacher: Teacher,
    bridge: Bridge,
) -> dict[str, Tensor]:
    """Each term of the loss, unweighted. ``rows[0]`` is the CLS token.

    heads     CLS row, head by head: keeps the six heads apart
    mean      CLS row, mean of heads, among patches: the map that is drawn
    order     correlation of that map's logarithms: orders the faint patches too, which KL ignores
    rows      the same as `heads` for some patches' rows: dense supervision of queries and keys
    entry     cosine to what the teacher's last queries and keys are made of
    features  cosine to the teacher's output, so that the last layer's values are trained as well
    """
    with torch.no_grad():
        target_entry = teacher.entry(hidden)
        target = teacher.logits(target_entry, rows).float().log_softmax(-1)
        few = max(1, len(hidden) // 4)  # the teacher's last layer is dear: a quarter will do
        target_features = teacher.features(hidden[:few])
    student = seen.logits.float().log_softmax(-1)
    gap = (target.exp() * (target - student)).sum(-1)  # (view, head, row)
    map_target, map_student = _log_map(target), _log_map(student)
    return {
        "heads": gap[:, :, 0].mean(),
        "mean": (map_target.exp() * (map_target - map_student)).sum(-1).mean(),
        "order": 1 - _correlation(map_target, map_student).mean(),
        "rows": gap[:, :, 1:].mean(),
        "entry": _angle(bridge.entry(seen.entry), target_entry),
        "features": _angle(bridge.features(seen.features[:few]), target_features),
    }


def total(terms: dict[str, Tensor]) -> Tensor:
    """The weighted sum that is minimised."""
    return sum(
        (WEIGHTS[name] * term for name, term in terms.items()), torch.zeros(()).to(terms["mean"])
    )


def _log_map(log_rows: Float[Tensor, "view head row token"]) -> Float[Tensor, "view patch"]:
    mass = log_rows[:, :, 0, 1:].exp().mean(1)
    return (mass / mass.sum(-1, keepdim=True) + 1e-8).log()


def _correlation(
    a: Float[Tensor, "view patch"], b: Float[Tensor, "view patch"]
) -> Float[Tensor, " view"]:
    return cosine_similarity(a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True), dim=-1)


def _angle(a: Float[Tensor, "view token d"], b: Float[Tensor, "view token d"]) -> Float[Tensor, ""]:
    return (1 - cosine_similarity(a.float(), b.float(), dim=-1)).mean()
