"""Overlap: pictures are decoded ahead of the model and written behind it, a few at a time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def give_way() -> None:
    """Let the model's threads go first, where the system tells threads apart (Linux).

    They work in step: one that has to share its core makes all the others wait. Work beside the
    model then runs in its gaps, and at full speed as soon as the model has to wait for it.
    """
    with suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def ahead(
    items: Iterable[Item], make: Callable[[Item], Made], depth: int = 3, threads: int = 1
) -> Iterator[tuple[Item, Future[Made]]]:
    """The items in order, each with what `make` gives for it, begun up to `depth` items early."""
    with ThreadPoolExecutor(threads, "ahead", initializer=give_way) as pool:
        waiting: deque[tuple[Item, Future[Made]]] = deque()
        try:
            for item in items:
                waiting.append((item, pool.submit(make, item)))
                if len(waiting) > depth:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()


class Behind(Generic[Item, Made]):
    """Work that is done later in other threads; no more than `depth` pieces wait at a time."""

    def __init__(self, depth: int = 4, threads: int = 2) -> None:
        self.depth = depth
        self._pool = ThreadPoolExecutor(threads, "behind", initializer=give_way)
        self._waiting: deque[tuple[Item, Future[Made]]] = deque()

    def add(self, item: Item, work: Callable[[], Made]) -> Iterator[tuple[Item, Future[Made]]]:
        """Begin a piece; gives the pieces that had to be waited for, in order."""
        self._waiting.append((item, self._pool.submit(work)))
        while len(self._waiting) > self.depth or (self._waiting and self._waiting[0][1].done()):
            yield self._taken()

    def rest(self) -> Iterator[tuple[Item, Future[Made]]]:
        """Wait for all that is left."""
        while self._waiting:
            yield self._taken()

    def close(self) -> None:
        """Give up what has not begun, and wait for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _taken(self) -> tuple[Item, Future[Made]]:
        item, future = self._waiting.popleft()
        future.exception()  # waits
        return item, future
