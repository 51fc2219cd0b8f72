"""One file over HTTP, from the first address that gives it: resumed, watched, and bounded.

`urllib` and not a download library: pooch checks hashes and keeps a cache but neither resumes nor notices a server
that stalls, and those are what downloads of a gigabyte die of. Whether the bytes are the right ones is for
`checkpoints` to say; here only their number is known.
"""

import http.client
import json
import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from separation_core.errors import Cancelled, ModelError
from separation_core.sessions.durable import write_errors

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are and the bytes there will be (None where the server does not say)."""
Cancel = Callable[[], bool]
BLOCK = 1 << 18
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_MEGABYTE = 1_000_000
_LONGEST_COUNT = 18
"""Digits of a length that can be meant."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """When to give up.

    stall: seconds without `slow` bytes after which a connection is dropped. attempts: in a row that gained less.
    pause: seconds before the second attempt, doubled each time. size: the most bytes a file may have. reserve: bytes
    of disk to leave free.
    """

    stall: float = 30.0
    slow: int = 4096
    attempts: int = 4
    pause: float = 1.0
    size: int = 8 << 30
    reserve: int = 64 << 20


class _BrokenOffError(Exception):
    """The connection ended early; what came is kept and the rest may be asked for."""


class _RefusedError(Exception):
    """This address will not give the file, however often it is asked."""


def download(
    url: str,
    partial: Path,
    *,
    size: int | None = None,
    limits: TransferLimits | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> None:
    """Fetch `url` into the file `partial`, going on from what an earlier try left there.

    size: bytes the file must have, where known. Raises ModelError saying why the address did not give the file,
    WriteFailed where the disk refuses it, and Cancelled; in all these cases what came may be kept for a next try.
    """
    _Download(url, partial, size, limits or TransferLimits(), progress, cancelled).run()


def forget(partial: Path) -> None:
    """Remove an unfinished download and what is known of it."""
    partial.unlink(missing_ok=True)
    _notes_of(partial).unlink(missing_ok=True)


def _notes_of(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


class _Download:
    """A download over as many attempts as it takes."""

    def __init__(
        self, url: str, partial: Path, size: int | None, limits: TransferLimits, progress: Progress | None,
        cancelled: Cancel | None,
    ) -> None:  # fmt: skip
        self._url, self._partial, self._size, self._limits = url, partial, size, limits
        self._progress, self._cancelled = progress, cancelled

    def run(self) -> None:
        """Try until the file is whole, or next to nothing came several times in a row."""
        failures = 0
        while (before := self._have()) == 0 or before != self._size:
            try:
                self._attempt()
            except _RefusedError as error:
                raise ModelError(f"{_host(self._url)} {error}") from error
            except _BrokenOffError as error:
                failures = 0 if self._have() - before >= self._limits.slow else failures + 1
                if failures >= self._limits.attempts:
                    raise ModelError(f"{_host(self._url)} {error}") from error
                self._wait(self._limits.pause * 2 ** max(0, failures - 1))
            else:
                return

    def _attempt(self) -> None:
        start, headers = self._resume_point()
        with self._open(headers) as response:
            start, total = self._agreed(response, start)
            self._check_total(total, start)
            if start == 0:
                self._note(response)
            self._receive(response, start, total)

    def _open(self, headers: dict[str, str]) -> Any:
        plain = {"User-Agent": "stemrack", "Accept-Encoding": "identity"}
        request = urllib.request.Request(self._url, headers=plain | headers)  # noqa: S310  # only http and https open
        with _network_errors(self._limits.stall):
            try:
                return _opener().open(request, timeout=self._limits.stall)
            except HTTPError as error:
                error.close()
                if 300 <= error.code < 400:
                    raise _RefusedError("redirects without end, or to something that is no web address") from error
                if error.code == 416:
                    forget(self._partial)
                    raise _BrokenOffError("no longer has the part asked for") from error
                kind = _BrokenOffError if error.code in _TRANSIENT else _RefusedError
                raise kind(f"answers {error.code} {_one_line(error.reason)}") from error

    def _have(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _resume_point(self) -> tuple[int, dict[str, str]]:
        """Where to go on, and how to ask for that: only the same address, and only while its file is unchanged."""
        notes = _read_notes(self._partial)
        have = self._have()
        if have == 0 or notes.get("url") != self._url:
            return 0, {}
        validator = notes.get("validator")
        return have, {"Range": f"bytes={have}-"} | ({"If-Range": str(validator)} if validator else {})

    def _note(self, response: Any) -> None:
        etag = response.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        with write_errors(self._partial):
            _notes_of(self._partial).write_text(json.dumps({"url": self._url, "validator": strong}), encoding="utf-8")

    def _agreed(self, response: Any, asked: int) -> tuple[int, int | None]:
        """Where the server's answer begins and how long the whole file is by its word."""
        if response.status == 206 and asked:
            first, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if first.partition("-")[0] != str(asked):
                forget(self._partial)
                raise _BrokenOffError("answers with another part than was asked for")
            return asked, _count(total)
        if response.status != 200:
            raise _RefusedError(f"answers {response.status} without a file")
        if "text/html" in response.headers.get("Content-Type", ""):
            raise _RefusedError("answers with a web page instead of the file")
        return 0, _count(response.headers.get("Content-Length", ""))

    def _check_total(self, total: int | None, start: int) -> None:
        expected = total if total is not None else self._size
        if None not in (self._size, total) and total != self._size:
            forget(self._partial)
            raise _RefusedError(f"has a file of {total} bytes where {self._size} are expected")
        if expected is not None and expected > self._limits.size:
            raise _RefusedError(f"has a file of {expected} bytes, more than the {self._limits.size} allowed")
        free = shutil.disk_usage(self._partial.parent).free - self._limits.reserve
        if expected is not None and expected - start > free:
            raise _RefusedError(
                f"has {expected / _MEGABYTE:.0f} MB and only {max(0, free) / _MEGABYTE:.0f} MB are free: make room"
            )

    def _receive(self, response: Any, start: int, total: int | None) -> None:
        whole = total if total is not None else self._size
        done = start
        with write_errors(self._partial), self._partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for block in self._blocks(response):
                done += len(block)
                if done > (self._limits.size if whole is None else whole):
                    raise _RefusedError(f"sends more than {whole or self._limits.size} bytes")
                file.write(block)
                if self._progress:
                    self._progress(done, whole)
        if whole is not None and done < whole:
            raise _BrokenOffError(f"broke off after {done} of {whole} bytes")

    def _blocks(self, response: Any) -> Iterator[bytes]:
        """What comes, as it comes; a connection that only drips is taken for one that stalls."""
        began, seen = time.monotonic(), 0
        while True:
            if self._cancelled and self._cancelled():
                raise Cancelled("download stopped; the same command goes on from here")
            with _network_errors(self._limits.stall):
                block = response.read1(BLOCK)
            if not block:
                return
            seen += len(block)
            if seen >= self._limits.slow:
                began, seen = time.monotonic(), 0
            elif time.monotonic() - began > self._limits.stall:
                raise _BrokenOffError(f"stalls: under {self._limits.slow} bytes in {self._limits.stall:g} s")
            yield block

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + min(seconds, 30.0)
        while time.monotonic() < until:
            if self._cancelled and self._cancelled():
                raise Cancelled("download stopped; the same command goes on from here")
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))


