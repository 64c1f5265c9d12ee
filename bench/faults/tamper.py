"""Campaign: vitmap's own files, tampered with, and the commands that read them back.

A trial is one file, damaged in one way, and one command. The command must refuse the file in a line
that names it, or do without it and give just what it gives with the untouched file. What lies
outside its own output must be as it was.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Failure
from bench.faults.damage import Chance, Damage, files_in, spoil
from bench.faults.forked import Ended
from bench.faults.ground import Ground
from bench.faults.kept import LOT, REVIEW, SEEN, SOART
from bench.faults.trees import Tree, differences, files_of, remove, state_of, without_digests

_NET = "something unexpected went wrong"
_CODES = (0, 2, 3, 4)


@dataclass(frozen=True)
class Kind:
    """One kind of own file: where pristine ones lie, which they are, and who reads them."""

    name: str
    kept: str  # the slot as it is before the damage
    files: str  # a pattern in the slot
    commands: tuple[tuple[object, ...], ...]  # `READ` for `vitmap.read_maps`
    writes: tuple[str, ...] = ("out",)  # folders of the slot that the command may write
    results: str = "out"  # the folder whose content is the result
    also: tuple[str, ...] = ()  # what a line may say instead of the file's name


READ = "read_maps"
_BY_RECIPE = (
    ("lot", "--recipe", "slot/rank/recipe.json", "--quiet", "--out", "slot/out"),
    ("review", "lot", "--recipe", "slot/rank/recipe.json", "--quiet", "--out", "slot/out"),
)
_RANK = ("rank", "set", *SEEN, "--rows", "slot/rows", "--out", "slot/out")
_ATTEND = ("soart", "attend", "--learn", "slot/tables", "--valid", "slot/tables", "--no-excel")
_MERGE = ("merge", "slot/shards", "--quiet", "--out", "slot/out")
_REPLAY = ("--quiet", "--out", "slot/out")

KINDS = (
    Kind("recipe.json", "recipe", "rank/recipe.json", _BY_RECIPE),
    Kind("recipe.safetensors", "recipe", "rank/recipe.safetensors", _BY_RECIPE),
    Kind("run.json", "map", "map/run.json", (("--replay", "slot/map/run.json", *_REPLAY),)),
    Kind("run.json of a picture", "map", "map/a/run.json",
         (("--replay", "slot/map/a/run.json", *_REPLAY),)),
    Kind("run.json in place", "map", "map/run.json",
         (("--replay", "slot/map/run.json", "--quiet"),), ("map",), "map"),
    Kind("earlier map", "mapped", "out/**/run.json",
         (LOT,)),
    Kind("earlier soart map", "soart map", "out/**/run.json",
         (SOART,)),
    Kind("journal", "reviewed", "out/journal/journal.jsonl", (REVIEW,)),
    Kind("plan", "reviewed", "out/journal/plan.json", (REVIEW,)),
    Kind("state", "reviewed", "out/journal/maps/*.safetensors", (REVIEW,)),
    Kind("run.json of a review", "reviewed", "out/run.json", (REVIEW,)),
    # An empty journal, or one that lost its last line, is that of a shard that is under way.
    Kind("shard's journal", "shards", "shards/*/journal/journal.jsonl", (_MERGE,),
         also=("is not finished",)),
    Kind("shard's plan", "shards", "shards/*/journal/plan.json", (_MERGE,)),
    Kind("shard's state", "shards", "shards/*/journal/maps/*.safetensors", (_MERGE,)),
    Kind("shard's run.json", "shards", "shards/*/run.json", (_MERGE,)),
    Kind("row", "recipe", "rows/*.row.safetensors", (_RANK,), ("out", "rows")),
    Kind("good row", "recipe", "rows/*.good.safetensors", (_RANK,), ("out", "rows")),
    Kind("maps.safetensors", "map", "map/*/maps.safetensors", ((READ,),), ()),
    Kind("soart settings", "tables", "tables/*_settings.json", ((*_ATTEND, "--out", "slot/out"),)),
    Kind("soart table", "tables", "tables/*.csv", ((*_ATTEND, "--out", "slot/out"),)),
)  # fmt: skip


class Tampering:
    """All trials; each is brought about again by the seed and its number."""

    full = 500
    figures = ("hang", "traceback", "unforeseen", "touched outside", "other result", "unnamed")

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.seed = ground, seed
        self._expected: dict[tuple[object, ...], tuple[Ended, Tree]] = {}

    def trials(self, count: int) -> Iterable[int]:
        """The numbers of the trials."""
        return range(count)

    def group(self, number: int) -> str:
        """The state in which the trial begins."""
        return KINDS[number % len(KINDS)].kept

    def trial(self, number: int) -> list[Failure]:
        """Damage one file, run one command, and look at everything."""
        ground = self.ground
        chance = Chance(f"{self.seed}/tamper/{number}", ground.outside)
        kind = KINDS[number % len(KINDS)]
        command = chance.choice(kind.commands)
        expected = self._untouched(kind, command)
        ground.clear(kind.kept)
        path = chance.choice(list(files_in(ground.slot, kind.files)))
        if number % 9 == 8 and "out" in kind.writes:
            damage, named = self._link(chance), ("link", "folder")
        else:
            damage = spoil(path, ground.slot, chance)
            named = (*_names_of(path), *kind.also)
        outside = self._outside(kind)
        ended = self._run(kind, command)
        changed = differences(self._outside(kind), outside)
        told = f"{kind.name}: {path.relative_to(ground.slot)}: {damage.what}: `vitmap " + (
            " ".join(map(str, command)) + f"` {ended.last}"
        )
        found = []
        for what in self._wrong(kind, ended, damage, expected, named):
            found.append(Failure(f"tamper:{number}", what[0], f"{told} {what[1]}".strip()))
        if changed:
            found.append(
                Failure(f"tamper:{number}", "touched outside", f"{told} {'; '.join(changed[:3])}")
            )
        return found

    def _wrong(
        self,
        kind: Kind,
        ended: Ended,
        damage: Damage,
        expected: tuple[Ended, Tree],
        named: tuple[str, ...],
    ) -> Iterable[tuple[str, str]]:
        if ended.hung:
            yield "hang", ""
        elif ended.traceback or ended.code not in _CODES:
            yield "traceback", ""
        elif _NET in ended.err:
            yield "unforeseen", ""
        elif ended.code == 0 and damage.firm:
            other = self._other(kind, ended, expected)
            if other:
                yield "other result", "; ".join(other[:3])
        elif ended.code and damage.firm and not any(name in ended.err for name in named):
            yield "unnamed", ""

    def _other(self, kind: Kind, ended: Ended, expected: tuple[Ended, Tree]) -> list[str]:
        if not kind.writes:
            return [] if ended.out == expected[0].out else ["other maps"]
        found = files_of(self.ground.slot / kind.results)
        said = differences(found, expected[1])
        if said and kind.name.startswith("recipe"):
            # A run's record names its recipe by the digest of the file, which is another.
            own = without_digests(found, self._digest(kind)), without_digests(expected[1])
            known = {n: c.replace(self._known(kind).encode(), b"~") for n, c in own[1].items()}
            said = differences(own[0], known)
        return said

    def _digest(self, kind: Kind) -> str:
        return _sha256(self.ground.slot / kind.files)

    def _known(self, kind: Kind) -> str:
        return _sha256(self.ground.pristine(kind.kept) / kind.files)

    def _untouched(self, kind: Kind, command: tuple[object, ...]) -> tuple[Ended, Tree]:
        key = (kind.kept, kind.results, *command)
        if key not in self._expected:
            self.ground.clear(kind.kept)
            ended = self._run(kind, command)
            if ended.code:
                raise RuntimeError(f"{command}: {ended.last}")
            self._expected[key] = ended, files_of(self.ground.slot / kind.results)
        return self._expected[key]

    def _run(self, kind: Kind, command: tuple[object, ...]) -> Ended:
        if command != (READ,):
            return self.ground.starter.run(command, self.ground.root)
        kept = self.ground.pristine(kind.kept)
        names = [path.relative_to(kept) for path in files_in(kept, kind.files)]
        paths = [str(self.ground.slot / name) for name in names]
        return self.ground.starter.fork(lambda: read_maps(paths), self.ground.root).wait()

    def _outside(self, kind: Kind) -> dict[str, object]:
        """All that no trial of this kind may change."""
        root, found = self.ground.root, {}
        for name in ("outside", "lot", "set", "model"):
            found |= {f"{name}/{key}": v for key, v in state_of(root / name).items()}
        for place in sorted(self.ground.slot.iterdir()):
            if place.name not in kind.writes:
                found |= {
                    f"slot/{place.name}/{key}": value
                    for key, value in state_of(place, times=False).items()
                }
        return found

    def _link(self, chance: Chance) -> Damage:
        """A link in the output, through which files elsewhere would be written."""
        out, outside = self.ground.slot / "out", self.ground.outside
        out.mkdir(exist_ok=True)
        places = ["masks", "heatmaps", "overlays", "journal", "journal/maps", "a", "labelme"]
        places += [path.name for path in sorted(out.iterdir())]
        place = out / chance.choice(places)
        remove(place)
        place.parent.mkdir(exist_ok=True)
        target = chance.choice([outside, outside / "maps", outside / "victim"])
        place.symlink_to(target, target_is_directory=target.is_dir())
        return Damage(f"{place.name} is a link to {target.name}", False)


def read_maps(paths: list[str]) -> int:
    """As a program would: whatever vitmap raises of its own is told in a line."""
    import vitmap

    try:
        for path in paths:
            maps = vitmap.read_maps(path)
            content = maps.values.tobytes() + maps.prefix.tobytes() + maps.keep_mass(0.6).tobytes()
            one = maps.at(layer=-1, head=0)
            print(hashlib.sha256(content).hexdigest(), one.label, one.peak, one.alarms)
            print(maps.layers, maps.depth, maps.query, maps.view, maps.source)
            print(one.heatmap().values.sum())
    except vitmap.VitmapError as error:
        print(f"vitmap: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _names_of(path: Path) -> tuple[str, ...]:
    """How a line may name the file: a SOART table also as its metric, or as the file of the rows'
    names that it does not fit."""
    if path.suffix != ".csv":
        return (path.name,)
    role, _, metric = path.stem.partition("_")
    return path.name, metric, f"{role}_rows.csv"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
