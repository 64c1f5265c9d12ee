"""Two optimisers: Muon for the matrices inside the layers, AdamW for everything else."""

import torch
from torch import nn


def build(modules: list[nn.Module], lr: float, kind: str) -> list[torch.optim.Optimizer]:
    """``kind`` is ``muon`` (default of the trainer) or ``adamw`` for a comparison."""
    named = [item for module in modules for item in module.named_parameters()]
    matrices = [
        p for name, p in named if kind == "muon" and name.startswith("layers.") and p.ndim == 2
    ]
    taken = {id(p) for p in matrices}
    decayed = [p for _, p in named if id(p) not in taken and p.ndim > 1 and p.shape[0] > 1]
    taken |= {id(p) for p in decayed}
    plain = [p for _, p in named if id(p) not in taken]  # biases, norms, CLS token, positions
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True)
    ]
    if matrices:
        # Updates scaled to the size AdamW's would have, so that one learning rate serves both.
        optimisers.append(
            torch.optim.Muon(
                matrices, lr=lr, weight_decay=0.05, momentum=0.95, adjust_lr_fn="match_rms_adamw"
            )
        )
    return optimisers


def set_rate(optimisers: list[torch.optim.Optimizer], lr: float) -> None:
    """One learning rate for all groups."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = lr
