"""A run on this machine: pictures one after the other, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from vitmap.commands.map.by_method import ByMethod
from vitmap.commands.map.files import write_files
from vitmap.commands.map.recipe_files import describe_judgement, judge, write_judgement
from vitmap.errors import InputError, PictureError, VitmapError
from vitmap.formats.original import write_model_input
from vitmap.formats.tensors import read_maps, write_maps
from vitmap.maps.maps import AttentionMaps, PatchMap, Prediction, Source
from vitmap.maps.method_maps import Map, Maps
from vitmap.maps.numbers import describe, describe_prediction
from vitmap.maps.scale import RunScale, Scale, scale_of
from vitmap.maps.selection import select
from vitmap.methods.attention import check_query
from vitmap.methods.labels import classify
from vitmap.methods.seeing import see
from vitmap.photo.read import Photo, read_photo
from vitmap.photo.view import View
from vitmap.rank.recipe import Recipe, read_recipe
from vitmap.render.colormap import palette
from vitmap.runs.jobs import Job, Outcome, failed, failure_of
from vitmap.runs.keeping import keep_folder
from vitmap.runs.loading import line_up
from vitmap.runs.record import Replay, record_of
from vitmap.runs.settings import Settings
from vitmap.runs.staging import RUN, Stage, Stages, prepare, write_record


@dataclass
class _Shot:
    """A picture whose maps are captured; photo and maps may wait on disk for the run's scale."""

    job: Job
    stage: Stage
    prediction: Prediction | str
    view: View
    notes: tuple[str, ...]
    sha256: str
    held: tuple[Photo, AttentionMaps | Maps] | None = field(repr=False, default=None)

    def load(self) -> tuple[Photo, AttentionMaps | Maps]:
        if self.held is not None:
            return self.held
        return read_photo(self.job.path), read_maps(self.stage.folder / "maps.safetensors")


