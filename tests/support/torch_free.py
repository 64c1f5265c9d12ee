"""A process in which no model library can be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BLOCKED = ["torch", "torchvision", "transformers", "huggingface_hub", "timm", "tqdm"]


WITHOUT = f"""
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Nowhere())
"""


def without_torch(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
