"""`vitmap rank` without labels: what every head does on the pictures, to be looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file, save_file

from vitmap.commands.rank.rows import Seeing
from vitmap.commands.rank.run import RankSettings, seeing_of
from vitmap.datasets import Dataset
from vitmap.errors import InputError, ModelError, VitmapError
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.traits import pattern
from vitmap.methods.mirror import look_twice
from vitmap.models.engine import Engine, Facts
from vitmap.photo.read import Photo, read_photo
from vitmap.rank.portrait import Sketch, Summary, sameness, sketch, summarize
from vitmap.runs.jobs import failure_of


@dataclass(frozen=True, eq=False)
class Portrait:
    """The traits of every cell, with all that its report needs; `example` is the first picture."""

    dataset: Dataset
    settings: RankSettings
    model: Engine
    query: str
    summary: Summary
    example: tuple[Photo, AttentionMaps]
    records: tuple[dict[str, object], ...]
    failed: tuple[VitmapError, ...]
    remarks: tuple[str, ...]


def portray(
    dataset: Dataset, settings: RankSettings, model: Engine, seen: Callable[[], None]
) -> Portrait:
    """Look at every picture and its mirror image once; labels, where there are some, are not read.

    Raises InputError where no picture can be looked at, ModelError where the model is why.
    """
    seeing = seeing_of(settings, model)
    with TemporaryDirectory(prefix="vitmap-portrait-") as folder:
        sitting = _Sitting(seeing, Path(folder))
        for sample in dataset.samples:
            sitting.take(sample.path)
            seen()
        if sitting.example is None:
            raise _none_left(dataset, sitting.failed)
        alike = _sameness(sitting.sketches, sitting.folder)
    return Portrait(
        dataset=dataset,
        settings=settings,
        model=model,
        query=str(seeing.query),
        summary=summarize(sitting.sketches, alike, model.facts.depth),
        example=sitting.example,
        records=tuple(sitting.records),
        failed=tuple(sitting.failed),
        remarks=(*dataset.remarks, *_remarks(sitting.sketches, model.facts)),
    )


@dataclass
class _Sitting:
    """Takes pictures one at a time; their patterns wait on disk."""

    seeing: Seeing
    folder: Path
    sketches: list[Sketch] = field(default_factory=list)
    records: list[dict[str, object]] = field(default_factory=list)
    failed: list[VitmapError] = field(default_factory=list)
    example: tuple[Photo, AttentionMaps] | None = None

    def take(self, path: Path) -> None:
        """One picture's traits, or its failure."""
        entry: dict[str, object] = {"path": str(path.absolute())}
        try:
            photo = read_photo(path)
            if photo.digest in (known.digest for known in self.sketches):
                raise InputError(f"{path}: the same picture as another one.")
            model = self.seeing.model
            view = model.facts.view(photo.size, self.seeing.size, self.seeing.fit)
            maps, mirrored = look_twice(model, photo, view, self.seeing.query)
            found = sketch(photo.digest, maps, mirrored)
            save_file({"pattern": pattern(maps)}, _place(self.folder, photo.digest))
        except Exception as error:
            failure = failure_of(path, error)
            self.failed.append(failure)
            self.records.append({**entry, "status": "failed", "error": str(failure)})
            return
        self.sketches.append(found)
        self.example = self.example or (photo, maps)
        self.records.append({**entry, "sha256": photo.digest, "status": "done"})


class _Patterns(Sequence[Any]):
    """The patterns of some pictures, read from their files one at a time."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: Any) -> Any:
        return load_file(self._files[number])["pattern"]


def _place(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.safetensors"


def _sameness(sketches: Sequence[Sketch], folder: Path) -> Float[np.ndarray, "picture cell"]:
    """Of each picture with the others on its grid: places on other grids are not the same ones."""
    found = np.full((len(sketches), sketches[0].values.shape[1]), np.nan)
    for grid in {one.grid for one in sketches}:
        own = [i for i, one in enumerate(sketches) if one.grid == grid]
        own.sort(key=lambda i: sketches[i].digest)
        found[own] = sameness(_Patterns([_place(folder, sketches[i].digest) for i in own]))
    return found


def _remarks(sketches: Sequence[Sketch], facts: Facts) -> list[str]:
    """What is not known from these pictures, and what a number must not be taken for."""
    count = len(sketches)
    found = ["A head that looks at the middle of any picture is stable in the mirror, too."]
    if count == 1:
        found.append("One picture: how much a head varies, and its sameness, are not known.")
    else:
        found.append(
            "Sameness is high also where the pictures are alike: compare it between heads, not "
            "between sets of pictures."
        )
    grids = Counter(one.grid for one in sketches)
    alone = sum(held == 1 for held in grids.values())
    if len(grids) > 1:
        names = ", ".join(f"{n} × {gx} × {gy}" for (gy, gx), n in sorted(grids.items()))
        lost = f"; {alone} alone on theirs are left out of it" if alone else ""
        found.append(
            f"Pictures have {len(grids)} patch grids ({names}): sameness is taken within "
            f"each{lost}."
        )
    if not facts.prefix:
        found.append("The model has no prefix tokens: there is no prefix mass.")
    return found


def _none_left(dataset: Dataset, failed: Sequence[VitmapError]) -> VitmapError:
    if failed and isinstance(failed[0], ModelError):  # it would say the same of any picture
        return failed[0]
    if not failed:
        return InputError(f"{dataset.name}: holds no pictures: expected one at least.")
    return InputError(
        f"{dataset.name}: none of {len(failed)} pictures could be looked at; the first: {failed[0]}"
    )
