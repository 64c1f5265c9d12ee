"""The pictures of a ranking, one forward each: what good ones are like, then a row a picture."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from vitmap.commands.rank.kept import Logs, remove_partials, write_logs, write_whole
from vitmap.datasets import Sample, truth_mask
from vitmap.errors import InputError, VitmapError
from vitmap.files.place import inside
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.query import Query
from vitmap.maps.stack import cells_of, logs
from vitmap.methods.attention import ATTENTION
from vitmap.methods.method import MapMethod
from vitmap.methods.tokens import attend_with_features, product
from vitmap.models.engine import Engine
from vitmap.photo.read import Photo, read_photo
from vitmap.rank.candidates import Field
from vitmap.rank.coverage import truth_of
from vitmap.rank.finite import require_finite
from vitmap.rank.row import Row, Truth, measure
from vitmap.rank.row_file import check_row, write_row
from vitmap.rank.stacked_maps import heats_of, stored_bins
from vitmap.reference.patch_bank import Bank, bank_of, own_distances
from vitmap.reference.registration import Gray, Placed, gray_of, place_of
from vitmap.reference.statistics import HERE, Golden, Place, check_count, learn
from vitmap.runs.jobs import failure_of

FORMAT = 1  # of the rows: kept ones of another are measured again


@dataclass(frozen=True)
class Seeing:
    """How the model sees every picture of the run."""

    model: Engine
    size: int | None
    fit: str | None
    query: Query
    align: bool
    threshold: float  # the share of the mass that a mask keeps
    method: MapMethod = ATTENTION  # whose plan names the candidates

    def key(self) -> dict[str, object]:
        """All that a row's numbers depend on besides its own picture and the good ones."""
        source = self.model.facts.source
        return {
            "format": FORMAT,
            "model": source.model,
            "digest": source.digest,
            "precision": source.precision,
            "device": source.device,
            "size": self.size,
            "fit": self.fit,
            "query": self.query.text,
            "align": self.align,
            "threshold": self.threshold,
            "versions": source.versions,
            # Rows of earlier versions name no method: they are attention's, and are still read.
            **({"method": self.method.name} if self.method is not ATTENTION else {}),
        }


@dataclass(frozen=True, eq=False)
class Known:
    """What good pictures are like; `good` lists their files in the order of `places`."""

    golden: Golden
    bank: Bank | None
    reference: Gray | None
    good: tuple[Logs, ...]  # the scratch files: log maps of each
    digests: tuple[str, ...]
    places: tuple[Place, ...]


