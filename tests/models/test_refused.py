"""A model that cannot be had, or not exactly: one line that says what to do, exit code 4."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from safetensors.numpy import load_file, save_file

from command import Command, command, left_in

WEIGHTS, PROCESSOR = "model.safetensors", "preprocessor_config.json"


@pytest.fixture
def vitmap(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    return command(capfd, out=tmp_path / "out", size=16)


def without(*names: str) -> Callable[[Path], None]:
    """Remove files from a checkpoint."""
    return lambda folder: [(folder / name).unlink() for name in names] and None


def without_weights_of(part: str) -> Callable[[Path], None]:
    """Remove the tensors whose names hold a word."""

    def remove(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        kept = {name: tensor for name, tensor in tensors.items() if part not in name}
        assert len(kept) < len(tensors)
        save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})

    return remove


def cut(name: str) -> Callable[[Path], None]:
    """Keep the first half of a file."""

    def halve(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return halve


def with_settings(**changed: object) -> Callable[[Path], None]:
    """Change config.json."""

    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changed}))

    return change


def resnet(folder: Path) -> None:
    """A real ResNet checkpoint, tiny."""
    shutil.rmtree(folder)
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    transformers.ResNetForImageClassification(config).save_pretrained(folder)
    transformers.ConvNextImageProcessor().save_pretrained(folder)


def resnet_config(folder: Path) -> None:
    """No more than a ResNet's config.json."""
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "resnet"}')


LAYOUT = (
    "Expected a checkpoint in the Hugging Face layout: config.json, preprocessor_config.json, "
    "model.safetensors."
)
RANDOM = "with random ones in their place the maps would mean nothing."
NOT_VIT = "a 'resnet' model; maps can be read exactly from "
# what is done to a good checkpoint → how the line begins, and how it ends
BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a ResNet": (resnet, NOT_VIT, "."),
    "a ResNet's config alone": (resnet_config, NOT_VIT, "."),
    "no config": (without("config.json"), "the folder has no config.json. ", LAYOUT),
    "an empty folder": (
        without("config.json", WEIGHTS, PROCESSOR),
        "the folder has no config.json. ",
        LAYOUT,
    ),
    "no weights": (without(WEIGHTS), "the folder holds no weights (*.safetensors).", ""),
    "no processor": (without(PROCESSOR), f"the folder has no {PROCESSOR}. ", LAYOUT),
    "a layer's weights missing": (
        without_weights_of(".1."),
        "weights are missing from the checkpoint (16: vit.",
        RANDOM,
    ),
    "one weight missing": (
        without_weights_of("cls_token"),
        "weights are missing from the checkpoint (1: vit.embeddings.cls_token); ",
        RANDOM,
    ),
    "a classifier without weights": (
        without_weights_of("classifier"),
        "weights are missing from the checkpoint (2: classifier.bias, classifier.weight); ",
        RANDOM,
    ),
    "cut weights": (cut(WEIGHTS), "the weights cannot be read (", ")."),
    "cut config": (cut("config.json"), "config.json cannot be read (", ")."),
    "cut processor": (cut(PROCESSOR), f"{PROCESSOR} cannot be read (", ")."),
    "weights of another shape": (
        with_settings(intermediate_size=64),
        "weights have another shape in the checkpoint (9: ",
        RANDOM,
    ),
    "a layer too many": (
        with_settings(num_hidden_layers=4),
        "weights are missing from the checkpoint (16",
        RANDOM,
    ),
    "a type nobody knows": (
        with_settings(model_type="vitt"),
        "config.json cannot be read (",
        ").",
    ),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_checkpoint_that_cannot_be_read_exactly(
    damage: str, tiny_classifier: Path, tmp_path: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    damaging, start, end = BROKEN[damage]
    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "checkpoint"))
    damaging(folder)
    code, out, [line] = vitmap(draw(), "--model", folder)
    assert (code, out) == (4, [])
    assert line.startswith(f"vitmap: {folder}: {start}")
    assert line.endswith(end)
    assert "above" not in line, "there is nothing above the one line"
    assert left_in(tmp_path / "out") == set()


HOW = (
    "On a machine with a network run `hf download {0}` and copy the folder here, then name it "
    "(--model FOLDER)."
)
OFFLINE = "it is not in the local cache, and HF_HUB_OFFLINE is set. "
ABSENT = {
    "./nowhere": "./nowhere: no such folder.",
    "/no/such/folder": "/no/such/folder: no such folder.",
    "nobody/nothing": f"nobody/nothing: {OFFLINE}{HOW.format('nobody/nothing')}",
    "nobody/nothing@v2": f"nobody/nothing: {OFFLINE}{HOW.format('nobody/nothing')}",
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_model_that_cannot_be_had(
    name: str, tmp_path: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    assert vitmap(draw(), "--model", name) == (4, [], [f"vitmap: {ABSENT[name]}"])
    assert left_in(tmp_path / "out") == set()


def test_a_file_is_no_model(
    tiny_classifier: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    weights = tiny_classifier / WEIGHTS
    said = (
        f"vitmap: {weights}: is a file. Expected a folder in the layout of Hugging Face or timm, "
        "or a DINO checkpoint (.pth)."
    )
    assert vitmap(draw(), "--model", weights) == (4, [], [said])


def test_a_classifier_that_is_none(
    tiny_classifier: Path, tiny_backbone: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    said = (
        f"vitmap: {tiny_backbone} has no classifier: name one with --classifier, "
        "or use --no-classify."
    )
    answer = vitmap(draw(), "--model", tiny_classifier, "--classifier", tiny_backbone)
    assert answer == (4, [], [said])


def test_a_device_that_is_not_there(
    tiny_classifier: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    code, _, [line] = vitmap(draw(), "--model", tiny_classifier, "--device", "cuda:77")
    assert code == 2
    said = "vitmap: Device 'cuda:77' cannot be used here: expected cpu, cuda, cuda:1, mps or auto."
    assert line == said


def test_pickled_weights_run_nothing(
    tiny_classifier: Path, tmp_path: Path, draw: Callable[..., Path], vitmap: Command
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.mkdir, (tmp_path / "sprung",)

    folder = Path(shutil.copytree(tiny_classifier, tmp_path / "checkpoint"))
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    code, _, [line] = vitmap(draw(), "--model", folder)
    assert code == 4
    assert line.startswith(f"vitmap: {folder}: the weights cannot be read (")
    assert not (tmp_path / "sprung").exists()


def test_no_pictures_need_no_model(tmp_path: Path, vitmap: Command) -> None:
    said = f"vitmap: {tmp_path / 'a.png'}: no such file."
    assert vitmap(tmp_path / "a.png", "--model", "nobody/nothing") == (3, [], [said])
