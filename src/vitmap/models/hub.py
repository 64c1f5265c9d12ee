"""A model's name → files on this disk: given, cached, or fetched within seconds.

A closed network must not hang: before anything is fetched, one small question is put to the hub
under a deadline, in a thread, since a name look-up that never answers knows no timeout.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import vitmap
from vitmap.errors import ModelUnavailable
from vitmap.files.opener import is_file, kind_of
from vitmap.models.checkpoint import WEIGHTS, Checkpoint

EMBEDDED = "embedded"
_FOLDER = "a folder, not a file"
DEADLINE = 6.0  # seconds for the hub's first answer, name look-up included
_SETTINGS = ["config.json", "preprocessor_config.json", "processor_config.json"]


def find_checkpoint(model: str) -> Checkpoint:
    """A local folder, the local cache, or the hub, in this order; `NAME@REVISION` pins one.

    `embedded` is the model that vitmap brings along; a folder of that name is `./embedded`.

    Raises ModelUnavailable with what to do, within seconds, where there is none.
    """
    if model == EMBEDDED:
        return Checkpoint(model, Path(vitmap.__file__).parent / "embedded", None)
    if not model:
        raise ModelUnavailable("No model was named: expected one, such as facebook/dino-vits8.")
    if (kind := _lies_there(model)) == _FOLDER:
        folder = Path(os.path.realpath(model))
        return Checkpoint(str(folder), folder, None)
    if kind is not None:
        raise ModelUnavailable(
            f"{model}: {kind}. Expected a folder in the layout of Hugging Face or timm, or a DINO "
            "checkpoint (.pth)."
        )
    if model.endswith((".pth", ".pt", ".bin")):
        raise ModelUnavailable(f"{model}: no such file.")
    if model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model:
        raise ModelUnavailable(f"{model}: no such folder.")
    return find_published(model)


def _lies_there(model: str) -> str | None:
    """What lies at that place, or None where nothing does."""
    try:
        kind = kind_of(model)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        unnamed = error.errno == errno.ENAMETOOLONG
        return None if unnamed else f"cannot be read ({error.strerror})"
    return kind if kind == _FOLDER else f"is {kind or 'a file'}"


def find_published(model: str) -> Checkpoint:
    """The local cache, or the hub: `owner/name` or `owner/name@revision`, never a folder.

    Raises ModelUnavailable with what to do, within seconds, where there is none.
    """
    repo, _, revision = model.partition("@")
    cached = _cached(repo, revision or "main")
    return cached or _fetch(repo, revision or "main")


def find_file(name: str, url: str) -> Path:
    """A file that a library publishes at a URL: from torch's cache (TORCH_HOME), or fetched.

    The URL ends in `-HASH.pth`: what is fetched is checked by it.

    Raises ModelUnavailable with what to do, within seconds, where there is none.
    """
    import torch

    file = url.rsplit("/", 1)[-1]
    place = Path(torch.hub.get_dir()) / "checkpoints" / file
    if is_file(place):
        return place
    try:
        if _offline():
            raise OSError("HF_HUB_OFFLINE is set")
        request = urllib.request.Request(url, method="HEAD")
        _within_deadline(lambda: urllib.request.urlopen(request, timeout=DEADLINE).close())
        place.parent.mkdir(parents=True, exist_ok=True)
        digest = re.search(r"-([0-9a-f]{8,})\.", file)
        with _no_wait_without_end():
            torch.hub.download_url_to_file(
                url, str(place), digest and digest.group(1), progress=False
            )
    except Exception as error:  # urllib, http, socket and torch.hub each raise their own
        raise ModelUnavailable(
            f"{name}: {file} is not in the local cache and could not be fetched "
            f"({_first_line(error)}). On a machine with a network fetch {url} and copy it to "
            f"{place}."
        ) from error
    return place


def _cached(repo: str, revision: str) -> Checkpoint | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(repo, "config.json", revision=revision)
    except HFValidationError as error:
        raise ModelUnavailable(
            f"{repo}: neither a folder here nor a model id (owner/name)."
        ) from error
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    found = Checkpoint(repo, folder, folder.name)
    complete = (folder / "preprocessor_config.json").exists() or found.is_timm()
    return found if found.weights() and complete else None


def _fetch(repo: str, revision: str) -> Checkpoint:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if _offline():
        raise _unavailable(repo, "it is not in the local cache, and HF_HUB_OFFLINE is set")
    info = _ask_hub(repo, revision)
    files = [entry.rfilename for entry in info.siblings or [] if "/" not in entry.rfilename]
    best = next((pattern for pattern in WEIGHTS if fnmatch.filter(files, pattern)), WEIGHTS[0])
    patterns = [best, f"{best}.index.json"]
    try:
        folder = snapshot_download(
            repo, revision=revision, allow_patterns=[*_SETTINGS, *patterns], etag_timeout=DEADLINE
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise _unavailable(repo, f"the download broke off ({_first_line(error)})") from error
    return Checkpoint(repo, Path(folder), Path(folder).name)


def _ask_hub(repo: str, revision: str) -> Any:
    """The hub's record of a model; an outage is remembered, so that a run waits for it once."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if reason := _outage():
        raise _unavailable(repo, reason)
    try:
        ask = partial(HfApi().model_info, repo, revision=revision, timeout=DEADLINE)
        return _within_deadline(ask)
    except GatedRepoError as error:
        raise _unavailable(repo, "it is gated: accept its terms, then `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise _unavailable(repo, f"it has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise ModelUnavailable(
            f"{repo}: no such model on the hub, and no such folder here "
            "(a private model needs `hf auth login`)."
        ) from error
    except HfHubHTTPError as error:
        raise _unavailable(repo, f"the hub refused ({_first_line(error)})") from error
    except Exception as error:
        raise _unavailable(repo, f"the hub did not answer ({_first_line(error)})") from error


def _offline() -> bool:
    """Whether the user wished that nobody is asked."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE or os.environ.get("TRANSFORMERS_OFFLINE", "0") == "1"


@cache
def _outage() -> str | None:
    """Why the hub is out of reach, or None where it answers anything at all."""
    from huggingface_hub import constants, get_session

    try:
        _within_deadline(lambda: get_session().head(constants.ENDPOINT, timeout=DEADLINE))
    except Exception as error:
        return f"the hub is out of reach ({_first_line(error)})"
    return None


def _within_deadline(ask: Callable[[], Any]) -> Any:
    """The answer, or TimeoutError, also where a name look-up hangs or bytes only trickle in."""
    answers: list[Any] = []
    errors: list[BaseException] = []

    def asking() -> None:
        try:
            answers.append(ask())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=asking, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {DEADLINE:g} s")
    return answers[0]


@contextmanager
def _no_wait_without_end() -> Iterator[None]:
    """A connection that falls silent is given up; torch.hub alone would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DEADLINE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _unavailable(repo: str, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{repo}: {reason}. On a machine with a network run `hf download {repo}` and copy the "
        "folder here, then name it (--model FOLDER)."
    )


def cached_checkpoints() -> list[Checkpoint]:
    """Every model in the local cache that has a config.json, newest revision of each; no network.

    Broken corners of a cache are left out. huggingface_hub's own scan opens every file in `refs`,
    and would wait for a named pipe there.
    """
    from huggingface_hub import constants

    found = []
    for home in sorted(Path(constants.HF_HUB_CACHE).glob("models--*")):
        place = _newest(home / "snapshots")
        if place is not None:
            name = home.name.removeprefix("models--").replace("--", "/")
            found.append(Checkpoint(name, place, place.name))
    return found


def _newest(snapshots: Path) -> Path | None:
    """The snapshot whose config.json is the newest."""
    changed: list[tuple[float, Path]] = []
    with suppress(OSError):
        for place in sorted(snapshots.iterdir()):
            if is_file(place / "config.json"):
                changed.append(((place / "config.json").stat().st_mtime, place))
    return max(changed, default=(0.0, None))[1]


def cached_files(pattern: str) -> list[Path]:
    """Weight files in torch's own cache (TORCH_HOME), found without importing torch."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = Path(os.environ.get("TORCH_HOME", cache_home / "torch"))
    return sorted((home / "hub" / "checkpoints").glob(pattern))
