"""`vitmap rank`: a labelled set of pictures → which layer and head shows the defect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vitmap.commands.rank.rows import Known, Rows, Seeing
from vitmap.datasets import Dataset
from vitmap.errors import InputError, UsageError
from vitmap.maps.mass import check_share
from vitmap.maps.query import Query
from vitmap.methods.attention import check_query
from vitmap.models.engine import SIZE, Engine
from vitmap.models.load import load_maps_model
from vitmap.rank.answer import calibrate, evidence_of, left_out, of_rows, one_cell, raw_of
from vitmap.rank.candidates import RAW
from vitmap.rank.evidence import PICTURES, PIXELS
from vitmap.rank.folds import FOLDS, split
from vitmap.rank.ranking import Ranking, rank
from vitmap.rank.recipe import Recipe, cell_of
from vitmap.rank.row import SCORE, Row
from vitmap.rank.row_file import NONE, read_label, read_row
from vitmap.rank.scoring import PICTURE_METRICS, check_metric
from vitmap.runs.keeping import keep_folder


@dataclass(frozen=True)
class RankSettings:
    """How pictures are seen, and how cells are ranked; the defaults are the command line's."""

    model: str | None = None
    size: int | None = None
    fit: str | None = None
    query: str | None = None
    precision: str = "fp32"
    device: str = "auto"
    by: str | None = None  # None: auroc, or picture-auroc where there are no masks
    threshold: float = 0.6
    folds: int = FOLDS
    seed: int = 0
    align: bool = True
    false_alarms: float | None = None

    def check(self) -> None:
        """Raises UsageError for what no model and no picture could make possible."""
        check_share(self.threshold)
        if self.by is not None:
            check_metric(self.by)
        if self.folds < 2:
            raise UsageError(f"Folds {self.folds} asked for: expected at least 2, such as 5.")
        if self.query is not None and Query.parse(self.query).kind in ("patch", "pool"):
            raise UsageError(
                f"Query {self.query} asked for: a ranking needs one that every layer of every "
                "picture has: cls, mean, register:0 or distillation."
            )
        if self.false_alarms is not None and not 0 < self.false_alarms < 1:
            raise UsageError(
                f"False-alarm rate {self.false_alarms:g} asked for: expected a share such as 0.05."
            )


@dataclass(frozen=True, eq=False)
class Found:
    """The ranking with all that its report needs."""

    dataset: Dataset
    settings: RankSettings
    model: Engine
    ranking: Ranking
    recipe: Recipe
    scores: tuple[tuple[float, str], ...]  # the recipe's, with the digest, of defective pictures
    records: tuple[dict[str, object], ...]
    failed: tuple[Exception, ...]
    remarks: tuple[str, ...]
    again: tuple[str, ...]  # a word on each kept row that was damaged: no matter of the record
    counts: dict[str, int]


def load_model(settings: RankSettings) -> tuple[Engine, tuple[str, ...]]:
    """The model that is ranked, and what is to be said of it. Raises ModelError, UsageError."""
    settings.check()
    model, remarks = load_maps_model(
        settings.model, precision=settings.precision, device=settings.device
    )
    check_query(model.facts, settings.query, "all")
    model.facts.view((100, 100), settings.size, settings.fit)
    return model, remarks


def rank_pictures(
    dataset: Dataset,
    golden: Sequence[Path],
    settings: RankSettings,
    model: Engine,
    seen: Callable[[], None],
    rows_in: Path | None = None,
) -> Found:
    """Look at every picture once, rank all cells, and refit the recipe on all pictures.

    Raises InputError where too few pictures are left to rank by.
    """
    level = level_of(dataset, settings)
    by = settings.by or ("auroc" if level == PIXELS else "picture-auroc")
    with _rows_folder(rows_in) as folder:
        rows = Rows(seeing_of(settings, model), folder)
        if golden:
            rows.learn(golden, seen)
        paths = rows.measure(dataset.samples, seen)
        heads = tuple(read_label(path) for path in paths)
        parts = split(
            [row.good for row in heads],
            settings.folds,
            settings.seed,
            both=by in PICTURE_METRICS,
        )
        ranking = rank(paths, rows.field(), parts, by=by, level=level, seed=settings.seed)
        counts = dict(Counter(row.kind for row in heads))
        recipe = _recipe(ranking, rows, paths, settings, dataset.name, counts)
        scores = _scores(ranking, paths)
    return Found(
        dataset=dataset,
        settings=settings,
        model=model,
        ranking=ranking,
        recipe=recipe,
        scores=scores,
        records=tuple(rows.records),
        failed=tuple(rows.failed),
        remarks=(*dataset.remarks, *_remarks(rows, heads)),
        again=tuple(rows.again),
        counts=counts,
    )


def seeing_of(settings: RankSettings, model: Engine) -> Seeing:
    """The settings as the model takes them: what is left open is filled in."""
    facts = model.facts
    query = Query.parse(settings.query) if settings.query else facts.default_query((0,))
    fit = facts.view((100, 100), settings.size, settings.fit).fit
    size = (settings.size or SIZE) if facts.any_size else settings.size
    return Seeing(model, size, fit, query, settings.align, settings.threshold)


