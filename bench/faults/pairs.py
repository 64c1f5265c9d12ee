"""Campaign: two commands at the same time in one folder.

Both must succeed, and what they leave must be what one after the other leaves, in either order.
Where the second one may not wait, it may refuse in its one clear line; then the other one's files
must be there, as those of a run alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.cases import Failure
from bench.faults.forked import Ended
from bench.faults.ground import Ground
from bench.faults.kept import NOTHING, RANK, REVIEW, REVIEWED, SEEN, Words
from bench.faults.trees import Tree, differences, files_of, left_over

_LIMIT = 60.0  # seconds: each waits for the other one
_IN_USE = "another vitmap"


@dataclass(frozen=True)
class Pair:
    """Two commands, and what lies in the slot before them."""

    name: str
    first: Words
    second: Words
    state: str = NOTHING


_OUT = ("--quiet", "--out", "slot/out")
_MAP = (*SEEN, "--no-classify", *_OUT[1:])
_RANK_OUT = ("--out", "slot/out")
_ROWS = ("--rows", "slot/rows")
_SOART = ("soart", "map", "--standard", "lot/a.png", *_OUT)
_METRICS = ("soart", "metrics", "--standard", "lot/a.png", *_OUT, "--images")

PAIRS = (
    Pair("map × map, one picture", ("lot/a.png", *_MAP), ("lot/a.png", *_MAP)),
    Pair("map × map, the same lot", ("lot", *_MAP), ("lot", *_MAP)),
    Pair("map × map, two pictures", ("lot/a.png", *_MAP), ("lot/b.png", *_MAP)),
    Pair("map × map, two heads", ("lot", *_MAP, "--head", 0), ("lot", *_MAP, "--head", 1)),
    Pair("rank × rank, one --out", (*RANK, *_RANK_OUT), (*RANK, *_RANK_OUT)),
    Pair(
        "rank × rank, one --rows",
        (*RANK, *_ROWS, "--out", "slot/one"),
        (*RANK, *_ROWS, "--out", "slot/two"),
    ),
    Pair(
        "rank × rank, both",
        (*RANK, *_ROWS, *_RANK_OUT),
        (*RANK, *_ROWS, *_RANK_OUT, "--folds", 3),
    ),
    Pair("soart map × soart map", (*_SOART, "lot"), (*_SOART, "lot")),
    Pair("soart map × soart map, two pictures", (*_SOART, "lot/b.png"), (*_SOART, "lot/c.png")),
    Pair(
        "soart metrics × soart metrics",
        (*_METRICS, "set/train/good"),
        (*_METRICS, "lot", "--as", "valid"),
    ),
    Pair(
        "compare × explore",
        ("compare", "lot/a.png", "lot/b.png", "--no-classify", *SEEN, *_OUT[1:]),
        ("explore", "lot/a.png", *SEEN, *_OUT[1:]),
    ),
    Pair(
        "explore × explore",
        ("explore", "lot/a.png", *SEEN, *_OUT[1:]),
        ("explore", "lot/b.png", *SEEN, *_OUT[1:]),
    ),
    Pair("review × review", REVIEW, REVIEW),
    Pair("review × review, two colour maps", REVIEW, (*REVIEW, "--colormap", "magma")),
    Pair("review × review, begun", REVIEW, REVIEW, "reviewed"),
    Pair(
        "review × merge",
        (*REVIEWED, "--out", "slot/shards"),
        ("merge", "slot/shards", "--quiet"),
        "shards",
    ),
    Pair(
        "merge × merge",
        ("merge", "slot/shards", "--quiet"),
        ("merge", "slot/shards", "--quiet"),
        "shards",
    ),
    Pair("map × review", ("lot", *_MAP), REVIEW),
)


class Pairing:
    """All pairs; each is brought about again by the seed and its number, but for the moment."""

    full = 60
    figures = ("hang", "traceback", "false failure", "false success", "left over")

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.seed = ground, seed
        self._known: dict[tuple[str, tuple[Words, ...]], tuple[Tree, float]] = {}
        self._waits = "--wait" in ground.starter.run(["rank", "--help"], ground.root).out

    def trials(self, count: int) -> Iterable[int]:
        """The numbers of the trials; a small share has different pairs each time."""
        numbers = list(range(self.full))
        if count < self.full:
            random.Random(f"{self.seed}/pairs").shuffle(numbers)
        return numbers[:count]

    def group(self, number: int) -> str:
        """The pair."""
        return PAIRS[number % len(PAIRS)].name

    def trial(self, number: int) -> list[Failure]:
        """Start both, wait for both, and look at what they left."""
        chance, pair = random.Random(f"{self.seed}/pairs/{number}"), PAIRS[number % len(PAIRS)]
        first, second = pair.first, pair.second
        hasty = self._waits and chance.random() < 0.25
        if hasty:
            second = (*second, "--wait", 0)
        one, seconds = self._after(pair, first)
        both = [self._after(pair, first, pair.second)[0], self._after(pair, pair.second, first)[0]]
        pause = chance.random() ** 2 * seconds
        self.ground.clear(pair.state)
        starter, root = self.ground.starter, self.ground.root
        running = [starter.start(first, root, _LIMIT)]
        time.sleep(pause)
        running.append(starter.start(second, root, _LIMIT))
        ended = [command.wait() for command in running]
        told = f"{pair.name}, {pause:.2f} s apart{', --wait 0' if hasty else ''}: "
        failures = [
            Failure(f"pairs:{number}", what, told + said)
            for what, said in self._wrong(ended, both, one, hasty)
        ]
        left = left_over(self.ground.slot)
        if left and not failures:
            failures.append(Failure(f"pairs:{number}", "left over", told + ", ".join(left[:3])))
        return failures

    def _wrong(
        self, ended: list[Ended], both: list[Tree], one: Tree, hasty: bool
    ) -> Iterable[tuple[str, str]]:
        for command in ended:
            if command.hung:
                yield "hang", command.last
            elif command.traceback:
                yield "traceback", command.last
        refused = hasty and ended[1].code == 3 and _IN_USE in ended[1].err
        failed = [c for c in (ended[:1] if refused else ended) if c.code]
        if failed:
            yield "false failure", failed[0].last
            return
        found = files_of(self.ground.slot)
        unlike = [differences(found, tree) for tree in ([one] if refused else both)]
        if all(unlike):
            yield "false success", "; ".join(min(unlike, key=len)[:4])

    def _after(self, pair: Pair, *commands: Words) -> tuple[Tree, float]:
        """What commands leave one after the other, and how long the first one takes."""
        key = (pair.state, commands)
        if key not in self._known:
            self.ground.clear(pair.state)
            seconds = []
            for command in commands:
                seconds.append(self.ground.undisturbed(command).seconds)
            self._known[key] = files_of(self.ground.slot), seconds[0]
        return self._known[key]