class Run:
    """A run's models, settings and place; `outcomes()` does the work, picture by picture."""

    def __init__(
        self, settings: Settings, out: Path, command: Sequence[str], replay: Replay | None = None
    ) -> None:
        """Load the models and check everything that no picture can change.

        Raises UsageError, ModelError or OutputError before any picture is read.
        """
        settings.check()
        palette(settings.colormap)
        self.recipe = read_recipe(settings.recipe) if settings.recipe else None
        self.settings, self.out, self.command = settings, out, tuple(command)
        self.lineup = line_up(replay.loading if replay else settings)
        if replay is not None:
            self.lineup = replace(self.lineup, remarks=replay.remarks)
            self.lineup.require(replay.digests)
        facts = self.lineup.maps.facts
        self._about_recipe = _about_recipe(settings, self.recipe, facts.source, replay)
        select(settings.layer, facts.depth, "layer")
        self.by_method = ByMethod.of(settings, self.lineup.maps, replay)
        if self.by_method is None:
            select(settings.head, facts.heads, "head")
            check_query(facts, settings.query, settings.layer)
        facts.view((100, 100), settings.size, settings.fit)
        self._upper = replay.upper if replay else None
        self._scale: Scale | None = None
        prepare(out)

    def changes(self, replay: Replay) -> list[str]:
        """What differs from the recorded run besides the weights, and may change the last bit."""
        now = self.lineup.maps.facts.source.versions
        return [
            f"{library} is {now[library]}, the recorded run had {then}: files may differ a little."
            for library, then in replay.versions.items()
            if now.get(library, then) != then
        ]

    def outcomes(self, jobs: Sequence[Job], seen: Callable[[], None]) -> Iterator[Outcome]:
        """Every picture's outcome; `seen` is called as each one has been through the model.

        On the scale `run` no picture is drawn before the last one was seen: their maps wait on
        disk, so that memory does not grow with the number of pictures.
        """
        name = self.settings.scale or ("image" if len(jobs) == 1 else "run")
        if self.recipe is not None:
            name = "good"  # whatever the pictures: the recipe has its own
        else:
            self.settings = replace(self.settings, scale=name)  # as it was, also in a replay of one
        waits = name == "run" and self._upper is None
        if name == "run" and self._upper is not None:
            signed = self.by_method is not None and self.by_method.method.signed
            self._scale = Scale("run", self._upper, -self._upper if signed else 0.0)
        with Stages(self.out).opened() as self._stages:
            yield from self._each(jobs, name, waits, seen)

    def _each(
        self, jobs: Sequence[Job], name: str, waits: bool, seen: Callable[[], None]
    ) -> Iterator[Outcome]:
        gathered, shots = RunScale(), []
        for job in jobs:
            shot = self._try(job, lambda job=job: self._capture(job))  # type: ignore[misc]
            seen()
            if isinstance(shot, Outcome):
                yield shot
                continue
            shots.append(shot)
            if waits:
                gathered.add(self._cells(shot.load()[1]))
            else:
                yield self._finish(shot, name)
            shot.held = None
        if waits:
            self._scale = gathered.scale() if shots else None
            for shot in shots:
                yield self._finish(shot, "run")

    def record(self, pictures: Sequence[dict[str, Any]], scale: Scale | None) -> dict[str, Any]:
        """run.json for these pictures."""
        about = self._about_recipe
        compared = self.by_method.about if self.by_method else None
        return record_of(self.command, self.settings, self.lineup, scale, pictures, about, compared)

    def write_summary(self, outcomes: Sequence[Outcome]) -> None:
        """The record of the whole run, inputs that named no picture included."""
        short = ("path", "name", "sha256", "status", "error")
        entries = [{k: o.record[k] for k in short if k in o.record} for o in outcomes]
        with keep_folder(self.out):
            write_record(self.out / RUN, self.record(entries, self._scale))

    def _try(self, job: Job, step: Callable[[], Any]) -> Any:
        """The step's result, or the picture's failure; other pictures go on."""
        try:
            return step()
        except Exception as error:
            return self._failed(job, failure_of(job.path, error))

    def _failed(self, job: Job, error: VitmapError) -> Outcome:
        self._stages.discard(job.name)
        return failed(job.path, error, job.name, job.sha256)

    def _capture(self, job: Job) -> _Shot:
        stage = self._stages.of(job.name)
        photo = read_photo(job.path)
        if job.sha256 not in (None, photo.digest):
            raise PictureError(
                f"{job.path}: not the picture of the recorded run (its sha256 is another): "
                "run it anew without --replay."
            )
        model, settings = self.lineup.maps, self.settings
        view = model.facts.view(photo.size, settings.size, settings.fit)
        pixels = model.pixels(photo, view)
        maps, prediction = self._look(photo, view, pixels)
        with stage.opened():
            write_maps(stage.folder / "maps.safetensors", maps)
            if settings.at == "model":
                write_model_input(stage.folder / "img.png", pixels[0])
        held = (photo, maps)
        label = prediction or self._no_label()
        return _Shot(job, stage, label, view, photo.notes, photo.digest, held)

    def _look(
        self, photo: Photo, view: View, pixels: Float32[np.ndarray, "1 3 y x"]
    ) -> tuple[AttentionMaps | Maps, Prediction | None]:
        """The maps by the run's method, and the label, if there is a classifier."""
        model, classifier, asked = self.lineup.maps, self.lineup.classifier, self.settings
        if self.by_method is None:
            maps, _, label = see(model, classifier, photo, view, pixels, asked.layer, asked.query)
            return maps, label
        named = classify(classifier, classifier.classifier_pixels(photo)) if classifier else None
        return self.by_method.maps(model, photo, view, pixels), named

    def _no_label(self) -> str:
        return "no classifier in reach" if self.settings.classify else "label not asked for"

    def _cells(self, maps: AttentionMaps | Maps) -> Iterable[PatchMap | Map]:
        if isinstance(maps, Maps):
            return maps
        rows = maps.cells(self.settings.head, self.settings.reduce)
        return [cell for row in rows for cell in row]

    def _finish(self, shot: _Shot, scale_name: str) -> Outcome:
        outcome: Outcome = self._try(shot.job, lambda: self._draw(shot, scale_name))
        return outcome

    def _draw(self, shot: _Shot, scale_name: str) -> Outcome:
        photo, maps = shot.load()
        if photo.digest != shot.sha256:
            raise PictureError(f"{shot.job.path}: the file changed while the run was going on.")
        scale, told = self._write(shot, photo, maps, scale_name)
        named = None if isinstance(shot.prediction, str) else shot.prediction
        record = {
            "path": str(shot.job.path.absolute()),
            "name": shot.job.name,
            "sha256": photo.digest,
            "status": "done",
            "notes": list(shot.notes),
            "photo_yx": list(shot.view.source),
            "seen_at_yx": list(shot.view.target),
            "patch_grid_yx": list(shot.view.grid),
            "query": None if isinstance(maps, Maps) else str(maps.query),
            "prediction": describe_prediction(named) if named else None,
            **told,
            "files": shot.stage.files(),
        }
        whole = self.record([record], scale)
        shot.stage.write_record(whole)
        shot.stage.commit()
        around = {key: whole[key] for key in ("model", "classifier", "remarks", "scale")}
        return Outcome(shot.job.path, record, shot.stage.final, named, run=around)

    def _write(
        self, shot: _Shot, photo: Photo, maps: AttentionMaps | Maps, scale_name: str
    ) -> tuple[Scale, dict[str, Any]]:
        """Draw the picture's files; their scale, and what run.json says of the maps."""
        folder, settings, said = shot.stage.folder, self.settings, shot.prediction
        if isinstance(maps, Maps):
            assert self.by_method is not None
            scale = self._scale or scale_of(scale_name, list(maps))
            return scale, self.by_method.write(folder, photo, maps, scale, said, settings)
        rows = maps.cells(settings.head, settings.reduce)
        cells = [cell for row in rows for cell in row]
        numbers: dict[str, Any] = {"maps": [describe(cell, settings.threshold) for cell in cells]}
        if self.recipe is not None:
            judged = judge(self.recipe, maps, photo, settings.threshold)
            write_judgement(folder, photo, judged, settings)
            return judged.scale, {**numbers, "recipe": describe_judgement(judged)}
        scale = self._scale or scale_of(scale_name, cells)
        write_files(folder, photo, rows, scale, said, settings)
        return scale, numbers


def _about_recipe(
    settings: Settings, recipe: Recipe | None, source: Source, replay: Replay | None
) -> dict[str, Any] | None:
    """What run.json says of the recipe; raises where it is not for this model or this record."""
    if recipe is None or settings.recipe is None:
        return None
    recipe.require(source)
    path = Path(settings.recipe)
    digest = sha256(path.read_bytes()).hexdigest()
    if replay is not None and replay.recipe not in (None, digest):
        raise InputError(
            f"{path}: not the recipe of the recorded run (its sha256 is another): "
            "run it anew without --replay."
        )
    return {"path": str(path), "sha256": digest, "label": recipe.label}
