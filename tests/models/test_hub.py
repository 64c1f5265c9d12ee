"""Names → checkpoints: the defaults from a hub, from the cache, and on a closed network."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import loopback_hub
import vitmap
from closed_network import reach
from vitmap.errors import ModelUnavailable
from vitmap.models import hub
from vitmap.models.load import CLASSIFIER, MAPS


def run(arguments: list[str], cache: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user starts it, with a hub and a cache of its own."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))},
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONWARNINGS": "default",
    }
    command = [sys.executable, "-m", "vitmap", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_defaults_come_from_the_hub_and_then_from_the_cache(
    tiny_backbone: Path, tiny_classifier: Path, tmp_path: Path, draw: object
) -> None:
    picture, out = str(draw("cat.png")), str(tmp_path / "out")
    arguments = [picture, "--size", "32", "--out", out, "--json"]
    with loopback_hub.serving({MAPS: tiny_backbone, CLASSIFIER: tiny_classifier}) as (url, asked):
        first = run(arguments, tmp_path / "cache", url)
    assert first.returncode == 0, first.stderr
    fetched = {
        path.rsplit("/", 1)[-1] for path in asked if path.startswith("GET") and "/res" in path
    }
    assert fetched == {"config.json", "preprocessor_config.json", "model.safetensors"}
    record = json.loads((tmp_path / "out" / "cat" / "run.json").read_text("utf-8"))
    assert record["model"]["model"] == MAPS
    assert record["model"]["revision"] == loopback_hub.SHA
    assert record["classifier"]["model"] == CLASSIFIER

    closed = run(arguments, tmp_path / "cache", "http://127.0.0.1:9")
    assert closed.returncode == 0, closed.stderr
    assert json.loads(closed.stdout) == json.loads(first.stdout)


def test_pickled_weights_are_fetched_only_where_there_is_nothing_better(
    tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "old"
    shutil.copytree(tiny_classifier, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with loopback_hub.serving({"owner/old": folder}) as (url, asked):
        reach(monkeypatch, url)
        old, new = vitmap.load("owner/old"), vitmap.load(tiny_classifier)
    assert any(path.endswith("pytorch_model.bin") for path in asked)
    for ours, theirs in zip(old.network.parameters(), new.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("owner/none", "owner/none: no such model on the hub, and no such folder here"),
        ("./none", "./none: no such folder."),
        ("a/b/c", "a/b/c: no such folder."),
        ("what is this", "what is this: neither a folder here nor a model id"),
    ],
)
def test_names_that_lead_nowhere(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback_hub.serving({}) as (url, _):
        reach(monkeypatch, url)
        with pytest.raises(ModelUnavailable) as caught:
            vitmap.load(name)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


def test_a_network_that_refuses_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reach(monkeypatch, "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"the hub is out of reach .* `hf download owner/x`"):
        vitmap.load("owner/x")
    assert time.monotonic() - begun < 5


def test_a_network_that_swallows_everything_is_answered_within_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reach(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(hub, "DEADLINE", 0.7)
        begun = time.monotonic()
        for name in ("owner/x", "owner/y"):  # the outage is remembered: one wait, not two
            with pytest.raises(ModelUnavailable, match="the hub"):
                vitmap.load(name)
        assert time.monotonic() - begun < 3


def test_a_hub_that_trickles_is_answered_within_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Greeting at once, then a byte now and then: no single read ever times out."""
    import threading

    over = threading.Event()

    def trickle(server: socket.socket) -> None:
        while not over.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            head = connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
            while not head.startswith(b"HEAD") and not over.wait(0.1):
                try:
                    connection.sendall(b" ")
                except OSError:
                    break
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,), daemon=True)
        thread.start()
        reach(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(hub, "DEADLINE", 0.7)
        begun = time.monotonic()
        with pytest.raises(ModelUnavailable, match=r"no answer within 0\.7 s"):
            vitmap.load("owner/x")
        assert time.monotonic() - begun < 4
        over.set()


def test_offline_by_wish_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback_hub.serving({}) as (url, asked):
        reach(monkeypatch, url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set"):
            vitmap.load("owner/x")
    assert asked == []


def test_a_digest_names_the_weights(tiny_classifier: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_classifier, copy)
    same = hub.find_checkpoint(str(copy)).digest()
    assert same == hub.find_checkpoint(str(tiny_classifier)).digest()
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    assert hub.find_checkpoint(str(copy)).digest() != same