def _count(text: str) -> int | None:
    """Bytes that a header names; None where it names none, or more than there can be."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_COUNT else None


def _read_notes(partial: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        notes = json.loads(_notes_of(partial).read_text(encoding="utf-8"))
        if isinstance(notes, dict):
            return notes
    return {}


@contextmanager
def _network_errors(stall: float) -> Iterator[None]:
    """Say in a few words what went wrong with the connection."""
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            raise _BrokenOffError(f"stalls: nothing came for {stall:g} s") from error
        # A certificate that does not fit, or a redirect to what is no address, will be no better the second time.
        hopeless = isinstance(reason, ssl.SSLCertVerificationError | ValueError)
        kind = _RefusedError if hopeless else _BrokenOffError
        raise kind(f"cannot be reached or broke off ({_one_line(reason)})") from error


def _one_line(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(text).split())[:200]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few redirects, none of them from an encrypted to an open connection."""

    max_repeats = 2
    max_redirections = 5

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Ask there. Raises ValueError for what is no address."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The next request. Raises `_RefusedError` for one that gives up encryption."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise _RefusedError(f"redirects to {newurl[:80]}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, and nothing else: `build_opener` would also open file:, ftp: and data:."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _host(url: str) -> str:
    return urlsplit(url).netloc or url[:60]
