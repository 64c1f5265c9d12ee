"""Label Studio's brush masks, decoded bit by bit as its own converter does it."""

from __future__ import annotations

from collections.abc import Sequence


def decode(rle: Sequence[int]) -> list[int]:
    """The bytes of the RGBA picture."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    place = 0

    def read(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    total = read(32)
    word = read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        same = read(1)
        length = 1 + read(sizes[read(2)])
        values += [read(word)] * length if same else [read(word) for _ in range(length)]
    assert len(bits) - place < 8, "nothing is left but the filling"
    return values
