"""Campaign: commands that are killed at any moment, and then given again.

The command that is given again must succeed, leave just the files of a run that nobody disturbed,
and nothing half-written.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

from bench.cases import Failure
from bench.faults.forked import Ended
from bench.faults.ground import Ground
from bench.faults.kept import LOT, NOTHING, RANK, REVIEW, Words
from bench.faults.trees import Tree, differences, files_of, left_over

_LIMIT = 60.0

# A name, the state of the slot before, and the command.
COMMANDS: tuple[tuple[str, str, Words], ...] = (
    ("map", NOTHING, LOT),
    ("review", NOTHING, REVIEW),
    ("rank", NOTHING, (*RANK, "--rows", "slot/rows", "--out", "slot/out")),
    ("merge", "shards", ("merge", "slot/shards", "--quiet")),
    ("map again", "mapped", (*LOT, "--head", "0")),
    ("review again", "reviewed", (*REVIEW, "--colormap", "magma")),
)


class Killing:
    """All kills; each is brought about again by the seed and its number, but for the moment."""

    full = 60
    figures = ("hang", "traceback", "failure", "other files", "left over")

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.seed = ground, seed
        self._known: dict[str, tuple[Tree, float]] = {}

    def trials(self, count: int) -> Iterable[int]:
        """The numbers of the trials."""
        return range(count)

    def group(self, number: int) -> str:
        """The command."""
        return COMMANDS[number % len(COMMANDS)][0]

    def trial(self, number: int) -> list[Failure]:
        """Kill a command once, in some trials twice; give it again, and look at what it left."""
        chance = random.Random(f"{self.seed}/kills/{number}")
        name, state, command = COMMANDS[number % len(COMMANDS)]
        expected, seconds = self._undisturbed(name, state, command)
        starter, root = self.ground.starter, self.ground.root
        self.ground.clear(state)
        moments = []
        for _ in range(chance.choice((1, 1, 2))):
            moments.append(self._killed(command, chance, seconds, state, first=not moments))
        ended = starter.run(command, root, _LIMIT)
        told = f"{name}, killed after {' and '.join(f'{at:.2f}' for at in moments)} s: "
        return [
            Failure(f"kills:{number}", what, told + said)
            for what, said in self._wrong(ended, expected)
        ]

    def _wrong(self, ended: Ended, expected: Tree) -> Iterable[tuple[str, str]]:
        if ended.hung:
            yield "hang", ended.last
        elif ended.traceback:
            yield "traceback", ended.last
        elif ended.code:
            yield "failure", ended.last
        else:
            if other := differences(files_of(self.ground.slot), expected):
                yield "other files", "; ".join(other[:4])
            if left := left_over(self.ground.slot):
                yield "left over", ", ".join(left[:4])

    def _killed(
        self,
        command: Words,
        chance: random.Random,
        seconds: float,
        state: str,
        first: bool,
    ) -> float:
        """Kill it within the time that it takes; one that had ended already is given once more."""
        starter, root = self.ground.starter, self.ground.root
        while True:
            at = chance.random() * seconds
            running = starter.start(command, root, _LIMIT)
            time.sleep(at)
            running.kill()
            if running.wait().code < 0 or not first:
                return at
            seconds *= 0.8
            self.ground.clear(state)

    def _undisturbed(self, name: str, state: str, command: Words) -> tuple[Tree, float]:
        if name not in self._known:
            self.ground.clear(state)
            ended = self.ground.undisturbed(command)
            self._known[name] = files_of(self.ground.slot), ended.seconds
        return self._known[name]
