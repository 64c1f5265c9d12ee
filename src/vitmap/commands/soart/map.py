"""`vitmap soart map`: pictures → defect maps, one folder a picture, one's failure its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitmap import __version__
from vitmap.commands.soart.files import FAMILIES, Drawing, write_files
from vitmap.commands.soart.standard import FEWEST, Standard
from vitmap.errors import InputError, UsageError
from vitmap.maps.scale import Scale
from vitmap.photo.read import Photo, read_photo
from vitmap.photo.view import UPSAMPLINGS
from vitmap.registry import suggest
from vitmap.render.colormap import palette
from vitmap.render.figures.soart_map import MEANINGS
from vitmap.runs.jobs import Job, Outcome, failed, failure_of
from vitmap.runs.keeping import keep_folder
from vitmap.runs.staging import RECORD_FORMAT, RUN, Stages, prepare, write_record
from vitmap.soart.defect_map import DefectMap
from vitmap.soart.map_settings import MapSettings
from vitmap.soart.regions import Region, check_level, mask_of, regions_of


@dataclass(frozen=True)
class Look:
    """How maps are drawn and cut into regions."""

    threshold: float = 0.5  # of the hottest patch
    scale: str | None = None  # image, run or good; None: good where it is known, else image or run
    colormap: str = "viridis"
    upsample: str = "nearest"

    def check(self) -> None:
        """Raises UsageError for what cannot be."""
        check_level(self.threshold)
        if self.scale is not None and self.scale not in MEANINGS:
            raise suggest("scale", self.scale, MEANINGS)
        if self.upsample not in UPSAMPLINGS:
            raise suggest("upsample", self.upsample, UPSAMPLINGS)
        palette(self.colormap)


class MapRun:
    """The standard, the settings and the place of a run; `outcomes()` maps picture by picture."""

    def __init__(
        self, standard: str, settings: MapSettings, look: Look, out: Path, command: Sequence[str]
    ) -> None:
        """Read the standard and check everything that no picture can change.

        Raises UsageError, PictureError or OutputError.
        """
        look.check()
        self.settings, self.look, self.out, self.command = settings, look, out, tuple(command)
        self.standard = Standard(standard, settings)
        if look.scale == "good" and len(self.standard.paths) < FEWEST:
            raise UsageError(
                f"Scale good asked for, but the standard is {len(self.standard.paths)} picture(s): "
                f"give --standard a folder of at least {FEWEST} good ones, or take --scale image."
            )
        self.limit = self.standard.limit()
        prepare(out)

    def outcomes(
        self, jobs: Sequence[Job], seen: Callable[[], None]
    ) -> Generator[Outcome, None, None]:
        """Every picture's outcome; with the scale `run` each is mapped twice, in bounded memory."""
        known = "good" if self.limit is not None else None
        name = self.look.scale or known or ("image" if len(jobs) == 1 else "run")
        upper = self.limit if name == "good" else None
        if name == "run":
            peaks = [self._peak(job) for job in jobs]
            upper = max(peaks, default=0.0) or 1.0
        with Stages(self.out).opened() as self._stages:
            for job in jobs:
                yield self._try(job, name, upper)
                seen()

    def write_summary(self, outcomes: Sequence[Outcome]) -> None:
        """The record of the whole run, inputs that named no picture included."""
        short = ("path", "name", "sha256", "status", "error", "peak", "peak_at_xy", "regions")
        entries = [{k: o.record[k] for k in short if k in o.record} for o in outcomes]
        with keep_folder(self.out):
            write_record(self.out / RUN, self._record(entries, None))

    def _peak(self, job: Job) -> float:
        """0 for a picture that fails: it will say so when it is drawn."""
        try:
            return float(self._mapped(job)[1].anomaly.max())
        except InputError:
            return 0.0

    def _mapped(self, job: Job) -> tuple[Photo, DefectMap]:
        photo = read_photo(job.path)
        return photo, self.standard.reference.map(photo.pixels, str(job.path))

    def _try(self, job: Job, name: str, upper: float | None) -> Outcome:
        try:
            return self._draw(job, name, upper)
        except Exception as error:
            self._stages.discard(job.name)
            return failed(job.path, failure_of(job.path, error), job.name)

    def _draw(self, job: Job, name: str, upper: float | None) -> Outcome:
        stage = self._stages.of(job.name)
        photo, found = self._mapped(job)
        peak = float(found.anomaly.max())
        scale = Scale(name, upper or peak or 1.0)
        if self.limit is not None:  # a good picture's hottest patch is no defect: what is above it
            limit = float(np.nextafter(np.float32(self.limit), np.float32(np.inf)))
        else:
            limit = self.look.threshold * peak
        mask = mask_of(found.anomaly, limit)
        regions = regions_of(found.anomaly, mask, found.view)
        drawing = Drawing(photo, self.standard.shown, found, mask, regions, scale)
        with stage.opened():
            write_files(stage.folder, drawing, self.look.colormap, self.look.upsample)
            record = self._picture(job, photo, found, mask, regions)
            record["files"] = stage.files()
            stage.write_record(self._record([record], scale))
        stage.commit()
        return Outcome(job.path, record, stage.final)

    def _picture(
        self,
        job: Job,
        photo: Photo,
        found: DefectMap,
        mask: np.ndarray,
        regions: Sequence[Region],
    ) -> dict[str, Any]:
        row, column = np.unravel_index(int(found.anomaly.argmax()), found.anomaly.shape)
        shift = found.shift
        return {
            "path": str(job.path.absolute()),
            "name": job.name,
            "sha256": photo.digest,
            "status": "done",
            "notes": list(photo.notes),
            "photo_yx": list(photo.size),
            "patch_grid_yx": list(found.view.grid),
            "alignment": {
                "shift_xy": [shift.x, shift.y],
                "between_pixels_xy": [round(shift.fine[1], 3), round(shift.fine[0], 3)],
                "correlation": round(shift.correlation, 4),
                "nothing_to_align_by": shift.blind,
                "compared": round(float(found.compared.mean()), 6),
            }
            if self.settings.align
            else None,
            "gain": round(found.gain, 4),
            "peak": round(float(found.anomaly.max()), 4),
            "peak_at_xy": list(found.view.center(int(row), int(column))),
            "peaks": {
                name: round(float(values.max()), 4)
                for name, values in zip(FAMILIES, found.families, strict=True)
            },
            "mask_area": round(float(mask.mean()), 6),
            "regions": [
                {
                    "peak": round(region.peak, 4),
                    "at_xy": list(region.at),
                    "box_xyxy": list(region.box),
                    "patches": region.patches,
                }
                for region in regions
            ],
        }

    def _record(self, pictures: Sequence[dict[str, Any]], scale: Scale | None) -> dict[str, Any]:
        return {
            "vitmap": __version__,
            "format": RECORD_FORMAT,
            "command": list(self.command),
            "method": "SOARTC",
            "settings": {**asdict(self.settings), **asdict(self.look)},
            "standard": {
                "pictures": [str(path.absolute()) for path in self.standard.paths],
                "sha256": self.standard.digests,
                "good_limit": self.limit,
            },
            "scale": {"name": scale.name, "upper": scale.upper} if scale else None,
            "pictures": list(pictures),
        }
