"""The net below every command: what nobody thought of is one line, and a traceback with --debug."""

from __future__ import annotations

import errno
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from command import Command, command
from vitmap.commands import COMMANDS
from vitmap.errors import PictureError
from vitmap.photo.read import decoding
from vitmap.runs.jobs import failure_of

REPORT = "This is a fault of vitmap: run the command again with --debug and report what it prints."
MEMORY = (
    "More memory is needed than there is: smaller or fewer pictures, a smaller --size or a smaller "
    "model need less."
)
LEFT: dict[str, tuple[Exception, str]] = {
    "a key": (KeyError("x"), f"something unexpected went wrong (KeyError: 'x'). {REPORT}"),
    "nothing said": (
        AssertionError(),
        f"something unexpected went wrong (AssertionError). {REPORT}",
    ),
    "several lines": (
        ValueError("\n  one\ntwo\n"),
        f"something unexpected went wrong (ValueError: one). {REPORT}",
    ),
    "a long line": (
        TypeError("x" * 5000),
        f"something unexpected went wrong (TypeError: {'x' * 200}). {REPORT}",
    ),
    "too deep": (
        RecursionError("maximum recursion depth exceeded"),
        "something unexpected went wrong (RecursionError: maximum recursion depth exceeded). "
        + REPORT,
    ),
    "memory": (MemoryError(), MEMORY),
    "a full disk": (
        OSError(errno.ENOSPC, "No space left on device", "/out/a.png"),
        "/out/a.png: cannot be read or written (No space left on device).",
    ),
    "a disk without a name": (
        OSError(errno.EIO, "Input/output error"),
        "cannot be read or written (Input/output error).",
    ),
    "a library of nobody's": (
        ModuleNotFoundError("No module named 'nothing'", name="nothing"),
        "something unexpected went wrong (ModuleNotFoundError: No module named 'nothing'). "
        + REPORT,
    ),
    "a name that is no UTF-8": (
        UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"),
        "something unexpected went wrong (UnicodeEncodeError: 'utf-8' codec can't encode character "
        f"'\\udce9' in position 0: surrogates not allowed). {REPORT}",
    ),
}


def raising(error: BaseException) -> Callable[..., int]:
    def run(_: object) -> int:
        raise error

    return run


@pytest.fixture
def vitmap(capfd: pytest.CaptureFixture[str]) -> Command:
    return command(capfd)


@pytest.mark.parametrize("kind", LEFT)
def test_what_is_left_over_is_one_line(
    kind: str, vitmap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, said = LEFT[kind]
    monkeypatch.setattr("vitmap.commands.map.command.run", raising(error))
    assert vitmap("a.png") == (3, [], [f"vitmap: {said}"])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_net_lies_below_every_command(
    name: str, vitmap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"merge": "review.merge_command", "models": "models"}.get(name, f"{name}.command")
    monkeypatch.setattr(import_module(f"vitmap.commands.{place}"), "run", raising(KeyError("x")))
    said = f"vitmap: something unexpected went wrong (KeyError: 'x'). {REPORT}"
    assert vitmap(name, "a.png") == (3, [], [said])


def test_debug_shows_where_it_was(vitmap: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitmap.commands.map.command.run", raising(KeyError("x")))
    code, _, lines = vitmap("a.png", "--debug")
    assert code == 3
    assert lines[0] == "Traceback (most recent call last):"
    assert "KeyError: 'x'" in lines
    assert any("test_net.py" in line for line in lines)
    assert lines[-1] == f"vitmap: something unexpected went wrong (KeyError: 'x'). {REPORT}"


def test_who_stops_it_is_told_so(vitmap: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitmap.commands.map.command.run", raising(KeyboardInterrupt()))
    code, _, [line] = vitmap("a.png")
    assert (code, line[:16]) == (130, "vitmap: Stopped.")


def test_one_picture_without_memory_is_its_own_failure() -> None:
    needs = r"^a\.png: needs more memory than there is: "
    with pytest.raises(PictureError, match=needs), decoding("a.png"):
        raise MemoryError
    said = str(failure_of(Path("a.png"), MemoryError()))
    assert said.startswith("a.png: needs more memory than there is: a smaller --size ")


def test_one_picture_s_own_fault_is_told_in_a_line() -> None:
    said = str(failure_of(Path("a.png"), KeyError("y" * 999 + "\nmore")))
    assert said.startswith("a.png: KeyError: 'yyy")
    assert said.endswith(" (see --debug).")
    assert len(said) < 400
