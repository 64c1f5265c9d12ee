"""Odd files: whatever may lie under a picture's name in a folder, one maker a kind."""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import bytes_of, png_of

POSIX = sys.platform != "win32"
LINUX = sys.platform == "linux"
PAGES = 200_000


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fails what hangs: also a system call that waits is woken by the alarm."""
    if not POSIX:
        yield
        return

    def late(*_: object) -> None:
        pytest.fail(f"no end within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tiff_pages(count: int, back_to: int | None = None) -> bytes:
    """A TIFF of one gray pixel a page; the last page may lead back to an earlier one."""
    tags = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1)]
    tags += [(279, 1)]
    entry = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    page = struct.pack("<H", len(tags)) + entry + bytes(4)
    first = 10  # header, one pixel, and a byte so that pages begin at even places
    pages = np.tile(np.frombuffer(page, np.uint8), (count, 1))
    following = (first + len(page) * np.arange(1, count + 1)).astype("<u4")
    following[-1] = 0 if back_to is None else first + len(page) * back_to
    pages[:, -4:] = following[:, None].view(np.uint8)
    return struct.pack("<2sHI", b"II", 42, first) + b"\x80\0" + pages.tobytes()


def gif_frames(count: int) -> bytes:
    """A GIF of one pixel a frame."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    return head + frame * count + b";"


def bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIHHI", b"BM", 60, 0, 0, 54) + struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0
    )


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def linked(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def sparse(gib: int, begin: bytes = b"") -> Callable[[Path], object]:
    def make(path: Path) -> None:
        path.write_bytes(begin)
        os.truncate(path, gib << 30)

    return make


def sock(path: Path) -> None:
    """A socket, bound by a short name: the whole path may be too long for one."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


def circle(path: Path) -> None:
    """Two links that lead to each other, the second one hidden."""
    path.symlink_to(path.parent / ".other")
    (path.parent / ".other").symlink_to(path)


def through_folder(path: Path) -> None:
    """A link to itself through its own folder."""
    path.symlink_to(f"../{path.parent.name}/{path.name}")


def unreadable(path: Path) -> None:
    path.write_bytes(bytes_of("PNG"))
    path.chmod(0)


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as inside:
        inside.writestr("a.png", bytes(1_000_000))
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((8, 8), np.uint8))
    return file.getvalue()


def half(kind: str, **options: object) -> bytes:
    content = bytes_of(kind, **options)
    return content[: len(content) // 2]


def later_frame_lost() -> bytes:
    """A TIFF whose second page lies beyond its end."""
    content = bytearray(tiff_pages(1))
    content[-4:] = struct.pack("<I", 0x7FFFFFF0)
    return bytes(content)


def scans(count: int) -> bytes:
    """A JPEG of 16 megapixels whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("L", (4000, 4000), 128).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    return content[:-2] + content[content.rindex(b"\xff\xda") : -2] * count + content[-2:]


PS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{} loop\n"
FITS = b"".join(
    line.ljust(80)
    for line in (
        b"SIMPLE  =                    T",
        b"BITPIX  =                    8",
        b"NAXIS   =                    2",
        b"NAXIS1  =                13000",
        b"NAXIS2  =                13000",
        b"END",
    )
).ljust(2880)
DDS = b"DDS " + struct.pack("<IIIIIII", 124, 0x1007, 13000, 13000, 0, 0, 0) + bytes(44)
DDS += struct.pack("<IIIIIIII", 32, 0x40, 0, 24, 0xFF0000, 0xFF00, 0xFF, 0) + bytes(20)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'

# kind → its name, its maker: it fails, alone and beside others
FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "an empty file": ("x.png", written(b"")),
    "one byte": ("x.png", written(b"\x89")),
    "NUL bytes": ("x.tif", written(bytes(4096))),
    "text": ("x.png", written(b"buy milk\n" * 50)),
    "a zip": ("x.jpg", written(archive())),
    "an SVG": ("x.png", written(SVG)),
    "a PDF": ("x.tif", written(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF")),
    "a NumPy array": ("x.png", written(array())),
    "a PostScript program without end": ("x.png", written(PS)),
    "a FITS that claims 169 megapixels": ("x.tif", written(FITS)),
    "a DDS that claims 169 megapixels": ("x.bmp", written(DDS)),
    "a PNG cut off": ("x.png", written(half("PNG"))),
    "a JPEG cut off": ("x.jpg", written(half("JPEG"))),
    "a TIFF cut off": ("x.tif", written(half("TIFF"))),
    "a GIF cut off": ("x.gif", written(half("GIF"))),
    "a WebP cut off": ("x.webp", written(half("WEBP", lossless=True))),
    "a BMP cut off": ("x.bmp", written(half("BMP"))),
    "a JPEG's first bytes": ("x.jpg", written(b"\xff\xd8\xff\xe0")),
    "a JPEG of 10,000 scans": ("x.jpg", written(scans(10_000))),
    "a PNG's signature": ("x.png", written(b"\x89PNG\r\n\x1a\n")),
    "a PNG of 60,000 × 60,000": ("x.png", written(png_of((60000, 60000, 8, 2), b"\0"))),
    "a PNG of no width": ("x.png", written(png_of((0, 5, 8, 2), b"\0"))),
    "a PNG of 2³¹ − 1 pixels": ("x.png", written(png_of((2**31 - 1, 1, 8, 0), b"\0"))),
    "a BMP of 2³¹ − 1 pixels": ("x.bmp", written(bmp(2**31 - 1, 1))),
    "a BMP of a negative width": ("x.bmp", written(bmp(-5, 4))),
    "a PPM that claims a gigapixel": ("x.ppm", written(b"P6 40000 40000 255\n")),
    "a TIFF whose second page is lost": ("x.tif", written(later_frame_lost())),
    "a TIFF that begins nowhere": ("x.tif", written(struct.pack("<2sHI", b"II", 42, 2**31))),
}
if POSIX:  # Windows would write the zeros
    FILES |= {
        "8 GiB of nothing": ("x.png", sparse(8)),
        "3 GiB of nothing": ("x.png", sparse(3)),
    }
PLACES: dict[str, tuple[str, Callable[[Path], object]]] = {}
if POSIX:
    PLACES |= {
        "a named pipe": ("x.png", os.mkfifo),
        "a socket": ("x.png", sock),
        "a link to a pipe": (
            "x.png",
            lambda path: (os.mkfifo(path.parent / ".pipe"), path.symlink_to(".pipe")),
        ),
        "a link to /dev/zero": ("x.png", linked("/dev/zero")),
        "a link to /dev/random": ("x.tif", linked("/dev/random")),
        "a link to /dev/full": ("x.jpg", linked("/dev/full")),
        "a link to /dev/null": ("x.bmp", linked("/dev/null")),
        "a link to the terminal": ("x.gif", linked("/dev/tty")),
        "a link to nowhere": ("x.png", linked("gone.png")),
        "a link to itself": ("x.png", linked("x.png")),
        "two links in a circle": ("x.png", circle),
        "a link to itself through its folder": ("x.png", through_folder),
        "a link through a file": ("x.png", linked("good.png/x.png")),
        "a file that nobody may read": ("x.png", unreadable),
    }
if LINUX:
    PLACES["a link to this process's memory"] = ("x.png", linked("/proc/self/mem"))
FAILS = FILES | PLACES

# kind → its name, its maker: it is a picture like any other
WORKS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "200,000 pages": ("x.tif", written(tiff_pages(PAGES))),
    "200,000 frames": ("x.gif", written(gif_frames(PAGES))),
    "pages in a circle": ("x.tif", written(tiff_pages(3, back_to=0))),
    "a page that leads to itself": ("x.tif", written(tiff_pages(1, back_to=0))),
    "a JPEG named .png": ("x.png", written(bytes_of("JPEG"))),
    "a second name of a picture": ("x.png", lambda path: os.link(path.parent / "good.png", path)),
}
if POSIX:
    WORKS |= {
        "a name of two lines": ("x\ny.png", written(bytes_of("PNG"))),
        "a name with control signs": ("x\x1b[2J\x07\u202e.png", written(bytes_of("PNG"))),
        "a name of 255 bytes": ("x" * 251 + ".png", written(bytes_of("PNG"))),
    }
if LINUX:
    WORKS["a name that is no UTF-8"] = (os.fsdecode(b"x\xe9.png"), written(bytes_of("PNG")))


def put(kind: str, folder: Path) -> Path:
    """The odd file in a folder, beside `good.png`."""
    name, make = {**FAILS, **WORKS}[kind]
    if kind == "a file that nobody may read" and POSIX and os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "good.png")
    try:
        make(folder / name)
    except OSError as error:  # such as a file system without sparse files, or links
        pytest.skip(f"cannot be made here: {error}")
    return folder / name
