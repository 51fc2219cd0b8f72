"""A small network's weights in all the wrappings there are, and an HTTP server that misbehaves on request."""

import http.server
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from separation_core.models.scnet import Scnet, ScnetConfig

SMALL_SCNET = ScnetConfig(dims=(4, 8, 8), window=512, hop=128, conv_depths=(1, 1, 1), paths=2, segment=4096)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's cache or models."""
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STEMRACK_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("STEMRACK_OFFLINE", raising=False)


@pytest.fixture(scope="session")
def small_scnet() -> Scnet:
    torch.manual_seed(7)
    return Scnet(SMALL_SCNET).eval()


@dataclass
class Behaviour:
    """How the server treats one path. Counters tell what was asked of it."""

    body: bytes
    ranges: bool = True
    etag: str | None = '"one"'
    content_type: str = "application/octet-stream"
    claim: int | str | None = None
    """Content-Length to claim instead of the true one."""
    break_after: int | None = None
    """Bytes after which the first `breaks` connections are closed."""
    breaks: int = 1
    stall_after: int | None = None
    drip: bool = False
    redirect: str | None = None
    status: int = 200
    failures: int = 0
    """How often `status` is answered before the file is given."""
    wrong_range: bool = False
    asked: list[str] = field(default_factory=list)
    """The Range header of each request, "" without one."""


class BadServer:
    """An HTTP server on this machine whose paths behave as told."""

    def __init__(self) -> None:
        self.paths: dict[str, Behaviour] = {}
        self.stopping = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.close_connection = True
                with suppress(ConnectionError, TimeoutError):
                    outer.answer(self, outer.paths[self.path.partition("?")[0]])

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that breaks off, or does not trust the certificate, is what is being tested."""

        self.scheme = "http"
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}{path}"

    def encrypt(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https"

    def serve(self, path: str, body: bytes, **behaviour: Any) -> Behaviour:
        self.paths[path] = Behaviour(body, **behaviour)
        return self.paths[path]

    def answer(self, handler: http.server.BaseHTTPRequestHandler, how: Behaviour) -> None:
        wanted = handler.headers.get("Range", "")
        how.asked.append(wanted)
        if how.redirect is not None:
            handler.send_response(302)
            handler.send_header("Location", how.redirect)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if how.failures > 0:
            how.failures -= 1
            handler.send_response(how.status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self.send(handler, how, self.start_of(handler, how, wanted))

    def start_of(self, handler: http.server.BaseHTTPRequestHandler, how: Behaviour, wanted: str) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", wanted)
        fresh = handler.headers.get("If-Range") in (None, how.etag)
        return int(found[1]) if found and how.ranges and fresh else 0

    def send(self, handler: http.server.BaseHTTPRequestHandler, how: Behaviour, start: int) -> None:
        if start >= len(how.body):
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        part = how.body[start:]
        handler.send_response(206 if start else 200)
        if start:
            first = start + 1 if how.wrong_range else start
            handler.send_header("Content-Range", f"bytes {first}-{len(how.body) - 1}/{len(how.body)}")
        handler.send_header("Content-Type", how.content_type)
        handler.send_header("Content-Length", str(len(part) if how.claim is None else how.claim))
        if how.etag:
            handler.send_header("ETag", how.etag)
        handler.end_headers()
        self.send_body(handler, how, part)

    def send_body(self, handler: http.server.BaseHTTPRequestHandler, how: Behaviour, part: bytes) -> None:
        if how.drip:
            for byte in part:
                handler.wfile.write(bytes([byte]))
                if self.stopping.wait(0.05):
                    return
        stop = len(part)
        if how.break_after is not None and how.breaks > 0:
            how.breaks -= 1
            stop = min(stop, how.break_after)
        if how.stall_after is not None:
            handler.wfile.write(part[: how.stall_after])
            handler.wfile.flush()
            self.stopping.wait(20)
            return
        for at in range(0, stop, 1 << 14):
            handler.wfile.write(part[at : min(stop, at + (1 << 14))])

    def stop(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[BadServer]:
    running = BadServer()
    yield running
    running.stop()
