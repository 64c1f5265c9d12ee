"""Tables that come back: sizes and headers are bounded, whatever a CSV says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vitmap.errors import InputError
from vitmap.formats.soart_tables import NAMES, read_tables, write_tables

ROWS = [("1", "a.png", "good"), ("2", "b.png", "bad")]
VALUES = np.arange(12, dtype=np.float64).reshape(3, 2, 2)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    write_tables(tmp_path, "learn", VALUES, ROWS, {"format": 2, "settings": {"variant": "mean-l2"}})
    return tmp_path


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a column far out": (lambda p: p.write_text("NO,X0,X999999999\n1,1,2\n"), "column X1 is missi"),
    "a column with 5000 digits": (
        lambda p: p.write_text(f"NO,X0,X{'9' * 5000}\n1,1,2\n"), "the header is"
    ),
    "a column twice": (lambda p: p.write_text("NO,X0,X0\n1,1,2\n"), "a column is there twice"),
    "a cell without an end": (lambda p: p.write_text('NO,X0,X1\n1,"' + "1" * 200_000), "as CSV"),
    "a gigabyte": (sparse, "more than the 268,435,456 it may have"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "a folder, not a file"),
    "a circle": (lambda p: (p.unlink(), p.symlink_to(p)), "cannot be read as CSV"),
    "no UTF-8": (lambda p: p.write_bytes(b"NO,X0,X1\n1,\xff,2\n"), "cannot be read as CSV"),
    "nothing": (lambda p: p.write_text(""), "expected a header and at least one row"),
    "an index alone": (lambda p: p.write_text("NO\n1\n2\n"), "the header is 'NO'"),
}  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="links are for other systems")
@pytest.mark.parametrize("file", [f"learn_{name}.csv" for name in NAMES])
@pytest.mark.parametrize("case", CASES)
def test_a_table_that_is_none(case: str, file: str, tables: Path) -> None:
    spoil, said = CASES[case]
    spoil(tables / file)
    with pytest.raises(InputError, match=r"\.csv") as refused:
        read_tables(tables, "learn")
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500 + len(str(tables))


@pytest.mark.parametrize("content", ["", "\n\n", "NO,image\n1,a\n", "NO,image,class\n", ";;;\n"])
def test_names_that_belong_to_no_table(content: str, tables: Path) -> None:
    (tables / "learn_rows.csv").write_text(content)
    with pytest.raises(InputError, match=r"learn_rows\.csv: expected NO,image,class"):
        read_tables(tables, "learn")


def test_tables_come_back(tables: Path) -> None:
    values, rows, settings, found = read_tables(tables, "learn")
    assert (values == VALUES).all()
    assert (rows, settings, found) == (ROWS, {"variant": "mean-l2"}, "learn")
