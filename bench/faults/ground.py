"""The ground of all trials: a tiny ViT, small pictures, what vitmap makes of them untroubled."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.faults.forked import Ended, Starter
from bench.faults.kept import NOTHING, RANK, SEEN, STATES
from bench.faults.trees import remove

SIZE = (24, 32)  # (y, x) of every picture: 6 × 8 patches of the tiny ViT
_FIXED = ("lot", "set", "model", "outside")
_LONG = 120.0  # seconds for a command that nothing disturbs
_TESTS = Path(__file__).resolve().parents[2] / "tests" / "support"


class Ground:
    """Folders below `root`; commands run in it and name places relative to it.

    `model` a planted ViT, `lot` three pictures, `set` labelled ones with good ones to compare with,
    `outside` what nobody may touch, `slot` where a trial takes place, `kept` what it begins with.
    """

    def __init__(self, root: Path) -> None:
        self._at(root)
        self.starter = Starter(self.root / "words")
        self._draw()
        self._build()
        self._hide()
        self.starter.warm(
            ("lot/a.png", *SEEN, "--no-classify", "--out", "slot/map"),
            ("soart", "map", "--standard", "lot/a.png", "lot/b.png", "--out", "slot/soart"),
            (*RANK, "--out", "slot/rank"),
            cwd=self.root,
        )

    def apart(self, name: str) -> Ground:
        """A ground like this one below it, for trials at the same time."""
        own = Ground.__new__(Ground)
        own._at(self.root / name)
        for part in _FIXED:
            shutil.copytree(self.root / part, own.root / part)
        own.starter = self.starter.apart(own.root / "words")
        return own

    def pristine(self, state: str) -> Path:
        """A copy of the slot in a state (see `kept.STATES`), untouched.

        Raises RuntimeError where a command fails that nothing disturbs.
        """
        copy = self.kept / state
        if not copy.exists():
            remove(self.slot)
            self.slot.mkdir()
            for command in STATES[state]:
                self.undisturbed(command)
            copy.parent.mkdir(exist_ok=True)
            shutil.copytree(self.slot, copy)
        return copy

    def clear(self, state: str = NOTHING) -> None:
        """Bring the slot into a state."""
        pristine = self.pristine(state)
        remove(self.slot)
        shutil.copytree(pristine, self.slot)

    def undisturbed(self, command: Sequence[object]) -> Ended:
        """Run a command that must succeed; raises RuntimeError where it does not."""
        ended = self.starter.run(command, self.root, _LONG)
        if ended.code:
            raise RuntimeError(f"{' '.join(map(str, command))}: {ended.last}")
        return ended

    def _at(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        for place in (*_FIXED, "slot", "kept", "words"):
            remove(self.root / place)
        self.slot, self.kept, self.outside = (
            self.root / place for place in ("slot", "kept", "outside")
        )

    def _draw(self) -> None:
        for number, name in enumerate("abc"):
            draw(self.root / f"lot/{name}.png", number, spot=number == 1)
        for number in range(5):
            draw(self.root / f"set/train/good/{number}.png", 20 + number)
        for number in range(4):
            draw(self.root / f"set/test/good/{number}.png", 40 + number)
            draw(self.root / f"set/test/spot/{number}.png", 60 + number, spot=True)
            mask = np.zeros(SIZE, dtype=np.uint8)
            mask[_spot(60 + number)] = 255
            path = self.root / f"set/ground_truth/spot/{number}_mask.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)

    def _build(self) -> None:
        if str(_TESTS) not in sys.path:
            sys.path.insert(0, str(_TESTS))
        from transformers.utils import logging

        import tiny

        logging.disable_progress_bar()
        model = tiny.plant(tiny.scale_queries_and_keys(tiny.build("vit")), layer=1, head=2)
        tiny.save(model, self.root / "model")

    def _hide(self) -> None:
        """What a hostile name would reach: files named as it names them, and as vitmap's own."""
        for name in (
            "victim",
            "victim.png",
            "victim.safetensors",
            "run.json",
            "maps/a.safetensors",
        ):
            path = self.outside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"nobody's business\n")


def draw(path: Path, seed: int, spot: bool = False) -> Path:
    """A dark photo with one bright mark, which is no defect; with `spot` another one, which is."""
    noise = np.random.default_rng(seed).integers(0, 60, (*SIZE, 3), dtype=np.uint8)
    noise[4:8, 4:8] = 250
    if spot:
        noise[_spot(seed)] = 200
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(path)
    return path


def _spot(seed: int) -> tuple[slice, slice]:
    y, x = 4 * (2 + seed % 3), 4 * (3 + seed % 4)
    return slice(y, y + 4), slice(x, x + 4)
