"""What works on saved maps needs no torch: torch is put out of reach here, and CI installs none."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitmap
from torch_free import BLOCKED, without_torch

ROOT = Path(__file__).parents[1]


@pytest.fixture
def saved(tiny_classifier: Path, tmp_path: Path, draw: object) -> Path:
    picture = draw("cat.png")
    maps = vitmap.attend(vitmap.load(tiny_classifier), picture, "all", size=32)
    vitmap.write_maps(tmp_path / "maps.safetensors", maps)
    return tmp_path


def test_saved_maps_are_read_measured_and_drawn(saved: Path) -> None:
    done = without_torch(
        """
import vitmap
maps = vitmap.read_maps("maps.safetensors")
cell = maps.at(layer=-1, head=2)
print(cell.label, cell.keep_mass(0.6).sum(), round(cell.entropy, 3), cell.heatmap().values.shape)
vitmap.draw_heads(vitmap.read_photo("cat.png"), maps, scale="cell").save("heads.png")
assert "torch" not in sys.modules
""",
        saved,
    )
    assert done.returncode == 0, done.stderr
    cell = vitmap.read_maps(saved / "maps.safetensors").at(-1, 2)
    assert done.stdout.split()[:2] == ["L2", "H2"]
    assert int(done.stdout.split()[2]) == cell.keep_mass(0.6).sum()
    assert (saved / "heads.png").stat().st_size > 10_000


def test_an_engine_without_torch_makes_maps(
    tiny_classifier: Path, draw: Callable[..., Path]
) -> None:
    """By either method: nothing between an engine and its maps asks for torch."""
    folder = draw("cat.png", 16, 16).parent
    done = without_torch(
        f"""
sys.path.insert(0, {str(Path(__file__).parent / "support")!r})
from pathlib import Path
import vitmap
from numpy_engine import NumpyEngine
from vitmap.methods import METHODS
from vitmap.methods.method import Inputs
engine, photo = NumpyEngine(Path({str(tiny_classifier)!r})), vitmap.read_photo("cat.png")
print(vitmap.attend(engine, photo, "all", size=16).values.shape)
other = vitmap.read_photo(photo.pixels[::-1])
distance = METHODS.get("distance")
keys = distance.plan(engine.facts, "all", "all", None)
reference = distance.learn(engine, [Inputs.of(engine, other, 16)], keys)
maps = distance.maps(engine, Inputs.of(engine, photo, 16), keys, reference)
vitmap.write_maps("maps.safetensors", maps)
print([found.label for found in vitmap.read_maps("maps.safetensors")])
assert "torch" not in sys.modules
""",
        folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(3, 3, 4, 4)", "['L0', 'L1', 'L2']"]


@pytest.mark.parametrize(
    "code",
    ["import vitmap; vitmap.load", "from vitmap.commands import main; sys.exit(main(['cat.png']))"],
)
def test_a_model_says_what_to_install(code: str, saved: Path) -> None:
    done = without_torch(code, saved)
    assert done.returncode != 0
    assert re.search(
        r"needs \w+, which is not installed: pip install 'vitmap\[models\]'", done.stderr
    )


def test_the_light_install_declares_no_model_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    light = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    assert not light & {name.replace("_", "-") for name in BLOCKED}


def test_every_import_is_declared() -> None:
    from syntax import FILES, imports

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    optional = (extras[name] for name in ("models", "timm", "soart"))
    lines = [*project["dependencies"], *(line for extra in optional for line in extra)]
    declared = {re.match(r"[\w-]+", line)[0].replace("-", "_") for line in lines}
    used = {name.split(".")[0] for path in FILES for name in imports(path)}
    third_party = used - set(sys.stdlib_module_names) - {"vitmap"}
    packages = {"PIL": "pillow", "sklearn": "scikit_learn"}
    assert {packages.get(name, name) for name in third_party} <= declared


@pytest.mark.parametrize(
    "damage", [b"", b"not safetensors", None], ids=["empty", "text", "other tensors"]
)
def test_other_files_are_not_taken_for_maps(damage: bytes | None, tmp_path: Path) -> None:
    from safetensors.numpy import save

    path = tmp_path / "maps.safetensors"
    path.write_bytes(save({"a": np.zeros(3)}) if damage is None else damage)
    with pytest.raises(vitmap.VitmapError, match=r"not a maps\.safetensors that vitmap wrote"):
        vitmap.read_maps(path)
    with pytest.raises(vitmap.VitmapError, match="no such file"):
        vitmap.read_maps(tmp_path / "none.safetensors")
