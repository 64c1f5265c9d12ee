"""Recipe: the answer to "which layer, which head?", reusable on other pictures.

`recipe.json` names the model and all that its numbers depend on; `recipe.safetensors` beside it
holds the good pictures' numbers, where these are part of the answer (see `recipe_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vitmap.errors import InputError, ModelError, UsageError
from vitmap.maps.maps import AttentionMaps, Source
from vitmap.maps.stack import logs
from vitmap.photo.read import Photo
from vitmap.rank.candidates import EITHER, RAW, Candidate
from vitmap.rank.finite import require_finite
from vitmap.rank.recipe_file import FILE, read, write
from vitmap.rank.row import score_of
from vitmap.rank.threshold import Alarm
from vitmap.reference.registration import Gray, Placed, gray_of, place_of
from vitmap.reference.statistics import HERE, Golden

Heat = Float32[np.ndarray, "gy gx"]


@dataclass(frozen=True, eq=False)
class Recipe:
    """One cell of one model, how it is read, and what good pictures look like in it.

    `level` is the value that no more good pictures than the alarm's rate reach in any patch; it
    and `alarm` are None where there were too few good pictures to tell. `scale` is (low, high) in
    the heat's own unit: good parts stay in its dark end.
    """

    model: str
    revision: str | None
    digest: str | None
    precision: str
    size: int | None
    fit: str | None
    query: str
    kind: str
    layer: int
    head: int | None  # None: the mean over the layer's heads
    heads: int  # in that layer
    scale: tuple[float, float]
    level: float | None = None
    alarm: Alarm | None = None
    golden: Golden | None = None
    reference: Gray | None = None  # the first good picture, to place others by; None: not placed
    evidence: dict[str, Any] = field(default_factory=dict)
    method: str = "attention"  # whose maps the recipe reads

    @property
    def cell(self) -> str:
        """`L8 H1`, or `L8 mean of H0-H5`."""
        if self.head is not None:
            return f"L{self.layer} H{self.head}"
        return f"L{self.layer} mean of H0-H{self.heads - 1}"

    @property
    def label(self) -> str:
        """The cell and how it is read: `L8 H1 against 12 good pictures`."""
        if self.golden is None:
            return self.cell
        either = ", brighter or darker" if self.kind == EITHER else ""
        return f"{self.cell} against {self.golden.count} good pictures{either}"

    @property
    def options(self) -> dict[str, Any]:
        """What a command line would have to say, besides the model, to see pictures alike."""
        return {
            "size": self.size,
            "fit": self.fit,
            "query": self.query,
            "precision": self.precision,
            "layer": str(self.layer),
            "head": "all" if self.head is None else str(self.head),
        }

    @property
    def unit(self) -> str:
        """What the heat is counted in."""
        if self.kind == RAW:
            return "× uniform attention"
        return "deviations from good" if self.kind == EITHER else "deviations above good"

    @property
    def threshold(self) -> float | None:
        """The picture score above which a picture is called defective."""
        return self.alarm.threshold if self.alarm else None

    def require(self, source: Source) -> None:
        """Raises ModelError for another model, precision or method than the recipe's own."""
        if source.digest != self.digest:
            raise ModelError(
                f"The recipe was made with {self.model} (weights {_short(self.digest)}), and "
                f"{source.model} has weights {_short(source.digest)}: name that model, or rank "
                "anew with this one."
            )
        if source.precision != self.precision:
            raise ModelError(
                f"The recipe was made in {self.precision}, and the model runs in "
                f"{source.precision}: use --precision {self.precision}, or rank anew."
            )
        if source.method != self.method:
            raise ModelError(
                f"The recipe reads maps of the method {self.method}, and these are of "
                f"{source.method}: rank anew."
            )

    def heat(self, maps: AttentionMaps, photo: Photo | None = None) -> Heat:
        """The map in the recipe's unit: deviations from good pictures, or multiples of uniform.

        `photo` lets a shifted part be placed where the recipe places parts; without it the part is
        taken as lying where the good ones lie. Raises ModelError for maps of another model,
        InputError for another query, or a grid that the good pictures do not have, NotFinite where
        a patch has no number.
        """
        return self.read(maps, photo)[0]

    def read(self, maps: AttentionMaps, photo: Photo | None = None) -> tuple[Heat, Placed]:
        """The heat, and where the part was found to lie; raises what `heat` raises."""
        heat, placed = self._read(maps, photo)
        require_finite(heat, _name_of(photo), f"the map {self.label}")
        return heat, placed

    def _read(self, maps: AttentionMaps, photo: Photo | None) -> tuple[Heat, Placed]:
        self.require(maps.source)
        if maps.query.text != self.query:
            raise InputError(
                f"The recipe asks with {self.query}, and these maps show what {maps.query.text} "
                "attends to: capture them with the recipe's query."
            )
        heads = "all" if self.head is None else self.head
        uniform = maps.mean(self.layer, heads).uniform
        if self.golden is None:
            return uniform, Placed(HERE)
        self._require_grid(uniform.shape)
        placed = Placed(HERE)
        if self.reference is not None and photo is not None:
            placed = place_of(self.reference, gray_of(photo, maps.view), maps.view)
        away = self.golden.deviations(logs(uniform[None]), placed.place)[0]
        return np.abs(away) if self.kind == EITHER else away, placed

    def score(self, heat: Heat, picture: str = "The picture") -> float:
        """The picture's score: the mean over its hottest percent of patches, one at least.

        Raises NotFinite where the heat holds what is no number.
        """
        require_finite(heat, picture, f"the map {self.label}")
        return float(score_of(heat.ravel()))

    def defective(self, heat: Heat, picture: str = "The picture") -> bool | None:
        """Whether the score lies above the threshold; None where the recipe has none.

        Raises NotFinite where score or threshold is no number: such a picture is never good.
        """
        score = self.score(heat, picture)
        if self.alarm is None:
            return None
        require_finite(self.alarm.threshold, picture, f"the threshold of {self.label}")
        return score > self.alarm.threshold

    def _require_grid(self, grid: tuple[int, ...]) -> None:
        assert self.golden is not None
        gy, gx = self.golden.mean.shape[1:]
        if tuple(grid) != (gy, gx):
            raise InputError(
                f"The good pictures have {gx} × {gy} patches, and this picture has {grid[1]} × "
                f"{grid[0]}: expected a picture of the same shape (crop it alike)."
            )


