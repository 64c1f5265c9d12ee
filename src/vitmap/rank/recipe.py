"""Recipe: the answer to "which layer, which head?", reusable on other pictures.

`recipe.json` names the model and all that its numbers depend on; `recipe.safetensors` beside it
holds the good pictures' numbers, where these are part of the answer.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vitmap.errors import InputError, ModelError, UsageError
from vitmap.images import Photo
from vitmap.maps import AttentionMaps, Source
from vitmap.rank.alarm import Alarm
from vitmap.rank.candidates import EITHER, KINDS, RAW, Candidate
from vitmap.rank.golden import HERE, Golden, logs
from vitmap.rank.placing import Gray, Placed, gray_of, place_of
from vitmap.rank.row import score_of

FORMAT = 1
TENSORS = "recipe.safetensors"

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
        """Raises ModelError for another model or precision than the recipe's own."""
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

    def heat(self, maps: AttentionMaps, photo: Photo | None = None) -> Heat:
        """The map in the recipe's unit: deviations from good pictures, or multiples of uniform.

        `photo` lets a shifted part be placed where the recipe places parts; without it the part is
        taken as lying where the good ones lie. Raises ModelError for maps of another model,
        InputError for another query, or a grid that the good pictures do not have.
        """
        return self.read(maps, photo)[0]

    def read(self, maps: AttentionMaps, photo: Photo | None = None) -> tuple[Heat, Placed]:
        """The heat, and where the part was found to lie; raises what `heat` raises."""
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

    def score(self, heat: Heat) -> float:
        """The picture's score: the mean over its hottest percent of patches, one at least."""
        return float(score_of(heat.ravel()))

    def defective(self, heat: Heat) -> bool | None:
        """Whether the score lies above the threshold; None where the recipe has none."""
        return None if self.alarm is None else self.score(heat) > self.alarm.threshold

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
    """recipe.json and, with golden maps, recipe.safetensors; the names of the files."""
    tensors = _tensors(recipe)
    about: dict[str, Any] = {
        "vitmap_recipe": FORMAT,
        "label": recipe.label,
        "unit": recipe.unit,
        **{name: getattr(recipe, name) for name in _PLAIN},
        "scale": list(recipe.scale),
        "alarm": asdict(recipe.alarm) if recipe.alarm else None,
        "golden": None,
        "evidence": recipe.evidence,
    }
    files = ["recipe.json"]
    if recipe.golden is not None:
        content = save(tensors)
        (folder / TENSORS).write_bytes(content)
        about["golden"] = {
            "file": TENSORS,
            "sha256": hashlib.sha256(content).hexdigest(),
            "pictures": recipe.golden.count,
            "placed": recipe.reference is not None,
        }
        files.append(TENSORS)
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    (folder / "recipe.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    return files


def read_recipe(path: str | Path) -> Recipe:
    """What `write_recipe` wrote; a folder stands for the recipe.json in it.

    Raises InputError for a file that is missing, broken, or whose golden maps are other ones.
    """
    path = Path(path)
    path = path / "recipe.json" if path.is_dir() else path
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(about, dict) or "vitmap_recipe" not in about:
            raise ValueError("vitmap_recipe is missing")
        if about["vitmap_recipe"] != FORMAT:
            raise ValueError(
                f"it has format {about['vitmap_recipe']!r}, this vitmap reads {FORMAT}"
            )
        if about["kind"] not in KINDS or (about["kind"] != RAW) != (about["golden"] is not None):
            raise ValueError(f"kind {about['kind']!r} does not fit the rest")
        golden, reference = _golden(path, about["golden"])
        return Recipe(
            **{name: about[name] for name in _PLAIN},
            scale=(float(about["scale"][0]), float(about["scale"][1])),
            alarm=Alarm(**about["alarm"]) if about["alarm"] else None,
            golden=golden,
            reference=reference,
            evidence=about["evidence"],
        )
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file: give the recipe.json that vitmap rank wrote."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a recipe that vitmap wrote ({error}).") from error


_PLAIN = (
    "model",
    "revision",
    "digest",
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


def _tensors(recipe: Recipe) -> dict[str, np.ndarray]:
    if recipe.golden is None:
        return {}
    golden = recipe.golden
    found = {"mean": golden.mean, "squares": golden.squares, "seen": golden.seen}
    if recipe.reference is not None:
        found["reference"] = recipe.reference
    return {name: np.ascontiguousarray(values) for name, values in found.items()}


def _golden(path: Path, about: dict[str, Any] | None) -> tuple[Golden | None, Gray | None]:
    if about is None:
        return None, None
    name = about["file"]
    if name != Path(name).name:
        raise ValueError(f"{name!r} is no name of a file beside it")
    place = path.parent / name
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{place}: no such file: it holds the good pictures' numbers and belongs beside "
            f"{path.name}."
        ) from None
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise InputError(f"{place}: not the file that {path.name} was written with.")
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    golden = Golden(tensors["mean"], tensors["squares"], tensors["seen"], int(about["pictures"]))
    return golden, tensors.get("reference")


def conflicts(recipe: Recipe, given: dict[str, Any]) -> None:
    """Raises UsageError where an option contradicts the recipe; `given` holds those that were set.

    A recipe's numbers hold for its own model, size, fit, query and precision alone.
    """
    own = recipe.options
    for name, value in given.items():
        if name in own and value != own[name]:
            raise UsageError(
                f"--{name} {value} was given, but the recipe was made with "
                f"{own[name] if own[name] is not None else 'the default'}: leave it out, or rank "
                "anew."
            )


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:12]}" if digest else "unknown"
