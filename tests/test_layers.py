"""The house, read from the syntax trees: which room imports which, and what stays at home."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from syntax import FILES, SOURCE, imports

# A room is a folder that holds files. What lies beside the rooms (errors, registry) is for all.
BELOW = {
    "files": "",
    "photo": "files",
    "maps": "photo",
    "datasets": "photo files",
    "models": "maps photo files",
    "reference": "maps photo files",
    "methods": "models reference maps photo",
    "rank": "reference maps photo files",
    "soart": "maps photo files",
    "inspection": "rank methods maps photo files",
    "formats": "inspection datasets maps photo files",
    "render": "maps files",
    "render/figures": "render maps photo",
    "runs": "models maps photo files",
    "commands/terminal": "runs files",
}
OF_COMMANDS = set(BELOW)  # a command may import all of these, and never another command
MOST = 96  # arrows between rooms, eleven of them to `files`
HOMES = {
    "torch": {"models", "methods"},
    "onnxruntime": {"models"},
    "transformers": {"models"},
    "timm": {"models"},
    "torchvision": {"models"},
    "huggingface_hub": {"models"},
    "openpyxl": {"formats"},
    "sklearn": {"soart"},
}


def room_of(path: Path) -> str:
    """The folder of a file, as `render/figures`; empty for what lies beside the rooms."""
    return path.relative_to(SOURCE).parent.as_posix().removeprefix(".")


ROOMS = {room_of(path) for path in FILES} - {""}


def home_of(dotted: str) -> str:
    """The room that an import of vitmap leads to; empty for what lies beside the rooms."""
    folder = SOURCE
    for piece in dotted.split(".")[1:]:
        if not (folder / piece / "__init__.py").is_file():
            break
        folder /= piece
    return folder.relative_to(SOURCE).as_posix().removeprefix(".")


def arrows(path: Path) -> Iterator[tuple[str, str]]:
    """Every import of another room, with the room."""
    for dotted in imports(path):
        room = home_of(dotted)
        if dotted.split(".")[0] == "vitmap" and room not in ("", room_of(path)):
            yield dotted, room


GRAPH = {
    room: {to for path in FILES if room_of(path) == room for _, to in arrows(path)}
    for room in ROOMS
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    room = room_of(path)
    if room == "" and path.stem.startswith("__"):
        return  # the public names, and the command
    if room.split("/")[0] == "commands" and room not in BELOW:
        below = OF_COMMANDS
    else:
        assert room in {"", *BELOW}, f"{room} has no line in BELOW"
        below = set(BELOW.get(room, "").split())
    for dotted, other in arrows(path):
        assert other in below, f"{path.relative_to(SOURCE)} imports {dotted}: not below {room}"


def test_no_rooms_import_each_other_in_a_circle() -> None:
    TopologicalSorter(GRAPH).prepare()  # raises CycleError
    TopologicalSorter({room: set(below.split()) for room, below in BELOW.items()}).prepare()


def test_the_rooms_hang_together_by_few_arrows() -> None:
    found = sorted(f"{room} → {other}" for room, others in GRAPH.items() for other in others)
    assert len(found) <= MOST, "\n".join(found)


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_is_imported_at_home_alone(library: str) -> None:
    users = {
        room_of(path) for path in FILES if library in {name.split(".")[0] for name in imports(path)}
    }
    assert users <= HOMES[library]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_models_see_a_network(path: Path) -> None:
    """Everything else asks an engine: no module, no hook, no capture."""
    if room_of(path) != "models":
        seen = {".".join(dotted.split(".")[:3]) for dotted in imports(path)}
        inside = {"torch_engine", "capture", "rows", "attention_span", "bf16", "entry"}
        assert not seen & {f"vitmap.models.{name}" for name in inside}
        assert not any(name.startswith("torch.nn") for name in imports(path))


def test_no_file_is_named_after_nothing() -> None:
    names = {path.stem for path in FILES} | {piece for room in ROOMS for piece in room.split("/")}
    assert not names & {"utils", "util", "helpers", "common", "core", "misc"}


def test_tests_mirror_the_house() -> None:
    folder = Path(__file__).parent
    found = {path.parent.relative_to(folder).as_posix() for path in folder.rglob("test_*.py")}
    assert found - {"."} <= ROOMS