def cell_of(candidate: Candidate, heads: int) -> int:
    """Where a candidate's cell stands among the cells: the mean comes after a layer's heads."""
    head = heads if candidate.head is None else candidate.head
    return candidate.layer * (heads + 1) + head


def write_recipe(recipe: Recipe, folder: Path) -> list[str]:
    """recipe.json and, with golden maps, recipe.safetensors; the names of the files.

    Raises NotFinite for a recipe whose numbers judge nothing.
    """
    alarm = recipe.alarm
    numbers = [*recipe.scale, recipe.level or 0.0, alarm.threshold if alarm else 0.0]
    require_finite(np.array(numbers), "The recipe", f"a number of {recipe.label}")
    about: dict[str, Any] = {
        "label": recipe.label,
        "unit": recipe.unit,
        "method": recipe.method,
        **{name: getattr(recipe, name) for name in _PLAIN},
        "weights": recipe.digest,
        "scale": list(recipe.scale),
        "alarm": asdict(alarm) if alarm else None,
        "evidence": recipe.evidence,
    }
    golden, tensors = recipe.golden, {}
    if golden is not None:
        tensors = {"mean": golden.mean, "squares": golden.squares, "seen": golden.seen}
        about["pictures"] = golden.count
        if recipe.reference is not None:
            tensors["reference"] = recipe.reference
    return write(folder, about, tensors, recipe.reference is not None)


def read_recipe(path: str | Path) -> Recipe:
    """What `write_recipe` wrote; a folder stands for the recipe.json in it.

    Raises InputError for a file that is missing, damaged, or whose golden maps are other ones.
    """
    about, weights, method, tensors = read(recipe_file(path))
    golden = None
    if about.golden is not None:
        sums = (tensors["mean"], tensors["squares"], tensors["seen"])
        golden = Golden(*sums, about.golden.pictures)
    return Recipe(
        **{name: getattr(about, name) for name in _PLAIN},
        digest=weights,
        scale=about.scale,
        alarm=about.alarm,
        golden=golden,
        reference=tensors.get("reference"),
        evidence=dict(about.evidence),
        method=method,
    )


def recipe_file(place: str | Path) -> Path:
    """A folder stands for the recipe.json in it."""
    path = Path(place)
    try:
        return path / FILE if path.is_dir() else path
    except OSError:  # a name that is too long, say: reading it tells
        return path


_PLAIN = (
    "model",
    "revision",
    "precision",
    "size",
    "fit",
    "query",
    "kind",
    "layer",
    "head",
    "heads",
    "level",
)


def conflicts(recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Raises UsageError where an option contradicts the recipe; `given` holds those that were set.

    A recipe's numbers hold for its own model, size, fit, query and precision alone.
    """
    own = {**recipe.options, "method": recipe.method}
    for name, value in given.items():
        if name in own and value != own[name]:
            raise UsageError(
                f"--{name} {value} was given, but the recipe was made with "
                f"{own[name] if own[name] is not None else 'the default'}: leave it out, or rank "
                "anew."
            )


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:12]}" if digest else "unknown"


def _name_of(photo: Photo | None) -> str:
    return "The picture" if photo is None else str(photo.path or photo.name)
