"""What becomes of pictures whose files are drawn in threads, behind the model or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future

from vitmap.commands.review.lot import Member
from vitmap.commands.review.place import Workplace
from vitmap.runs.jobs import Outcome, failed, failure_of
from vitmap.runs.overlap import Behind

Drawing = Behind[Member, None]


def draw_waiting(place: Workplace, behind: Drawing, step: Callable[[], None]) -> Iterator[Outcome]:
    """Draw every picture that is known and not drawn; gives the failures."""

    def work(member: Member) -> Callable[[], None]:
        return lambda: place.draw(member, None)

    for member in place.waiting():
        yield from failures(place, behind.add(member, work(member)))
        step()
    yield from failures(place, behind.rest())


def failures(place: Workplace, done: Iterable[tuple[Member, Future[None]]]) -> Iterator[Outcome]:
    """The pictures whose work failed."""
    for member, future in done:
        error = future.exception()
        if error is None:
            continue
        if not isinstance(error, Exception):
            raise error
        yield failure(place, member, error)


def failure(place: Workplace, member: Member, error: Exception) -> Outcome:
    """A picture's failure, which says nothing about the others."""
    said = failure_of(member.path, error)
    place.fail(member, str(said))
    return failed(member.path, said, member.name)
