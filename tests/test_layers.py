"""The architecture, read from the syntax trees: imports only go down, heavy ones stay at home."""

from __future__ import annotations

from pathlib import Path

import pytest

from syntax import FILES, SOURCE, imports

# From the top down; columns of one layer do not import each other.
LAYERS = [
    [{"cli"}],
    [{"run", "report"}],
    [
        {"models", "capture", "rows", "bf16", "methods"},
        {"rank"},
        {"soart"},
        {"render", "regions", "export"},
    ],
    [
        {"alignment", "components", "dataset", "errors", "files", "folders", "geometry", "images"}
        | {"maps"}
        | {"mass", "operands", "query", "registry", "selection", "sinks"}
    ],
]
PLACE = {
    name: (level, column)
    for level, columns in enumerate(LAYERS)
    for column, names in enumerate(columns)
    for name in names
}
MODEL_LIBRARIES = {"torch", "torchvision", "transformers", "huggingface_hub", "timm"}
WITH_MODELS = {"models", "capture", "rows", "bf16", "methods"}
RANK = {"rank.py", "rank_figures.py", "rank_portrait.py", "rank_rows.py"}
EXPLORE = {"explore.py", "explore_look.py", "explore_rows.py"}
RUNS_MODELS = {"run/local.py", *(f"run/{name}" for name in RANK | EXPLORE)}


def part(dotted: str) -> str | None:
    """The part of vitmap that an import names."""
    pieces = dotted.split(".")
    if pieces[0] != "vitmap" or len(pieces) < 2 or pieces[1] not in PLACE:
        return None
    return pieces[1]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_only_go_down(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in PLACE, f"{own} has no layer: add it to LAYERS"
    for dotted in imports(path):
        other = part(dotted)
        if other is None or other == own:
            continue
        (level, column), (below, beside) = PLACE[own], PLACE[other]
        allowed = below > level or (below == level and (beside == column))
        assert allowed, f"{path.name} imports {dotted}, which is not below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_what_needs_no_torch_imports_none(path: Path) -> None:
    relative = path.relative_to(SOURCE).as_posix()
    if relative.split("/")[0].removesuffix(".py") in WITH_MODELS or relative in RUNS_MODELS:
        return
    heavy = {dotted.split(".")[0] for dotted in imports(path)} & MODEL_LIBRARIES
    assert not heavy


HOMES = {
    "transformers": {"models/hf.py"},
    "timm": {"models/timm.py", "models/timm_plain.py"},
    "torchvision": {"models/torchvision.py"},
    "huggingface_hub": {"models/hub.py"},
}


@pytest.mark.parametrize("library", HOMES)
def test_each_model_library_has_its_own_file(library: str) -> None:
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in FILES
        if library in {name.split(".")[0] for name in imports(path)}
    }
    assert users == HOMES[library]


@pytest.mark.parametrize(
    ("library", "home"), [("openpyxl", "export/workbook.py"), ("sklearn", "soart/classifiers.py")]
)
def test_a_library_of_the_soart_extra_has_one_file(library: str, home: str) -> None:
    users = [p for p in FILES for name in imports(p) if name.split(".")[0] == library]
    assert {path.relative_to(SOURCE).as_posix() for path in users} == {home}


def test_no_file_holds_two_things() -> None:
    long = {p.name: n for p in FILES if (n := len(p.read_text("utf-8").splitlines())) > 300}
    assert not long


def test_no_file_is_named_after_nothing() -> None:
    assert not {p.stem for p in FILES} & {"utils", "util", "helpers", "common", "core", "misc"}
