"""Campaign: odd files where pictures are expected, alone and in a folder with sound ones.

No command may hang or die of one; in a folder, the sound pictures are finished all the same.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.cases import Failure
from bench.faults.forked import Ended
from bench.faults.ground import Ground, draw
from bench.faults.kept import SEEN, Words

_NET = "something unexpected went wrong"
_LIMIT = 20.0
_NOISE = np.random.default_rng(7).integers(0, 256, (24, 32, 3), dtype=np.uint8)

Make = Callable[[Path], object]


def _bytes(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def _node(kind: int) -> Make:
    return lambda path: os.mknod(path, kind | 0o644)


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(_NOISE).convert(mode).save(file, kind, **options)
    return file.getvalue()


def _array(values: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    return file.getvalue()


def _frames(kind: str, count: int) -> bytes:
    file = io.BytesIO()
    images = [Image.fromarray(np.roll(_NOISE, i, axis=1)) for i in range(count)]
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    return file.getvalue()


def _png(width: int, height: int, rows: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A gray PNG that promises so many pixels, with so many rows of them there."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    raw = zlib.compress((b"\0" + bytes(width)) * rows, 1)
    body = [(b"IHDR", head), *chunks, (b"IDAT", raw), (b"IEND", b"")]
    pieces = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in body
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def _tiff_in_a_circle() -> bytes:
    """A TIFF file whose list of frames leads back to its first one."""
    content = bytearray(_saved("TIFF"))
    [first] = struct.unpack_from("<I", content, 4)
    [count] = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * count, first)
    return bytes(content)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(_saved("PNG")[:64])
        file.truncate(6 << 30)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", _saved("PNG"))
    return file.getvalue()


_RGB, _JPEG = _saved("PNG"), _saved("JPEG")
_EXIF = Image.Exif()
_EXIF[0x0112] = 99  # an orientation that there is not

# A file's name → what lies there.
ODD: dict[str, Make] = {
    "empty.png": _bytes(b""),
    "one-byte.jpg": _bytes(b"\xff"),
    "text.png": _bytes(b"this is no picture\n" * 20),
    "zeros.bmp": _bytes(bytes(4096)),
    "random.jpg": _bytes(np.random.default_rng(3).bytes(5000)),
    "cut.png": _bytes(_RGB[: len(_RGB) // 2]),
    "cut.jpg": _bytes(_JPEG[: len(_JPEG) // 2]),
    "head-only.png": _bytes(_RGB[:33]),
    "wrong-sum.png": _bytes(_RGB[:40] + bytes([_RGB[40] ^ 255]) + _RGB[41:]),
    "jpeg.png": _bytes(_JPEG),
    "page.png": _bytes(b"<svg xmlns='http://www.w3.org/2000/svg'><rect/></svg>"),
    "document.jpg": _bytes(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"),
    "program.png": _bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"),
    "archive.png": _bytes(_zip()),
    "pickle.png": _bytes(b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR."),
    "bomb.png": _bytes(_png(60_000, 60_000, 3)),
    "large.png": _bytes(_png(15_000, 15_000, 3)),
    "huge-side.png": _bytes(_png(2_000_000, 1, 1)),
    "no-pixels.png": _bytes(_png(0, 0, 0)),
    "too-few.png": _bytes(_png(64, 64, 8)),
    "one-pixel.png": _bytes(_png(1, 1, 1)),
    "sliver.png": _bytes(_png(3000, 1, 1)),
    "much-text.png": _bytes(_png(32, 24, 24, (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26))))),
    "bad-colours.png": _bytes(_saved("PNG", icc_profile=b"no profile" * 9)),
    "palette.gif": _bytes(_frames("GIF", 3)),
    "many-frames.gif": _bytes(_frames("GIF", 300)),
    "moving.webp": _bytes(_frames("WEBP", 5)),
    "moving.png": _bytes(_frames("PNG", 5)),
    "pages.tif": _bytes(_frames("TIFF", 3)),
    "circle.tif": _bytes(_tiff_in_a_circle()),
    "cut.tif": _bytes(_saved("TIFF")[:900]),
    "floats.tif": _bytes(_array(np.full((24, 32), np.nan, np.float32), "TIFF")),
    "infinite.tif": _bytes(_array(np.full((24, 32), np.inf, np.float32), "TIFF")),
    "deep.png": _bytes(_array(np.arange(768, dtype=np.uint16).reshape(24, 32) * 80, "PNG")),
    "wide.tif": _bytes(_array(np.full((24, 32), -(2**31), np.int32), "TIFF")),
    "one-bit.png": _bytes(_saved("PNG", "1")),
    "clear.png": _bytes(_saved("PNG", "RGBA")),
    "ink.jpg": _bytes(_saved("JPEG", "CMYK")),
    "turned.jpg": _bytes(_saved("JPEG", exif=_EXIF.tobytes())),
    "odd-exif.jpg": _bytes(_saved("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")),
    "huge.ppm": _bytes(b"P6\n99999999 99999999\n255\n" + bytes(64)),
    "minus.ppm": _bytes(b"P6\n-5 -5\n255\n" + bytes(64)),
    "sparse.png": _sparse,
    "pipe.png": os.mkfifo,
    "socket.jpg": _node(stat.S_IFSOCK),
    "zero.png": _link("/dev/zero"),
    "null.png": _link("/dev/null"),
    "terminal.png": _link("/dev/tty"),
    "memory.png": _link("/proc/self/mem"),
    "own-words.png": _link("/proc/self/fd/1"),
    "loop.png": _link("loop.png"),
    "nowhere.png": _link("there/is/nothing.png"),
    "folder.png": Path.mkdir,
    "upwards.png": _link(".."),
    "closed.png": lambda path: (path.write_bytes(_RGB), path.chmod(0)),
    "-dash.png": _bytes(_RGB),
    "a [1] *?.png": _bytes(_RGB),
    "two\nlines.png": _bytes(_RGB),
    "bell\x07\x1b[31m.png": _bytes(_RGB),
    "not-utf8-\udcff\udcfe.png": _bytes(_RGB),
    f"{'long' * 62}.png": _bytes(_RGB),
    "CON.png": _bytes(_RGB),
    "...png": _bytes(_RGB),
    " .png": _bytes(_RGB),
    "‮gnp.png": _bytes(_RGB),
}

_OUT = ("--quiet", "--out", "slot/out")
_SOART = ("soart", "map", "--standard", "slot/in/sound.png", *_OUT)
_METRICS = ("soart", "metrics", "--standard", "lot/a.png", *_OUT, "--images")
_RANK = ("rank", *SEEN, "--out", "slot/out")


Use = Callable[[str], tuple[Words, str]]


class OddFiles:
    """All odd files with all commands; a share takes some of each."""

    full = 330
    figures = ("hang", "traceback", "unforeseen", "one stops all", "silent")

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.seed = ground, seed
        self.uses = self._uses()
        self._all = [(name, use) for name in ODD for use in self.uses]

    def trials(self, count: int) -> Iterable[int]:
        """The numbers of the trials: each file in one use, then each in another, by the seed."""
        chance, uses = random.Random(f"{self.seed}/odd"), len(self.uses)
        files = chance.sample(range(len(ODD)), len(ODD))
        orders = {file: chance.sample(range(uses), uses) for file in files}
        every = [file * uses + orders[file][turn] for turn in range(uses) for file in files]
        return every[:count]

    def group(self, number: int) -> str:
        """Each by itself: these are compared with nothing."""
        return str(number)

    def trial(self, number: int) -> list[Failure]:
        """Put one odd file in its place, run one command."""
        name, use = self._all[number]
        ground = self.ground
        ground.clear()
        folder = ground.slot / "in"
        folder.mkdir()
        ODD[name](folder / name)
        draw(folder / "sound.png", 5)
        command, expected = self.uses[use](name)
        ended = ground.starter.run(command, ground.root, _LIMIT)
        told = f"{name!r}, {use}: {ended.last}"
        return [Failure(f"odd-files:{number}", what, told) for what in self._wrong(ended, expected)]

    def _uses(self) -> dict[str, Use]:
        """How a file is met: its name → a command, and a file that the command must write."""
        maps = (*SEEN, "--no-classify", *_OUT[1:])
        looks = (*SEEN, *_OUT[1:])
        one = "lot/a.png"
        return {
            "map, alone": lambda name: ((f"slot/in/{name}", *maps), ""),
            "map, in a folder": lambda _: (("slot/in", *maps), "out/sound/run.json"),
            "review, alone": lambda name: (("review", f"slot/in/{name}", *looks), ""),
            "review, in a folder": lambda _: (("review", "slot/in", *looks), "out/masks/sound.png"),
            "soart map, alone": lambda name: ((*_SOART, f"slot/in/{name}"), ""),
            "soart map, in a folder": lambda _: ((*_SOART, "slot/in"), "out/sound/run.json"),
            "soart map, as standard": lambda name: (
                ("soart", "map", "--standard", f"slot/in/{name}", one, *_OUT),
                "",
            ),
            "soart metrics, in a folder": lambda _: (
                (*_METRICS, "slot/in"),
                "out/learn_rows.csv",
            ),
            "compare, beside another": lambda name: (
                ("compare", one, f"slot/in/{name}", *maps),
                "",
            ),
            "explore, alone": lambda name: (("explore", f"slot/in/{name}", *looks), ""),
            "rank, as a picture": lambda name: (
                (*_RANK, self._set("test/good", name)),
                "out/rank.csv",
            ),
            "rank, as a good one": lambda name: ((*_RANK, self._set("train/good", name)), ""),
            "rank, as a mask": lambda name: (
                (*_RANK, self._set("ground_truth/spot", name, "0_mask.png")),
                "",
            ),
            "rank, as boxes": lambda name: (
                (*_RANK, "--images", "lot", "--boxes", f"{self._set('', name, 'b.json')}/b.json"),
                "",
            ),
            "model": lambda name: (
                (one, "--model", self._model(name, "config.json"), *_OUT),
                "",
            ),
            "weights": lambda name: (
                (one, "--model", self._model(name, "model.safetensors"), *_OUT),
                "",
            ),
            "checkpoint": lambda name: (
                (one, "--model", f"{self._set('', name, 'x.pth')}/x.pth", *_OUT),
                "",
            ),
            "font": lambda name: ((one, *maps, "--font", f"slot/in/{name}"), ""),
        }

    def _wrong(self, ended: Ended, expected: str) -> Iterable[str]:
        if ended.hung:
            yield "hang"
        elif ended.traceback or ended.code not in (0, 2, 3, 4):
            yield "traceback"
        elif _NET in ended.err:
            yield "unforeseen"
        elif ended.code and not ended.err.strip():
            yield "silent"
        elif expected and not (self.ground.slot / expected).is_file():
            yield "one stops all"

    def _set(self, inside: str, name: str, called: str | None = None) -> str:
        """The labelled pictures with the odd file among them; gives the folder."""
        place = self.ground.slot / "set"
        shutil.copytree(self.ground.root / "set", place)
        path = place / inside / (called or name)
        path.unlink(missing_ok=True)
        shutil.move(self.ground.slot / "in" / name, path)
        return "slot/set"

    def _model(self, name: str, called: str) -> str:
        place = self.ground.slot / "model"
        shutil.copytree(self.ground.root / "model", place)
        (place / called).unlink()
        shutil.move(self.ground.slot / "in" / name, place / called)
        return "slot/model"