@dataclass
class Rows:
    """Looks at pictures and keeps what a ranking needs of each in a folder, keyed by content."""

    seeing: Seeing
    folder: Path
    failed: list[VitmapError] = field(default_factory=list)
    shifts: list[Placed] = field(default_factory=list)
    records: list[dict[str, object]] = field(default_factory=list)
    features: bool = True  # whether the model has patch features to hand out
    known: Known | None = None
    again: list[str] = field(default_factory=list)  # rows that were damaged, and measured again

    def __post_init__(self) -> None:
        """Whoever looks has the folder's lock."""
        remove_partials(self.folder)

    def learn(self, paths: Sequence[Path], seen: Callable[[], None]) -> None:
        """The good pictures' numbers. Raises InputError where fewer than four can be read."""
        found: list[tuple[str, Logs, Place]] = []
        tokens: list[tuple[str, np.ndarray]] = []
        reference: Gray | None = None
        grid: tuple[int, int] | None = None
        for path in paths:
            try:
                photo = read_photo(path)
                if photo.digest in (digest for digest, *_ in found):
                    raise InputError(f"{path}: the same picture as another good one.")
                maps, own = self._look(photo)
                require_finite(maps.values, str(path), "a map")
                grid = grid or maps.view.grid
                if maps.view.grid != grid:
                    raise _other_grid(path, maps.view.grid, grid)
                gray = gray_of(photo, maps.view)
                reference = gray if reference is None else reference
                placed = self._placed(reference, gray, maps)
                self.shifts.append(placed)
                key = self._digest(photo=photo.digest)
                file = write_logs(self.folder, key, logs(cells_of(maps)))
                found.append((photo.digest, file, placed.place))
                if own is not None:
                    tokens.append((photo.digest, _sampled(photo.digest, own, len(paths))))
                self._record(path, photo, "golden")
            except Exception as error:
                self._fail(path, error)
            seen()
        check_count(len(found))
        places = [(file, place) for _, file, place in found]
        golden = learn(_read(places), _read(places))
        self.known = Known(
            golden=golden,
            bank=bank_of(tokens, len(tokens)) if tokens else None,
            reference=reference if self.seeing.align else None,
            good=tuple(file for file, _ in places),
            digests=tuple(digest for digest, *_ in found),
            places=tuple(place for _, place in places),
        )

    def measure(self, samples: Sequence[Sample], seen: Callable[[], None]) -> list[Path]:
        """The rows' files, sorted by content: the order does not tell how they were read."""
        found: dict[str, Path] = {}
        for sample in samples:
            try:
                photo = read_photo(sample.path)
                if photo.digest in found:
                    raise InputError(f"{sample.path}: the same picture as another one.")
                found[photo.digest] = self._row(sample, photo)
                self._record(sample.path, photo, sample.kind)
            except Exception as error:
                self._fail(sample.path, error)
            seen()
        return [found[key] for key in sorted(found)]

    def field(self) -> Field:
        """The candidates that these rows hold."""
        facts = self.seeing.model.facts
        keys = self.seeing.method.plan(facts, "all", "all", self.seeing.query)
        tokens = facts.depth > 1 and "tokens" in facts.gives
        return Field(keys, self.known is not None, tokens)

    def _row(self, sample: Sample, photo: Photo) -> Path:
        mask = truth_mask(sample, photo) if _has_truth(sample) else None
        key = self._key(photo, sample.kind, mask)
        path = inside(self.folder, f"{key}.row.safetensors")
        row = self._kept(path, key, photo, sample) if os.path.lexists(path) else None
        if row is None:
            row = self._measured(photo, sample, mask)
            whole = row
            write_whole(path, lambda partial: write_row(partial, whole, key))
        self.shifts += [row.placed] if row.placed else []
        return path

    def _kept(self, path: Path, key: str, photo: Photo, sample: Sample) -> Row | None:
        """An earlier run's row; None where it is damaged, and must be measured again."""
        layout = self.field()
        shape = layout.stored, len(layout.candidates())
        try:
            return check_row(path, key, photo.digest, sample.kind, shape)
        except InputError as error:
            self.again.append(f"{error} It is measured again.")
            return None

    def _measured(self, photo: Photo, sample: Sample, mask: Bool[np.ndarray, "y x"] | None) -> Row:
        maps, tokens = self._look(photo)
        require_finite(maps.values, str(sample.path), "a map")
        layout, known = self.field(), self.known
        place, golden, placed, distances = HERE, None, None, None
        if known is not None:
            grid = known.golden.mean.shape[1:]
            if maps.view.grid != grid:
                raise _other_grid(sample.path, maps.view.grid, (grid[0], grid[1]))
            golden, place, placed = self._golden(known, photo, maps)
        if tokens is not None:
            bank = known.bank if known is not None else None
            distances = own_distances(tokens)
            if bank is not None:
                distances = bank.distances(tokens, photo.digest, product)
        heats = heats_of(maps, layout, golden, place, distances)
        require_finite(heats, str(sample.path), "a patch's deviation or distance")
        truth: Truth | None = truth_of(mask, maps.view) if mask is not None else None
        return Row(
            name=sample.path.name,
            digest=photo.digest,
            kind=sample.kind,
            grid=maps.view.grid,
            bins=stored_bins(heats, layout),
            measures=measure(heats, layout.candidates(), truth, self.seeing.threshold),
            truth=truth,
            placed=placed,
        )

    def _golden(
        self, known: Known, photo: Photo, maps: AttentionMaps
    ) -> tuple[Golden, Place, Placed | None]:
        """The good pictures' numbers for one picture: without it, where it is one of them."""
        if photo.digest in known.digests:
            number = known.digests.index(photo.digest)
            own = known.good[number].read()
            place = known.places[number]
            return known.golden.without(own, place), place, None
        if known.reference is None:
            return known.golden, HERE, None
        placed = self._placed(known.reference, gray_of(photo, maps.view), maps)
        return known.golden, placed.place, placed

    def _placed(self, reference: Gray, gray: Gray, maps: AttentionMaps) -> Placed:
        if not self.seeing.align:
            return Placed(HERE)
        return place_of(reference, gray, maps.view)

    def _look(self, photo: Photo) -> tuple[AttentionMaps, np.ndarray | None]:
        seeing = self.seeing
        view = seeing.model.facts.view(photo.size, seeing.size, seeing.fit)
        pixels = seeing.model.pixels(photo, view)
        return attend_with_features(seeing.model, photo, view, pixels, query=seeing.query)

    def _key(self, photo: Photo, kind: str, mask: Bool[np.ndarray, "y x"] | None) -> str:
        marked = None if mask is None else np.packbits(mask).tobytes()
        return self._digest(
            photo=photo.digest,
            kind=kind,
            mask=None if marked is None else hashlib.sha256(marked).hexdigest(),
            good=list(self.known.digests) if self.known else None,
        )

    def _digest(self, **more: object) -> str:
        """A name for what was measured, by all that it depends on."""
        about = {**self.seeing.key(), **more}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    def _record(self, path: Path, photo: Photo, kind: str) -> None:
        self.records.append(
            {"path": str(path.absolute()), "sha256": photo.digest, "kind": kind, "status": "done"}
        )

    def _fail(self, path: Path, error: Exception) -> None:
        failure = failure_of(path, error)
        self.failed.append(failure)
        self.records.append(
            {"path": str(path.absolute()), "status": "failed", "error": str(failure)}
        )


def _has_truth(sample: Sample) -> bool:
    """Whether it is known which pixels are defective: all of a good picture's are not."""
    return sample.truth is not None or sample.kind == "good"


def _sampled(digest: str, tokens: np.ndarray, count: int) -> np.ndarray:
    """So many patches as the bank will hold of a picture, lest all of them wait in memory."""
    return bank_of([(digest, tokens)], count).features


def _read(places: Sequence[tuple[Logs, Place]]) -> Iterator[tuple[np.ndarray, Place]]:
    for file, place in places:
        yield file.read(), place


def _other_grid(path: Path, grid: tuple[int, int], expected: tuple[int, int]) -> InputError:
    return InputError(
        f"{path}: seen as {grid[1]} × {grid[0]} patches, the good pictures as {expected[1]} × "
        f"{expected[0]}: expected pictures of one shape (crop them alike, or --golden none)."
    )
