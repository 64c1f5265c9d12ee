"""distance: how far each patch's features lie from all patches of normal images.

Source: Roth et al. 2022 (PatchCore), and Damm et al. 2025 (AnomalyDINO) for plain ViT features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitmap.errors import InputError
from vitmap.maps.keys import MapKey
from vitmap.maps.method_maps import Maps
from vitmap.maps.query import Query
from vitmap.maps.selection import Selection
from vitmap.methods.method import REFERENCE, Inputs, layer_keys
from vitmap.methods.tokens import product
from vitmap.models.engine import Engine, Facts, Wants
from vitmap.reference.patch_bank import Bank, bank_of, joined

Banks = dict[int, Bank]  # layer → the normal images' patches


@dataclass(frozen=True)
class Distance:
    """1 − the highest cosine to a patch of the normal images, in the features that leave a layer.

    A photo that is a reference image itself is compared with the others.
    """

    name: str = "distance"
    unit: str = "cosine distance to the nearest reference patch"
    summary: str = (
        "Each patch is compared with the patches of the reference images, wherever they lie, by "
        "the features that leave layer L (layers count from 0). 0: one of them has features of "
        "the same direction. The higher, the less any of them is like it."
    )
    signed: bool = False
    needs: frozenset[str] = frozenset({"tokens", REFERENCE})

    def plan(
        self,
        facts: Facts,
        layers: Selection,
        heads: Selection,  # noqa: ARG002 (the method's signature)
        query: Query | None,  # noqa: ARG002
    ) -> tuple[MapKey, ...]:
        """One map for each layer."""
        return layer_keys(facts, layers)

    def learn(self, engine: Engine, images: Sequence[Inputs], keys: Sequence[MapKey]) -> Banks:
        """Each layer's patches of the normal images: at most 4,096, as many of each image.

        Raises InputError where there are none.
        """
        layers = [key.layer for key in keys]
        found: dict[int, list[Bank]] = {layer: [] for layer in layers}
        known: set[str] = set()
        for image in images:
            digest = image.photo.digest
            if digest in known:
                continue
            known.add(digest)
            tokens = engine.run(image.pixels, Wants(tokens=layers)).tokens
            for layer in layers:
                found[layer].append(bank_of([(digest, tokens[layer][0])], len(images)))
        if not known:
            raise InputError("Method distance needs reference images, and there are none.")
        return {layer: joined(banks) for layer, banks in found.items()}

    def maps(
        self, engine: Engine, inputs: Inputs, keys: Sequence[MapKey], reference: Banks
    ) -> Maps:
        """The distance of every patch in every layer.

        Raises InputError where the only reference image is the photo itself.
        """
        digest = inputs.photo.digest
        if set(reference[keys[0].layer].digests) == {digest}:
            raise InputError(
                f"{inputs.photo.name}: it is the only reference image, and a photo is not compared "
                "with itself: give another one."
            )
        tokens = engine.run(inputs.pixels, Wants(tokens=[key.layer for key in keys])).tokens
        return inputs.maps(
            self,
            keys,
            [reference[key.layer].distances(tokens[key.layer][0], digest, product) for key in keys],
        )


DISTANCE = Distance()
