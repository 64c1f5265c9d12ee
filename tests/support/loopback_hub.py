"""A small hub on loopback: enough of the Hugging Face API to ask for a model and fetch it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHA = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(models: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """Serve folders under model ids; gives the endpoint and the list of paths asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            asked.append(f"{self.command} {path}")
            if path == "/":
                return self._send(b"a hub", body)
            content = _content(models, path)
            return self._missing(content) if isinstance(content, str) else self._send(content, body)

        def _send(self, content: bytes, body: bool) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", SHA)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def _missing(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _content(models: dict[str, Path], path: str) -> bytes | str:
    """What lies at an address, or the code of the error that the hub sends instead."""
    for repo, folder in models.items():
        if path.startswith(f"/api/models/{repo}"):
            return json.dumps(_info(repo, folder, path)).encode()
        start = f"/{repo}/resolve/"
        if path.startswith(start):
            file = folder / path[len(start) :].split("/", 1)[1]
            return file.read_bytes() if file.is_file() else "EntryNotFound"
    return "RepoNotFound"


def _info(repo: str, folder: Path, path: str) -> object:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    if "/tree/" in path:
        return [
            {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": SHA} for f in files
        ]
    siblings = [{"rfilename": file.name} for file in files]
    return {"id": repo, "modelId": repo, "sha": SHA, "siblings": siblings, "private": False}
