"""The path rule, the opener and the lock, each beside what it must refuse."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitmap.errors import FolderInUse, OutputError, UnsafeName
from vitmap.files.lock import NAME, folder_lock, folder_locks, name_lock
from vitmap.files.opener import NotAFile, is_file, open_file, read_file
from vitmap.files.place import inside, is_safe


@pytest.mark.parametrize("name", ["a.png", "masks/a.png", "検査/傷.png", "a b", "..a", "a..", "-a"])
def test_a_plain_name_joins(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name) == tmp_path / name
    assert is_safe(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "a//b", "a/./b", "a/", "a\0b"),
        *("C:/a", "C:\\a", "\\\\server\\share\\a", "x" * 5000),
    ],
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeName):
        inside(tmp_path, name)
    assert not is_safe(name)


def test_a_link_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "masks").symlink_to(tmp_path / "elsewhere")
    (out / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    for name in ("masks/a.png", "a.png"):
        with pytest.raises(UnsafeName, match="is a link"):
            inside(out, name)
    (tmp_path / "named").symlink_to(out)
    assert inside(tmp_path / "named", "b.png") == tmp_path / "named" / "b.png"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert read_file(tmp_path / "file", 5) == read_file(tmp_path / "link", 5) == b"12345"
        with pytest.raises(NotAFile, match="5 bytes, more than the 4"):
            open_file(tmp_path / "file", 4)
        for name, kind in (("pipe", "a named pipe"), ("socket", "a socket")):
            with pytest.raises(NotAFile, match=kind):
                open_file(tmp_path / name)
    for device in ("/dev/zero", "/dev/random"):
        with pytest.raises(NotAFile, match="a device"):
            open_file(device)
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "gone")
    with pytest.raises(OSError, match="ymbolic links"):
        open_file(tmp_path / "loop")
    assert [is_file(tmp_path / n) for n in ("file", "link", "pipe", "loop", "gone")] == [
        *(True, True),
        *(False, False, False),
    ]


HOLDER = """
import sys, time
from pathlib import Path
from vitmap.files.lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(folder: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that holds a folder's lock from here on."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(folder), str(seconds)]
    found = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert found.stdout is not None
    assert found.stdout.readline() == "held\n"
    return found


def test_a_second_process_is_told_who_writes(tmp_path: Path) -> None:
    with holder(tmp_path, 60) as other:
        said = rf"process {other.pid}\) writes there.*--out"
        with pytest.raises(FolderInUse, match=said), folder_lock(tmp_path, wait=0.1):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
        with folder_lock(tmp_path, wait=0):  # a dead process holds nothing
            assert (tmp_path / NAME).read_text().strip() == str(os.getpid())
    assert not (tmp_path / NAME).exists()


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    with holder(tmp_path, 0.5):
        begun = time.monotonic()
        with folder_lock(tmp_path, wait=30):
            assert 0.2 < time.monotonic() - begun < 30


def test_folders_are_locked_once_each_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    twice = [(tmp_path / "b", "--rows"), (tmp_path / "a", "--out")]
    with (
        folder_locks(twice, wait=0),
        pytest.raises(FolderInUse),
        folder_lock(tmp_path / "a", wait=0),
    ):
        pass
    with name_lock(tmp_path, "new", wait=0):
        assert (tmp_path / ".new.lock").is_file()
        with (
            pytest.raises(FolderInUse, match="new: another vitmap"),
            name_lock(tmp_path, "new", wait=0),
        ):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_lock_never_follows_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).symlink_to(victim)
    with pytest.raises(OutputError), folder_lock(tmp_path / "out", wait=0):
        pass
    assert victim.read_text() == "kept"
