from __future__ import annotations

import vitmap


def test_the_public_names_are_those_of_all() -> None:
    assert sorted(vitmap.__all__) == sorted(vitmap._HOMES)
    for name in vitmap.__all__:
        thing = getattr(vitmap, name)
        assert thing.__name__ == name
        assert thing.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(vitmap, "attention")
