"""How fine a grid, and which layers, a page can hold: settled before the model runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vitmap.photo.view import View

MOST, LEAST = 784, 256  # patches: a default grid has no more, and for the page's sake no fewer
LIMIT = 25_000_000  # bytes of a page, a photo
_ROOM = 1_500_000  # of them for the photo itself and for what the page is made of
_TEXT = 4 / 3  # base64: three bytes are four letters


@dataclass(frozen=True)
class Stack:
    """What of a model decides how large its page is."""

    depth: int
    heads: int
    dim: int  # numbers in a head's query or key
    prefix: int  # tokens before the patches
    patch: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """How a photo is seen, and which layers the page has of it."""

    view: View
    layers: tuple[int, ...]
    size: int  # bytes, estimated


def estimate(stack: Stack, layers: int, patches: int) -> int:
    """Bytes of the page for one photo: queries and keys as float16, stored rows as float32.

    >>> estimate(Stack(12, 6, 64, 1, (8, 8)), 12, 784)
    21395040

    Tables of relative positions come on top.
    """
    tokens, cells = stack.prefix + patches, layers * stack.heads
    operands = cells * tokens * stack.dim * 2 * 2
    rows = cells * tokens * (stack.prefix + 1) * 4  # each prefix token asks, and the mean
    return int((operands + rows) * _TEXT) + _ROOM


def plan(
    stack: Stack,
    view: Callable[[int | None], View],
    size: int | None,
    asked: tuple[int, ...] | None,
    any_size: bool = True,
) -> Plan:
    """The view and the layers of one photo; `view` gives the view at a size.

    Without a size the grid is the finest of at most 784 patches that keeps all layers within 25 MB,
    though not below 256 patches. Where that is too much, or a size was asked for, fewer layers
    stay, evenly spread and the last among them; layers that were asked for by name all stay.
    """
    wanted = asked or tuple(range(stack.depth))
    if size is not None or not any_size:
        seen = view(size)
    else:
        most = MOST
        while most > LEAST and estimate(stack, len(wanted), most) > LIMIT:
            most -= 1
        seen = _finest(view, stack.patch, most)
    patches = _patches(seen)
    count = len(wanted)
    while asked is None and count > 1 and estimate(stack, count, patches) > LIMIT:
        count -= 1
    layers = spread(wanted, count)
    return Plan(seen, layers, estimate(stack, count, patches))


def spread(layers: tuple[int, ...], count: int) -> tuple[int, ...]:
    """So many of the layers at even distances, the last one always.

    >>> spread(tuple(range(12)), 4)
    (2, 5, 8, 11)
    """
    return tuple(layers[len(layers) * (place + 1) // count - 1] for place in range(count))


def _finest(view: Callable[[int | None], View], patch: tuple[int, int], most: int) -> View:
    """The largest view of at most so many patches, or the smallest one of 256 or more."""
    size = int((most * patch[0] * patch[1]) ** 0.5) + 2 * max(patch)
    seen = view(size)
    while _patches(seen) > most and size > max(patch):
        size -= 1
        smaller = view(size)
        if _patches(smaller) < LEAST:
            break
        seen = smaller
    return seen


def _patches(view: View) -> int:
    return view.grid[0] * view.grid[1]
