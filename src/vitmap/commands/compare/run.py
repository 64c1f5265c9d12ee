"""`vitmap compare`: pictures in one model, or one picture in several, looked at row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vitmap.commands.compare.labels import Naming, unknown_label, verdict_of
from vitmap.commands.compare.names import model_names, picture_names
from vitmap.commands.compare.row import ComparedRow, look_at
from vitmap.commands.compare.settings import CompareSettings, check_count, label_for
from vitmap.datasets import read_places
from vitmap.datasets.entries import Entry
from vitmap.errors import InputError, ModelError, UnsupportedModel, UsageError, VitmapError
from vitmap.maps.maps import Prediction, Source
from vitmap.maps.names import display_name
from vitmap.maps.selection import select
from vitmap.methods.attention import check_query
from vitmap.models.engine import Engine
from vitmap.models.load import load
from vitmap.photo.read import Photo, read_photo
from vitmap.render.colormap import palette
from vitmap.runs.jobs import failure_of
from vitmap.runs.loading import line_up


@dataclass(frozen=True, eq=False)
class Failure:
    """A row that could not be had: what was given, and why."""

    given: str
    error: VitmapError


@dataclass(frozen=True, eq=False)
class Comparison:
    """All rows that could be had, with all that the report needs."""

    settings: CompareSettings
    rows: tuple[ComparedRow, ...]
    failed: tuple[Failure, ...]
    classifier: Source | None  # where it is another model than the maps'
    remarks: tuple[str, ...]

    @property
    def across_models(self) -> bool:
        """Whether rows are models; else they are pictures."""
        return bool(self.settings.models)


def compare(
    settings: CompareSettings,
    paths: Sequence[Path],
    lost: Sequence[Failure],
    seen: Callable[[], None],
    remark: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Look at every row; `lost` are inputs that named no picture.

    `remark` is told at once what the user did not ask for.

    Raises UsageError, ModelError and OutputError for what no row can help, and the first row's
    error where fewer than two rows are left.
    """
    settings.check()
    palette(settings.maps.colormap)
    places, remarks = read_places(paths, settings.parts) if settings.parts else ({}, [])
    for text in remarks:
        remark(text)
    work = _across_models if settings.models else _across_pictures
    rows, failed, classifier, more = work(settings, paths, places, seen, remark)
    failures = (*lost, *failed)
    if len(rows) < 2:
        raise _too_few(len(rows), failures)
    return Comparison(settings, tuple(rows), failures, classifier, (*remarks, *more))


_Work = tuple[list[ComparedRow], list[Failure], Source | None, list[str]]


def _across_pictures(
    settings: CompareSettings,
    paths: Sequence[Path],
    places: dict[Path, Entry],
    seen: Callable[[], None],
    remark: Callable[[str], None],
) -> _Work:
    lineup = line_up(settings.maps)
    for text in lineup.remarks:
        remark(text)
    check_asked(lineup.maps, settings, len(paths))
    if settings.labels:
        _check_labels(lineup.classifier, settings.labels)
    rows: list[ComparedRow] = []
    failed: list[Failure] = []
    why = "no classifier in reach" if settings.maps.classify else ""
    for number, (path, name) in enumerate(zip(paths, picture_names(paths), strict=True)):
        label = label_for(settings.labels, number)
        try:
            photo = read_photo(path)
            naming, entry = Naming(lineup.classifier, label, why), places.get(path)
            row = look_at(lineup.maps, photo, settings, name=name, naming=naming, entry=entry)
            rows.append(row)
        except Exception as error:
            failed.append(Failure(str(path), failure_of(path, error)))
        seen()
    other = None if lineup.one_model or not lineup.classifier else lineup.classifier.facts.source
    return rows, failed, other, list(lineup.remarks)


def _across_models(
    settings: CompareSettings,
    paths: Sequence[Path],
    places: dict[Path, Entry],
    seen: Callable[[], None],
    _: Callable[[str], None],
) -> _Work:
    """One model after the other, each gone before the next one is read."""
    [path] = paths
    photo, entry = read_photo(path), places.get(path)
    rows: list[ComparedRow] = []
    failed: list[Failure] = []
    classes: set[str] = set()
    for name, shown in zip(settings.models, model_names(settings.models), strict=True):
        try:
            row, own = _in_model(name, shown, photo, settings, entry)
            rows.append(row)
            classes |= own
        except Exception as error:
            failed.append(Failure(name, _failure_of(name, error)))
        seen()
    known = any(row.verdict is not None and row.verdict.right is not None for row in rows)
    if settings.labels and not known and len(rows) > 1:
        if not classes:
            raise UsageError("--label was given, but none of the models has a classifier.")
        raise unknown_label(settings.labels[0], classes, "these models know")
    return rows, failed, None, []


def _in_model(
    name: str, shown: str, photo: Photo, settings: CompareSettings, entry: Entry | None
) -> tuple[ComparedRow, set[str]]:
    """The row of one model, which is gone afterwards, and the classes that it knows."""
    asked = settings.maps
    model = load(name, precision=asked.precision, device=asked.device, classify=asked.classify)
    check_asked(model, settings, len(settings.models))
    classifier = model if model.facts.labels is not None else None
    why = "no classifier" if asked.classify else ""
    naming = Naming(classifier, label_for(settings.labels, 0), why)
    row = look_at(model, photo, settings, name=shown, naming=naming, entry=entry)
    return row, set((model.facts.labels or {}).values())


def check_asked(model: Engine, settings: CompareSettings, rows: int) -> None:
    """Raises UsageError or ModelError for what this model cannot give of any picture."""
    maps = settings.maps
    facts = model.facts
    layers = select(maps.layer, facts.depth, "layer")
    heads = select(maps.head, facts.heads, "head")
    check_count(len(layers), len(heads), maps, rows)
    check_query(facts, maps.query, maps.layer)
    facts.view((100, 100), maps.size, maps.fit)


def _check_labels(classifier: Engine | None, labels: Sequence[str]) -> None:
    if classifier is None or classifier.facts.labels is None:
        raise UnsupportedModel(
            "--label was given, but there is no classifier in reach to be right or wrong: name "
            "one with --classifier."
        )
    classes = list(classifier.facts.labels.values())
    stub = Prediction(classifier.facts.name, ((classes[0], 0.0),), (1, 1), False)
    for label in labels:
        if verdict_of(stub, label, classes).right is None:
            raise unknown_label(label, classes, f"{display_name(classifier.facts.name)} knows")


def _failure_of(name: str, error: Exception) -> VitmapError:
    """A model's failure in one line: the other models of a comparison go on."""
    if isinstance(error, ModelError | InputError):
        return error
    if isinstance(error, UsageError):  # a layer that this model does not have, say
        return UnsupportedModel(f"{display_name(name)}: {error}")
    return failure_of(Path(name), error)


def _too_few(left: int, failed: Sequence[Failure]) -> VitmapError:
    """The error where nothing is left to compare; its kind is that of the first failure."""
    first = failed[0].error if failed else InputError("nothing was given")
    one = "1 row is" if left else "no row is"
    return type(first)(
        f"{one} left to compare, of {left + len(failed)}; the first failure: {first}"
    )
