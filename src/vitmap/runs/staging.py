"""Staging: a picture's files are written aside and appear together, or not at all."""

from __future__ import annotations

import json
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vitmap.errors import DamagedFile, OutputError
from vitmap.files.checked import DIGEST, convert, read_json, seal, unseal
from vitmap.files.lock import folder_lock, short
from vitmap.files.place import inside
from vitmap.runs.keeping import keep_folder, keep_result, mark
from vitmap.runs.keeping import prepare as prepare

RECORD_FORMAT = 2  # the `format` of every run.json; those from before digests have none
RUN = "run.json"

_KIND = "a record that vitmap wrote"
# All that vitmap writes into a folder whose record lists it; a test compares them with every
# command's files. Nothing else is taken away, whatever a record says.
_OWN = re.compile(
    r"(L|pool)[\w+-]*-(heatmap|mask|overlay)\.png|attn-[\w+-]+\.png|img\.png|heads\.png|recipe\.png"
    r"|(maps|heat)\.safetensors"
    r"|(recipe|anomaly|beta|eta|gamma)-(heatmap|mask|overlay)\.png|(composite|maps?)\.png|run\.json"
    r"|(compare|agreement|parts|rank|held-out|portrait|scores|verdict|features|positions)\.csv"
    r"|(compare|agreement|rank|examples|portrait|attention)\.png|attention\.xlsx|explore\.html"
    r"|recipe\.(json|safetensors)|(adjusted|attention)_\w+\.csv"
    r"|(learn|valid)_(\w+\.csv|settings\.json)"
)


class Stage:
    """A folder beside the final one, for the files of one picture."""

    def __init__(self, folder: Path, final: Path, record: str = RUN) -> None:
        self.folder, self.final, self.record = folder, final, record

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Begin with an empty folder; gone on any failure."""
        try:
            with writing(self.final):
                self.folder.mkdir()
                yield
        except BaseException:
            self.discard()
            raise

    def write_record(self, record: Mapping[str, Any]) -> None:
        """The record, which names the files; raises OutputError where it cannot be written."""
        with writing(self.final / self.record):
            _write(self.folder / self.record, seal(record))

    def commit(self) -> None:
        """Put the files in their place; earlier files of vitmap's own go, others stay.

        Raises OutputError where the place cannot be written, FolderInUse where another vitmap is
        at work in it, UnsafeName where it is a link.
        """
        try:
            if self.final.is_symlink():
                inside(self.final.parent, self.final.name)
            with writing(self.final):
                if not self.final.is_dir() and self._appear():
                    return
            with folder_lock(self.final, nested=True), writing(self.final):
                self._merge()
        finally:
            self.discard()

    def _appear(self) -> bool:
        """Whether the folder is in its place: not where another run has made one since."""
        try:
            self.folder.rename(self.final)
        except OSError:
            if self.final.is_dir():
                return False
            raise
        return True

    def _merge(self) -> None:
        new = sorted(path.name for path in self.folder.iterdir())
        record = self.record  # last: while it is the old one, the folder is the old run's
        for name in own_files(self.final, record) - set(new):
            (self.final / name).unlink(missing_ok=True)
        for name in [*(name for name in new if name != record), record]:
            (self.folder / name).replace(self.final / name)

    def files(self) -> list[str]:
        """The names that the folder will hold, in order, with the record that may come last."""
        return sorted({path.name for path in self.folder.iterdir()} | {self.record})

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Stages:
    """The stages of a run with a folder for each picture.

    They lie in one folder inside --out, so that whoever keeps --out knows any other such folder to
    be a dead run's, and so that thousands of pictures that wait need no lock each.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.room = out, out / f".partial.{mark()}"

    @contextmanager
    def opened(self) -> Iterator[Stages]:
        """Keep --out; nothing half-written is left in it afterwards.

        Raises OutputError where nothing can be written there, FolderInUse where another run is.
        """
        with keep_folder(self.out):
            try:
                with writing(self.out):
                    self.room.mkdir()
                yield self
            finally:
                shutil.rmtree(self.room, ignore_errors=True)

    def of(self, name: str) -> Stage:
        """The stage of one picture; raises UnsafeName where its folder is a link."""
        return Stage(self.room / name, inside(self.out, name))

    def discard(self, name: str) -> None:
        """Leave nothing of a picture that failed."""
        shutil.rmtree(self.room / name, ignore_errors=True)


@contextmanager
def staged(out: Path, record: str = RUN) -> Iterator[Stage]:
    """The stage of a folder that the user named; its files are in their place afterwards.

    Raises OutputError where the place cannot be written, FolderInUse where another run is.
    """
    with keep_result(out):
        real = out.resolve()
        stage = Stage(real.parent / f".{short(real.name)}.{mark()}.partial", real, record)
        with stage.opened():
            yield stage
        stage.commit()


def write_json(path: Path, value: object) -> None:
    """JSON that reads well and is the same for the same value; whole or not at all."""
    with writing(path):
        _write(path, value)


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """A command's run.json: its last key is the digest of all others (`files.checked.seal`)."""
    write_json(path, seal(record))


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raises OutputError where what is done inside fails for the file system's reasons."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        where = error.filename2 or place  # the file that could not be put in its place
        raise OutputError(f"{where}: cannot be written ({reason}).") from error


def own_files(folder: Path, record: str = RUN) -> set[str]:
    """The files of an earlier run in its folder, as its record lists them; none without a record.

    What is no regular file directly inside, or has a name that no command gives, is not vitmap's.
    """
    try:
        about = read_json(folder / record, _KIND)
        sealed = isinstance(about, dict) and ("format" in about or DIGEST in about)
        about = unseal(about, record, _KIND, required=sealed)
        files = about["files"] if "files" in about else about["pictures"][0]["files"]
        names: list[str] = convert(files, list[str], record, _KIND)
    except (OSError, DamagedFile, LookupError, TypeError):
        return set()  # not vitmap's folder: nothing in it is ours to take away
    return {name for name in names if _OWN.fullmatch(name) and _is_regular(folder / name)}


def _is_regular(path: Path) -> bool:
    """Whether the name itself is a file's: a link was made by somebody else."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _write(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    partial = path.with_name(f".{short(path.name)}.{mark()}.partial")
    try:
        # A file name that is not UTF-8 is written escaped, and read back as what it was.
        with partial.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