def level_of(dataset: Dataset, settings: RankSettings) -> str:
    """Whether pixels or whole pictures are to be told apart.

    Raises InputError where there is too little to tell apart, UsageError for a metric that the
    pictures have no labels for.
    """
    defective = [sample for sample in dataset.samples if sample.kind != "good"]
    masked = bool(defective) and all(sample.truth is not None for sample in defective)
    good = any(sample.kind == "good" for sample in dataset.samples)
    if not defective:
        raise InputError(
            f"{dataset.name}: no defective pictures to rank by: expected at least 2, better 20."
        )
    if not masked and not good:
        raise InputError(
            f"{dataset.name}: neither masks nor good pictures to rank by: give --masks, --boxes, "
            "or good pictures in a folder good/."
        )
    if settings.by in PICTURE_METRICS and not good:
        raise UsageError(f"--by {settings.by} needs good pictures, and there are none.")
    if settings.by is not None and settings.by not in PICTURE_METRICS and not masked:
        raise UsageError(
            f"--by {settings.by} needs masks or boxes, and there are none: choose "
            f"{' or '.join(PICTURE_METRICS)}."
        )
    whole = settings.by in PICTURE_METRICS or (settings.by is None and not masked)
    split([sample.kind == "good" for sample in dataset.samples], settings.folds, both=whole)
    return PIXELS if masked else PICTURES


def _recipe(
    ranking: Ranking,
    rows: Rows,
    paths: Sequence[Path],
    settings: RankSettings,
    name: str,
    counts: dict[str, int],
) -> Recipe:
    candidate, field, known = ranking.best.candidate, ranking.field, rows.known
    cell = cell_of(candidate, field.heads)
    place = field.candidates().index(candidate)
    if known is None:
        scores, peaks = of_rows(paths, place, good=True)
    elif candidate.kind == RAW:
        scores, peaks = raw_of(cell, _good(known))
    else:
        scores, peaks = left_out(known.golden, cell, _good(known), candidate.kind)
    defects = of_rows(paths, place, good=False)[1]
    found = calibrate(scores, peaks, settings.false_alarms, defects)
    source, seeing = rows.seeing.model.facts.source, rows.seeing
    golden = one_cell(known.golden, candidate, cell) if known else None
    return Recipe(
        model=source.model,
        revision=source.revision,
        digest=source.digest,
        precision=source.precision,
        size=seeing.size,
        fit=seeing.fit,
        query=seeing.query.text,
        kind=candidate.kind,
        layer=candidate.layer,
        head=candidate.head,
        heads=field.heads,
        scale=found.scale,
        level=found.level,
        alarm=found.alarm,
        golden=golden,
        reference=known.reference if known and golden else None,
        evidence=evidence_of(ranking, name, counts, len(known.good) if known else 0),
    )


def _scores(ranking: Ranking, paths: Sequence[Path]) -> tuple[tuple[float, str], ...]:
    place = ranking.field.candidates().index(ranking.best.candidate)
    rows = (read_row(p, NONE, slice(place, place + 1), truth=False) for p in paths)
    return tuple((float(row.measures[0, SCORE]), row.digest) for row in rows if not row.good)


class _Logs(Sequence[Any]):
    """The good pictures' log maps, read from their files one at a time."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def __len__(self) -> int:
        return len(self._known.good)

    def __getitem__(self, number: Any) -> Any:
        known = self._known
        return known.good[number].read(), known.places[number]


def _good(known: Known) -> Sequence[Any]:
    return _Logs(known)


@contextmanager
def _rows_folder(place: Path | None) -> Iterator[Path]:
    if place is not None:
        with keep_folder(place, "--rows"):
            yield place
        return
    with TemporaryDirectory(prefix="vitmap-rank-") as folder:
        yield Path(folder)


def _remarks(rows: Rows, heads: Sequence[Row]) -> list[str]:
    """What a reader must know to believe the numbers."""
    found = []
    defective = sum(not row.good for row in heads)
    if defective < 20:
        found.append(f"{defective} defective pictures are few to judge by: better 20 or more.")
    shifts = rows.shifts
    moved = [s for s in shifts if s.place.y or s.place.x]
    doubtful = sum(s.doubtful for s in shifts)
    blind = sum(bool(s.shift and s.shift.blind) for s in shifts)
    if moved:
        far = max(max(abs(s.place.y), abs(s.place.x)) for s in moved)
        found.append(
            f"{len(moved)} of {len(shifts)} pictures are shifted against the first good one, by "
            f"up to {far:.1f} patches: aligned."
        )
    if doubtful:
        found.append(
            f"{doubtful} of {len(shifts)} pictures do not look like the first good one: not "
            "aligned, and deviations from good mean little there."
        )
    if blind:
        found.append(f"{blind} of {len(shifts)} pictures have nothing to align by: as they lie.")
    if rows.known is not None and not rows.seeing.align:
        found.append("Parts were not aligned (--no-align): they are compared as they lie.")
    return found


def settings_json(settings: RankSettings) -> dict[str, Any]:
    """The settings as run.json states them."""
    return asdict(settings)
