from __future__ import annotations

import pytest

from vitmap.errors import UsageError
from vitmap.maps.selection import Selection, select

GIVEN = [
    ("-1", (11,)),
    (-1, (11,)),
    (0, (0,)),
    ("0,3,11", (0, 3, 11)),
    ("4:8", (4, 5, 6, 7)),
    ("-3:", (9, 10, 11)),
    (":2", (0, 1)),
    ("all", tuple(range(12))),
    ("11, -1, 0", (11, 0)),
    ([2, -2], (2, 10)),
    ("0:2,5", (0, 1, 5)),
]
REFUSED = [
    ("12", r"^Layer 12 asked for, but the model has layers 0\.\.11 \(or -12\.\.-1\)\.$"),
    (-13, r"^Layer -13 asked for, but the model has layers 0\.\.11 \(or -12\.\.-1\)\.$"),
    ("4:13", r"^Layer range 4:13 asked for, but the model has layers 0\.\.11"),
    ("5:5", r"^Layer '5:5' is empty"),
    ("last", r"^Layer 'last' is no index: expected -1, 0,3,11, 4:8 or all\.$"),
    ("1:2:3", r"^Layer range '1:2:3' is not of the form 4:8"),
    ("", r"^Layer '' is no index"),
    ([], r"^Layer \[\] is empty"),
]


@pytest.mark.parametrize(("wanted", "indices"), GIVEN)
def test_select(wanted: Selection, indices: tuple[int, ...]) -> None:
    assert select(wanted, 12, "layer") == indices


@pytest.mark.parametrize(("wanted", "text"), REFUSED)
def test_what_a_model_does_not_have_is_refused(wanted: Selection, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        select(wanted, 12, "layer")


def test_heads_are_called_heads() -> None:
    with pytest.raises(UsageError, match=r"Head 9 asked for, but the model has heads 0\.\.5"):
        select(9, 6, "head")
