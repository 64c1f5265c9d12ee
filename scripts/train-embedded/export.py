"""Write a run's averaged weights as a Hugging Face folder: the files that the package ships.

python scripts/train-embedded/export.py --run ../embedded --to ../embedded/model
"""

import argparse
import json
import shutil
from pathlib import Path

import checkpoint
import student
import torch
from transformers import ViTImageProcessor, ViTModel

LARGEST = 12_000_000  # bytes of weights
PARAMETERS = 6_000_000


def export(run: Path, folder: Path, which: str = "best") -> None:
    """``config.json``, ``model.safetensors`` (float16), ``preprocessor_config.json``, the curve."""
    state = checkpoint.load(run / f"{which}.pt")
    if state is None:
        raise SystemExit(f"{run / which}.pt is not there: train first.")
    model = student.build(torch.device("cpu"))
    model.load_state_dict(state["smooth"])
    model.set_attn_implementation("sdpa")  # 'dense' exists in training alone
    count = sum(p.numel() for p in model.parameters())
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    _tidy(folder / "config.json")
    ViTImageProcessor(
        size={"height": student.NATIVE, "width": student.NATIVE},
        image_mean=list(student.MEAN),
        image_std=list(student.STD),
        resample=3,  # bicubic, as the training views
    ).save_pretrained(folder)
    if (run / "learning-curve.csv").exists():
        shutil.copy(run / "learning-curve.csv", folder)
    (folder / "model.safetensors").chmod(0o644)
    size = (folder / "model.safetensors").stat().st_size
    assert count <= PARAMETERS, f"{count} parameters"
    assert size <= LARGEST, f"{size} bytes"
    _verify(folder, state["smooth"])
    print(f"{folder}: {count:,} parameters, {size:,} bytes, step {state['step']}")


def _tidy(config: Path) -> None:
    """Keep what describes the model; float32 is what the weights are meant to be used in."""
    fields = json.loads(config.read_text())
    fields.pop("_name_or_path", None)
    fields.pop("transformers_version", None)
    fields["dtype"] = "float32"
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def _verify(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    loaded, report = ViTModel.from_pretrained(
        folder, add_pooling_layer=False, dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"], report
    assert not report["unexpected_keys"], report
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, weights[name].half().float()), name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the trainer's --out")
    parser.add_argument("--to", type=Path, required=True, help="folder to write")
    parser.add_argument("--which", choices=("best", "last"), default="best")
    args = parser.parse_args()
    export(args.run, args.to, args.which)
