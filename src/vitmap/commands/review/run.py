"""A review on this machine: a lot of pictures → heats, regions, exports and one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vitmap.commands.review.files import State, aside, room_for, thumbnail
from vitmap.commands.review.lot import Lot, Member, sha256_of
from vitmap.commands.review.outcomes import Drawing, draw_waiting, failure, failures
from vitmap.commands.review.place import Workplace
from vitmap.commands.review.plan import About
from vitmap.commands.review.settings import EXPORTS, ReviewSettings
from vitmap.formats.tensors import write_maps
from vitmap.inspection.reading import HeadReading, Reading
from vitmap.inspection.recipe_reading import RecipeReading
from vitmap.maps.maps import AttentionMaps
from vitmap.maps.selection import select
from vitmap.methods.attention import check_query, look
from vitmap.models.engine import Engine
from vitmap.models.load import load, load_default
from vitmap.photo.read import Photo, read_photo
from vitmap.rank.finite import require_finite
from vitmap.rank.recipe import Recipe, read_recipe, recipe_file
from vitmap.rank.recipe_options import as_made
from vitmap.runs.jobs import Outcome
from vitmap.runs.overlap import Behind, ahead


class Review:
    """The model, the settings and the place of a review; `outcomes()` does the work."""

    def __init__(self, settings: ReviewSettings, lot: Lot, out: Path) -> None:
        """Load the model, open the journal, and check everything that no picture can change.

        Raises UsageError, ModelError, OutputError, UnsafeName where a link would lead what is
        written elsewhere, FolderInUse where another run still writes there.
        """
        settings.check()
        recipe = read_recipe(settings.recipe) if settings.recipe else None
        if recipe is not None:
            settings = replace(settings, **as_made(recipe, settings.model))
        self.settings, self.lot = settings, lot
        self.room = room_for(len(lot.members))  # many pictures have smaller thumbnails
        if settings.model is None:
            self.model, remark = load_default(precision=settings.precision, device=settings.device)
        else:
            remark = None
            self.model = load(
                settings.model,
                precision=settings.precision,
                device=settings.device,
                classify=False,
            )
        self.reading = self._read_recipe(recipe) if recipe else self._read_heads()
        check_query(self.model.facts, settings.query, list(self.reading.layers))
        self.model.facts.view((100, 100), settings.size, settings.fit)
        about: About = {
            "model": _about(self.model),
            "reading": self.reading.about(),
            "size": settings.size,
            "fit": settings.fit,
            "room": self.room,
        }
        self.place = Workplace(out, settings, lot, self.reading.terms, about)
        self.remarks = [*([remark] if remark else []), *self.place.remarks]

    def _read_heads(self) -> Reading:
        facts = self.model.facts
        layers = select(self.settings.layer, facts.depth, "layer")
        heads = select(self.settings.head, facts.heads, "head")
        return HeadReading(layers, heads, check_query(facts, self.settings.query, layers))

    def _read_recipe(self, recipe: Recipe) -> Reading:
        assert self.settings.recipe is not None
        recipe.require(self.model.facts.source)
        select(recipe.layer, self.model.facts.depth, "layer")
        return RecipeReading(recipe, sha256_of(recipe_file(self.settings.recipe)))

    def outcomes(self, seen: Callable[[], None]) -> Iterator[Outcome]:
        """What became of each picture of this shard; `seen` is called as each one is known.

        Pictures whose maps are in the journal are not looked at again. With the scale `run` no
        picture is drawn before the last one was seen.
        """
        place = self.place
        place.begin()
        behind: Drawing = Behind()
        try:
            for member, future in ahead(self.lot.own, self._prepare):
                try:
                    prepared = future.result()
                    if prepared is not None:
                        work = self._look(member, *prepared)
                        yield from failures(place, behind.add(member, work))
                except Exception as error:
                    yield failure(place, member, error)
                seen()
            yield from failures(place, behind.rest())
            place.settle_scale()
            yield from draw_waiting(place, behind, seen)
        finally:
            behind.close()

    def _prepare(self, member: Member) -> tuple[Photo, Any, Any] | None:
        """The decoded picture and the model's input; nothing where the journal has its map."""
        if self.place.knows(member):
            return None
        photo = read_photo(member.path)
        view = self.model.facts.view(photo.size, self.settings.size, self.settings.fit)
        return photo, view, self.model.pixels(photo, view)

    def _look(self, member: Member, photo: Photo, view: Any, pixels: Any) -> Callable[[], None]:
        """One forward; gives the work that is left, which needs no model."""
        layers = list(self.reading.layers)
        ((maps,),), _ = look(self.model, [(photo, view)], pixels, layers, [self.settings.query])
        return lambda: self._keep(member, photo, maps)

    def _keep(self, member: Member, photo: Photo, maps: AttentionMaps) -> None:
        heat, notes = self.reading.heat(maps, photo)
        score = self.reading.score(heat)
        require_finite(heat, str(photo.path), f"the map {self.reading.terms.label}")
        require_finite(score, str(photo.path), f"the score of {self.reading.terms.label}")
        photo = replace(photo, notes=(*photo.notes, *notes))
        files = {}
        if "tensors" in self.settings.exports:
            name = EXPORTS["tensors"][0].format(member.name)
            self.place.forget(member)
            files[name] = aside(self.place.out, name, lambda path: write_maps(path, maps))
        state = State(heat, thumbnail(photo.pixels, self.room - 4 * heat.size))
        self.place.keep(member, photo, maps.view, state, score, files)
        if self.place.scale is not None:
            self.place.draw(member, photo)


def _about(model: Engine) -> dict[str, Any]:
    source = asdict(model.facts.source)
    del source["photo"]
    return source
