"""What the terminal says of a portrait: a line a layer, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vitmap.commands.terminal.console import table

if TYPE_CHECKING:
    from vitmap.commands.rank.portrait import Portrait


def tell_portrait(portrait: Portrait) -> list[str]:
    """The headline, and of every layer its lowest and highest head, trait by trait.

    A layer's heads are told apart in portrait.csv; the mean over heads is left out here.
    """
    from vitmap.commands.rank.portrait_report import headline
    from vitmap.rank.portrait import ENTROPY_BITS, TRAITS
    from vitmap.render.figures.cell_tables import shown

    heads = portrait.summary.mean[:, :, :-1]
    kept = [
        i for i, t in enumerate(TRAITS) if t is not ENTROPY_BITS and np.isfinite(heads[i]).any()
    ]

    def number(trait: int, value: float) -> str:
        return shown(value, TRAITS[trait].share).replace("−", "-").replace("–", "-")

    def span(trait: int, layer: int) -> str:
        values = heads[trait, layer][np.isfinite(heads[trait, layer])]
        if not values.size:
            return "-"
        low, high = (number(trait, float(value)) for value in (values.min(), values.max()))
        return low if low == high else f"{low} to {high}"

    rows = [["heads of", *(TRAITS[i].shown_as for i in kept)]]
    rows += [[f"L{layer}", *(span(i, layer) for i in kept)] for layer in range(heads.shape[1])]
    even = [number(i, float(portrait.summary.uniform[i])) for i in kept]
    rows.append(["uniform", *even])
    return [headline(portrait), *(f"  {line}" for line in table(rows))]
