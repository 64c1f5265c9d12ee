"""What is written of the lot as a whole: tables, annotation files, the page, and run.json."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vitmap import __version__
from vitmap.commands.review.earlier import PAGE, RECORD
from vitmap.commands.review.files import aside, relative
from vitmap.commands.review.page import Card, Sheet, write_page
from vitmap.commands.review.place import Workplace
from vitmap.commands.review.settings import EXPORTS
from vitmap.files.checked import digest_of
from vitmap.files.place import inside
from vitmap.formats.coco import write_coco
from vitmap.formats.cvat import write_cvat
from vitmap.formats.label_studio import write_label_studio
from vitmap.formats.regions_csv import write_tables
from vitmap.inspection.finding import DEFECT, GOOD, Finding, Lost
from vitmap.maps.names import display_name
from vitmap.maps.scale import PERCENTILE
from vitmap.runs.staging import RECORD_FORMAT, write_record, writing


@dataclass
class Summary:
    """What became of the lot, in numbers."""

    pictures: int = 0
    failed: int = 0
    regions: int = 0
    defects: int = 0
    good: int = 0
    highest: tuple[float, str] | None = None  # score, picture
    said: tuple[str, ...] = ()  # a word on what was left out
    files: tuple[str, ...] = ()


def write_lot(place: Workplace, command: Sequence[str]) -> Summary:
    """Every file of the lot; of a shard the record alone, since the rest needs the whole lot.

    Raises OutputError where one cannot be written; those before it are whole.
    """
    entries: list[dict[str, Any]] = []
    summary = Summary()
    said: list[str] = []
    lot = digest_of([[file, sha256] for file, sha256 in place.contents()])

    def counted(cards: Iterator[Card | Lost]) -> Iterator[Card | Lost]:
        for card in cards:
            found = card if isinstance(card, Lost) else card.found
            entries.append(_entry(found))
            _count(summary, found)
            yield card

    files: list[str] = []
    if place.sharded:
        deque(counted(_cards(place)), maxlen=0)
    else:
        files += _write_tables(place)
        sheet = _sheet(place, lot)
        writers = _writers(place, said)
        writers[PAGE] = lambda path: write_page(path, sheet, counted(_cards(place)))
        for name, write in writers.items():
            with writing(place.out / name):
                aside(place.out, name, write)
            files.append(name)
    summary.said, summary.files = tuple(said), tuple(files)
    write_record(inside(place.out, RECORD), _record(place, command, lot, entries, files))
    return summary


def _write_tables(place: Workplace) -> list[str]:
    """Both CSV files at once, since what they say is found at once."""
    if "csv" not in place.settings.exports:
        return []
    first, second = EXPORTS["csv"]

    def write_both(one: Path) -> None:
        aside(place.out, second, lambda two: write_tables(one, two, place.findings()))

    with writing(place.out / first):
        aside(place.out, first, write_both)
    return list(EXPORTS["csv"])


def _writers(place: Workplace, said: list[str]) -> dict[str, Callable[[Path], None]]:
    """The name of each annotation file that is asked for → what writes it."""
    settings, terms = place.settings, place.terms
    label, about = settings.label, f"vitmap {__version__}, {terms.label}, {terms.unit}"

    def polygons(path: Path) -> None:
        said.extend(write_coco(path, place.findings(), label, polygons=True, description=about))

    def coco(path: Path) -> None:
        write_coco(path, place.findings(), label, description=about)

    writers: dict[str, Callable[[Path], None]] = {
        "coco.json": coco,
        "coco-polygons.json": polygons,
        "label-studio.json": lambda path: write_label_studio(
            path, place.findings(), label, model=about
        ),
        "cvat.xml": lambda path: write_cvat(path, place.findings(), label),
    }
    wanted = [name for kind in settings.exports for name in EXPORTS[kind] if name in writers]
    return {name: writers[name] for name in wanted}


def _sheet(place: Workplace, lot: str) -> Sheet:
    scale, terms, settings = place.scale, place.terms, place.settings
    assert scale is not None
    assert scale.upper is not None
    return Sheet(
        lot=lot,
        title=place.lot.title,
        model=display_name(str(place.about["model"]["model"])),
        reading=terms.label,
        unit=terms.unit,
        scale=scale.name,
        meaning=scale.meaning + ("" if scale.name == "good" else f", {PERCENTILE:g}th percentile"),
        limits=(scale.lower, scale.upper),
        cut=place.cut,
        threshold=terms.threshold,
        label=settings.label,
        colormap=settings.colormap,
        min_area=settings.min_area,
        merge=settings.merge,
        grounds=terms.grounds,
    )


def _cards(place: Workplace) -> Iterator[Card | Lost]:
    for member in place.lot.own:
        error = place.error_of(member)
        if error is not None:
            yield Lost(member.file, error)
            continue
        found, state, view = place.finding(member)
        yield Card(found, state.heat, state.thumb, relative(member.path, place.out), view)
    for given, why in place.lot.lost:
        yield Lost(given, why)


def _entry(found: Finding | Lost) -> dict[str, Any]:
    if isinstance(found, Lost):
        return {"picture": found.file, "status": "failed", "error": found.error}
    return {
        "picture": found.file,
        "name": found.name,
        "sha256": found.sha256,
        "status": "done",
        "score": float(f"{found.score:.6g}"),
        "verdict": found.verdict,
        "regions": len(found.regions),
    }


def _count(summary: Summary, found: Finding | Lost) -> None:
    summary.pictures += 1
    if isinstance(found, Lost):
        summary.failed += 1
        return
    summary.regions += len(found.regions)
    summary.defects += found.verdict == DEFECT
    summary.good += found.verdict == GOOD
    if summary.highest is None or found.score > summary.highest[0]:
        summary.highest = found.score, found.file


def _record(
    place: Workplace,
    command: Sequence[str],
    lot: str,
    entries: list[dict[str, Any]],
    files: Sequence[str],
) -> dict[str, Any]:
    scale = place.scale
    return {
        "format": RECORD_FORMAT,
        "vitmap": __version__,
        "command": list(command),
        "method": "review",
        "settings": asdict(place.settings),
        "model": place.about["model"],
        "reading": {**place.terms.as_json(), **place.about["reading"]},
        "cut": asdict(place.cut),
        "scale": {"name": scale.name, "lower": scale.lower, "upper": scale.upper}
        if scale
        else None,
        "lot": lot,
        "shard": list(place.lot.shard),
        "pictures": entries,
        "files": list(files),
    }
