"""Workplace: the folder of a review. Everything that needs no model happens here.

`journal/` holds what is finished: a plan, a line a fact, and a small state for each picture. All
files of the review are made from these and the pictures, in the lot's order, so that it does not
matter how often the run was interrupted, or whether it was done in shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import cast

from vitmap.commands.review.earlier import (
    are_there,
    lot_files_of,
    remarks_on,
    remove_empty_folders,
    remove_file,
    remove_files,
    remove_partials,
    require_own_places,
    state_name,
)
from vitmap.commands.review.facts import ALL_DONE, FACTS, Drawn, Seen, fact_of
from vitmap.commands.review.files import State, relative, write_files
from vitmap.commands.review.finding import finding_of, fixed_scale, look_of, view_of
from vitmap.commands.review.lot import Lot, Member, sha256_of
from vitmap.commands.review.plan import JOURNAL, About, Plan, write_plan
from vitmap.commands.review.settings import EXPORTS, ReviewSettings, parse_cut
from vitmap.errors import InputError, PictureError
from vitmap.files.checked import digest_of
from vitmap.inspection.finding import Finding, Lost
from vitmap.inspection.reading import Terms
from vitmap.maps.scale import RunScale, Scale
from vitmap.photo.read import Photo, read_photo
from vitmap.photo.view import View
from vitmap.runs.journal import LINES, Journal
from vitmap.runs.keeping import keep_folder
from vitmap.runs.staging import writing


class Workplace:
    """One lot's folder, kept from other processes while it is open."""

    def __init__(
        self, out: Path, settings: ReviewSettings, lot: Lot, terms: Terms, about: About
    ) -> None:
        """Open the folder; `about` is all that the maps depend on besides the pictures.

        Raises OutputError where nothing can be written there, FolderInUse where another run is,
        UnsafeName where a link would lead what is written elsewhere.
        """
        self.out, self.settings, self.lot, self.terms, self.about = out, settings, lot, terms, about
        self.cut = parse_cut(settings.threshold) if settings.threshold else terms.cut
        self.maps_digest = digest_of(about)
        self.changed: list[str] = []  # pictures that are not what they were in an earlier run
        self.known = 0  # pictures whose map an earlier run had made
        self._errors: dict[str, str] = {}  # by name, of this run
        self._sound: set[str] = set()  # names whose map is known in this run
        self._scale = fixed_scale(settings, terms)
        with ExitStack() as held:
            held.enter_context(keep_folder(out))
            require_own_places(out)
            with writing(out / JOURNAL / LINES):
                # Files of a look that a damaged line may have been about are drawn again.
                self.journal = Journal(out / JOURNAL, fact_of, doubtful=["drawn"])
            held.callback(self.journal.close)
            self.remarks = remarks_on(out, about, settings)
            self.remarks += self.journal.remarks()
            self._earlier = lot_files_of(out)
            self._held = held.pop_all()

    def close(self) -> None:
        """Let other processes have the folder."""
        self._held.close()

    @property
    def scale(self) -> Scale | None:
        """The lot's colour scale, as soon as it is known."""
        return self._scale

    @property
    def sharded(self) -> bool:
        """Whether this is but a part of the lot."""
        return self.lot.shard[1] > 1

    def begin(self) -> None:
        """Clear away what a killed run left half-written, and say what this one is about.

        Raises OutputError where that cannot be done.
        """
        with writing(self.out):
            remove_partials(self.out)
            remove_file(self.out, f"{JOURNAL}/lock")  # an earlier version's
            for name in self.journal.names("failed"):  # they are tried again
                self.journal.drop("failed", name)
            write_plan(self.out, Plan(self.settings, self.terms, self.about, self.lot))
            self.journal.put("done", ALL_DONE, {"all": False})

    def knows(self, member: Member) -> bool:
        """Whether the picture's map is there, whole, and still the picture's.

        Raises PictureError where the picture cannot be read.
        """
        fact = self._seen(member.name)
        if fact is None or fact["maps"] != self.maps_digest:
            return False
        if fact["sha256"] != sha256_of(member.path):
            self.changed.append(member.file)
            return False
        try:
            State.read(self.out, state_name(member.name), fact["state"], view_of(fact))
        except InputError:
            return False
        tensors = EXPORTS["tensors"][0].format(member.name)
        if "tensors" in self.settings.exports and tensors not in fact["files"]:
            return False
        if not are_there(self.out, fact["files"]):
            return False
        self.known += 1
        self._sound.add(member.name)
        return True

    def keep(
        self,
        member: Member,
        photo: Photo,
        view: View,
        state: State,
        score: float,
        files: dict[str, int],
    ) -> None:
        """A picture's map is known from here on, whatever happens to the run.

        Raises NotFinite for a score or a heat that is none.
        """
        fact = {
            "maps": self.maps_digest,
            "sha256": photo.digest,
            "state": state.write(self.out, state_name(member.name)),
            "view": asdict(view),
            "score": score,
            "notes": list(photo.notes),
            "files": files,
        }
        self.journal.put("seen", member.name, fact)
        self._sound.add(member.name)

    def forget(self, member: Member) -> None:
        """Nothing is known of a picture from here on: its raw maps are about to be others."""
        remove_file(self.out, state_name(member.name))

    def take_over(self, member: Member, seen: Seen, drawn: Drawn | None) -> None:
        """What another place knew of a picture, whose files are here now."""
        self.journal.put("seen", member.name, {**seen})
        if drawn is not None:
            self.journal.put("drawn", member.name, {**drawn})
        self._sound.add(member.name)

    def fail(self, member: Member, error: str) -> None:
        """The picture failed; the others go on, also where the journal cannot take this."""
        with suppress(OSError):
            self.journal.put("failed", member.name, {"error": error})
        self._errors[member.name] = error

    def settle_scale(self) -> None:
        """The scale `run`, once all maps are known; for a shard that is when shards are merged."""
        if self._scale is None and not self.sharded:
            gathered = RunScale()
            for member in self.lot.own:
                if self.error_of(member) is None:
                    gathered.count(self.state(member).heat)
            self._scale = gathered.scale() if gathered.counts.any() else Scale("run", 1.0)

    def waiting(self) -> Iterator[Member]:
        """The pictures whose files are missing, or are not what the settings ask for."""
        if self._scale is None:
            return
        for member in self.lot.own:
            if self.error_of(member) is None and not self._drawn(member):
                yield member

    def draw(self, member: Member, photo: Photo | None) -> None:
        """Write one picture's files; it is decoded again where that is needed.

        Raises PictureError where the picture is not what it was, OSError where a file cannot be
        written.
        """
        assert self._scale is not None
        if photo is None and "overlay" in self.settings.exports:
            photo = read_photo(member.path)
            if photo.digest != self._fact(member)["sha256"]:
                raise PictureError(f"{member.path}: the file changed while the run was going on.")
        found, state, view = self.finding(member)
        if self.journal.get("drawn", member.name) is not None:
            # From here on the files are no more what the line says, also if the run is killed.
            self.journal.put("drawn", member.name, {"look": "", "files": {}})
        files = write_files(
            self.out, self.settings, found, state.heat, view, photo, self._scale, self.terms.low
        )
        self.journal.put("drawn", member.name, {"look": self._look(member), "files": files})

    def finding(self, member: Member) -> tuple[Finding, State, View]:
        """What was found in a picture whose map is known."""
        fact, state = self._fact(member), self.state(member)
        found, view = finding_of(member, fact, state.heat, self.cut, self.settings, self.terms)
        return found, state, view

    def findings(self) -> Iterator[Finding | Lost]:
        """The whole lot in its order, failed pictures and lost inputs included."""
        for member in self.lot.own:
            error = self.error_of(member)
            yield Lost(member.file, error) if error is not None else self.finding(member)[0]
        for given, why in self.lot.lost:
            yield Lost(given, why)

    def contents(self) -> Iterator[tuple[str, str | None]]:
        """Each picture's place and digest; None for what failed, which has none for sure."""
        for member in self.lot.own:
            lost = self.error_of(member) is not None
            yield member.file, None if lost else self._fact(member)["sha256"]
        for given, _ in self.lot.lost:
            yield given, None

    def state(self, member: Member) -> State:
        """The heat and the thumbnail; raises InputError where they are damaged."""
        fact = self._fact(member)
        return State.read(self.out, state_name(member.name), fact["state"], view_of(fact))

    def error_of(self, member: Member) -> str | None:
        """Why a picture failed in this run."""
        return self._errors.get(member.name)

    def changes(self) -> list[str]:
        """What is not as an earlier run had it, besides its settings."""
        said = []
        if self.changed:
            count = len(self.changed)
            which = ", ".join(self.changed[:3]) + (" …" if count > 3 else "")
            said.append(f"{count} picture(s) changed since the earlier run, done again: {which}.")
        gone = set(self.journal.names("seen")) - {member.name for member in self.lot.own}
        if gone:
            said.append(f"{len(gone)} picture(s) of the earlier run are gone: their files too.")
        return said

    def finish(self, lot_files: Sequence[str]) -> None:
        """Remove the files of earlier runs that this one does not have, and tidy the journal.

        Raises OutputError where that cannot be done.
        """
        names = [member.name for member in self.lot.own]
        gone = {*self.journal.names("seen"), *self.journal.names("drawn")} - set(names)
        for name in self._errors:
            self.journal.drop("drawn", name)
            if name not in self._sound:
                self.journal.drop("seen", name)
        with writing(self.out):
            for name in names:
                remove_files(self.out, name, kept=self._files(name))
            for name in gone:
                remove_files(self.out, name)
            for name in {*gone, *(set(self._errors) - self._sound)}:
                remove_file(self.out, state_name(name))
            for place in self._earlier - set(lot_files):
                remove_file(self.out, place)
            self.journal.put("done", ALL_DONE, {"all": True})
            self.journal.compact([*names, ALL_DONE], FACTS)
        remove_empty_folders(self.out)

    def _seen(self, name: str) -> Seen | None:
        return cast("Seen | None", self.journal.get("seen", name))

    def _fact(self, member: Member) -> Seen:
        fact = self._seen(member.name)
        if fact is None:
            raise InputError(
                f"{member.path}: its map is not in the journal: run the command again."
            )
        return fact

    def _files(self, name: str) -> set[str]:
        facts = [self.journal.get(kind, name) for kind in ("seen", "drawn")]
        return {place for fact in facts if fact for place in fact["files"]}

    def _drawn(self, member: Member) -> bool:
        fact = self.journal.get("drawn", member.name)
        return (
            fact is not None
            and fact["look"] == self._look(member)
            and are_there(self.out, fact["files"])
        )

    def _look(self, member: Member) -> str:
        assert self._scale is not None
        fact, place = self._fact(member), relative(member.path, self.out)
        return look_of(fact, self.settings, self.cut, self._scale, self.terms.low, place)
